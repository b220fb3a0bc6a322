"""Looks up the names of a page's dictionary in headers: those in code in the last column of tables that is headed "Tapehead".

Run as: names.py PAGE FOLDER..., with the folders of the headers.
"""

import pathlib
import re
import sys

ROW = re.compile(r"^\|(.*)\|$")
NAME = re.compile(r"[A-Za-z_]\w+")  # single letters stand for anything
NOT_OURS = {"const", "cout", "std", "struct", "true", "false", "off", "on", "top", "bottom"}


def dictionary(page):
    """The (line, name) pairs of a page."""
    is_ours = False
    for number, line in enumerate(page.read_text().splitlines(), start=1):
        row = ROW.match(line)
        if not row:
            is_ours = False
            continue
        ours = row[1].split(" | ")[-1].strip()
        is_ours = is_ours or ours == "Tapehead"
        if is_ours and ours != "Tapehead":
            for code in re.findall(r"`([^`]+)`", ours):
                yield from ((number, name) for name in NAME.findall(re.sub(r'"[^"]*"', "", code)) if name not in NOT_OURS)


def main():
    page, *folders = map(pathlib.Path, sys.argv[1:])
    headers = [header for folder in folders for header in folder.rglob("*.hpp")]
    known = {name for header in headers for name in NAME.findall(re.sub(r"//.*", "", header.read_text()))}
    names = list(dictionary(page))
    unknown = [f"{page}:{number}: no header has '{name}'" for number, name in names if name not in known]
    if len(names) < 100 or unknown:
        sys.exit("\n".join([f"names: {len(names)} looked up", *unknown]))


if __name__ == "__main__":
    main()
