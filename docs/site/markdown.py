"""Headings and links of a page in Markdown, as the repository's file view reads them.

Both the site and the link check know pages by these alone.
"""

import re

FENCE = re.compile(r"^\s*(```+|~~~+)")
HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$")
LINK = re.compile(r"(?P<image>!?)\[(?P<text>(?:[^\[\]`]|`[^`]*`|\[[^\[\]]*\])*)\]\((?P<target>[^()\s]+)\)")


def slug(heading):
    """The anchor of a heading: letters and digits in lower case, hyphens for spaces, nothing for other signs."""
    text = LINK.sub(lambda link: link["text"], heading).replace("`", "").strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def prose(lines):
    """For each line whether it is text to be read, and not code: a fenced block, or one that is indented."""
    fence, indented, blank = None, False, True
    for line in lines:
        mark = FENCE.match(line)
        indented = line.startswith("    ") and (indented or blank) or (indented and not line.strip())
        blank = not line.strip()
        if fence:
            yield False
            if mark and mark[1].startswith(fence):
                fence = None
        elif mark and not indented:
            fence = mark[1]
            yield False
        else:
            yield not indented


def anchors(lines):
    """The anchors of a page, one for each heading, by line; a heading that comes again gets a number."""
    seen, found = {}, {}
    for number, (line, is_prose) in enumerate(zip(lines, prose(lines))):
        heading = HEADING.match(line) if is_prose else None
        if not heading:
            continue
        name = slug(heading[2])
        count = seen.get(name, 0)
        seen[name] = count + 1
        found[number] = f"{name}-{count}" if count else name
    return found


def replace_links(line, replace):
    """The line with each of its links outside of code put through `replace`, a function of the match."""
    code = [span.span() for span in re.finditer(r"(`+)(?:(?!\1).)+\1", line)]

    def one(link):
        inside = any(first <= link.start() and link.end() <= last for first, last in code)
        return link[0] if inside else replace(link)

    return LINK.sub(one, line)
