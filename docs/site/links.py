"""Checks links: of every page in Markdown, or of a site that was built.

A relative link leads to a file, and to an anchor that it has; another one is a well-formed https address, which is not asked for.
"""

import argparse
import html.parser
import os
import pathlib
import re
import sys
import urllib.parse

import markdown

SKIPPED = {"build", "node_modules"}


def complaint_about_address(address):
    """What is wrong with a link to elsewhere; None for nothing."""
    parts = urllib.parse.urlsplit(address)
    if parts.scheme == "mailto":
        return None
    is_well_formed = parts.scheme == "https" and re.fullmatch(r"[\w-]+(\.[\w-]+)+(:\d+)?", parts.netloc) and not re.search(r"\s", address)
    return None if is_well_formed else f"not a well-formed https address: {address}"


# Markdown


def pages(root):
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in SKIPPED and not name.startswith("."))
        yield from (pathlib.Path(folder) / name for name in sorted(names) if name.endswith(".md"))


def targets(line):
    """The targets of a line's links, its definitions of links, and its elements of HTML."""
    found = []

    def take(link):
        found.append(link["target"])
        return markdown.LINK.sub(take, link["text"])  # a picture that is a link

    markdown.replace_links(line, take)
    found += re.findall(r"^\[[^\]]+\]:\s+(\S+)", line)
    return found + re.findall(r'<(?:a|img)\s[^>]*?(?:href|src)="([^"]*)"', line)


def markdown_complaints(root):
    root, anchors = root.resolve(), {}

    def anchors_of(path):
        if path not in anchors:
            anchors[path] = set(markdown.anchors(path.read_text(encoding="utf-8").splitlines()).values())
        return anchors[path]

    def complaint(page, target):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            return complaint_about_address(target)
        file, _, anchor = target.partition("#")
        place = (page.parent / urllib.parse.unquote(file)).resolve() if file else page
        if not place.exists() or not place.is_relative_to(root):
            return f"no such file: {target}"
        if place.suffix == ".md":
            return f"no such heading: {target}" if anchor and anchor not in anchors_of(place) else None
        return f"no such place: {target}" if anchor and not re.fullmatch(r"L\d+(-L\d+)?", anchor) else None

    for page in pages(root):
        lines = page.read_text(encoding="utf-8").splitlines()
        for number, (line, is_prose) in enumerate(zip(lines, markdown.prose(lines)), start=1):
            if is_prose and re.match(r"[^\[\]`]*\]\([^()\s]+\)", line):
                yield f"{page.relative_to(root)}:{number}: a link that begins on the line before; the site needs it on one"
            for target in targets(line) if is_prose else []:
                if found := complaint(page, target):
                    yield f"{page.relative_to(root)}:{number}: {found}"


# HTML


class Page(html.parser.HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors = [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.anchors.update(attributes[key] for key in ("id", "name") if attributes.get(key))
        self.links += [(self.getpos()[0], attributes[key]) for key in ("href", "src", "data") if attributes.get(key)]


def html_complaints(root):
    found = {path: Page(path) for path in sorted(root.glob("*.html"))}
    links = [(path, line, target) for path, page in found.items() for line, target in page.links]
    for script in sorted(root.glob("*.js")):  # the tree of pages beside them
        if not script.stem.startswith("navtreeindex"):  # these say where in the tree a page is, also for pages that are not
            links += [(script, 1, target) for target in re.findall(r'"([\w-]+\.html(?:#[\w-]+)?)"', script.read_text(encoding="utf-8"))]
    for path, line, target in links:
        where = f"{path.name}:{line}"
        # Doxygen 1.9.4 heads a class that has private types with a link to a list of types that it leaves out; style.css hides it.
        if target.startswith("javascript:") or target == "#nested-classes":
            continue
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            if complaint := complaint_about_address(target):
                yield f"{where}: {complaint}"
            continue
        file, _, anchor = urllib.parse.unquote(target).partition("#")
        place = root / file if file else path
        if not place.exists():
            yield f"{where}: no such file: {target}"
        elif anchor and place in found and anchor not in found[place].anchors:
            yield f"{where}: no such anchor: {target}"
    if not found:
        yield f"{root}: no page"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=["markdown", "html"])
    parser.add_argument("folder", type=pathlib.Path)
    arguments = parser.parse_args()
    check = markdown_complaints if arguments.kind == "markdown" else html_complaints
    complaints = list(check(arguments.folder))
    print("\n".join(complaints), end="\n" if complaints else "")
    print(f"{arguments.folder}: {len(complaints)} broken links" if complaints else f"{arguments.folder}: no broken link")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
