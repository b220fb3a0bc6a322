"""Checks and sets right what Doxygen 1.9.4 does not.

Values of enumerations without a docstring are no warning to it; here they are an error.
In the tree, members of a header lead to the header's page, and not to the one of its topic, where they are. In pages of Markdown, a link
to a file leads to the page of its description, and not to its text.
"""

import pathlib
import re
import sys
from xml.etree import ElementTree

import prepare


def undocumented_values(xml):
    """The values of enumerations that have no docstring, as file:line: name."""
    for page in sorted(xml.glob("*.xml")):
        for member in ElementTree.parse(page).iterfind(".//memberdef[@kind='enum']"):
            place = member.find("location").attrib
            if member.get("prot") == "private":
                continue
            for value in member.iterfind("enumvalue"):
                if not "".join([*value.find("briefdescription").itertext(), *value.find("detaileddescription").itertext()]).strip():
                    yield f"{place['file']}:{place['line']}: error: value {value.findtext('name')} is not documented."


def rewrite(path, pattern, replace):
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(pattern, replace, text), encoding="utf-8")


def main():
    site = pathlib.Path(sys.argv[1]) / "html"
    place = {}
    for page in site.glob("group__*.html"):
        for anchor in re.findall(r'<a id="(g\w+)"', page.read_text(encoding="utf-8")):
            place[anchor] = page.name

    def to_topic(link):
        return f'"{place[link[1]]}#{link[1]}"' if link[1] in place else link[0]

    def to_text(link):
        return f'href="{link[1]}_source.html"' if (site / f"{link[1]}_source.html").exists() else link[0]

    for script in site.glob("*_8hpp.js"):
        rewrite(script, r'"\w+\.html#(g\w+)"', to_topic)
    for page in prepare.pages():
        rewrite(site / f"{prepare.page_name(page)}.html", r'href="(\w+_8[ch]pp)\.html"', to_text)
    undocumented = sorted(set(undocumented_values(site.parent / "xml")))
    print("\n".join(undocumented), end="\n" if undocumented else "")
    return 1 if undocumented else 0


if __name__ == "__main__":
    sys.exit(main())
