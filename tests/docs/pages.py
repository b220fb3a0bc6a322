"""Builds programs of the C++ blocks of a page in Markdown, and compares what they print with what the page says.

A block with a `main` of its own is a program, and so is one with tests of Catch2; one that includes libtorch is only compiled, and one on MPI
runs on one process. The other blocks of the page are the body of one program, in their order, so that later
ones go on with the variables of earlier ones; what they include stands at its head. A block of text right after a block of C++ is what
that block prints.
"""

import argparse
import json
import math
import pathlib
import re
import subprocess
import sys
import tempfile

SEPARATOR = "\f"  # printed after each block of a shared program
INCLUDE = re.compile(r"^#include .*$", re.MULTILINE)
KINDS = {"mpi": "#include <tapehead/distributed/", "libtorch": "#include <torch/", "tests": "TEST_CASE(", "program": "int main("}  # what each is known by
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(text):
    """The C++ blocks of a page as (line, code, expected output or None)."""
    found = list(BLOCK.finditer(text))
    for i, block in enumerate(found):
        if block[1] != "cpp":
            continue
        following = found[i + 1] if i + 1 < len(found) else None
        is_output = following and following[1] == "text" and not text[block.end() : following.start()].strip()
        yield text[: block.start()].count("\n") + 2, block[2], following[2] if is_output else None


def extract(page, folder):
    """Writes NAME.cpp and NAME.json, what it is to print block by block, for each program of the page; prints KIND NAME."""
    programs, shared = [], []
    for line, code, expected in blocks(page.read_text()):
        placed = f'#line {line} "{page}"\n{code}'
        kind = next((kind for kind, sign in KINDS.items() if sign in code), None)
        if kind:
            programs.append((kind, placed, [expected]))
        else:
            shared.append((placed, expected))
    if shared:
        body = "".join(f"{code}std::cout << '\\f';\n" for code, _ in shared)
        includes = "\n".join(["#include <iostream>", "#include <tapehead/tapehead.hpp>", *INCLUDE.findall(body)])
        main = f"int main() {{\n{INCLUDE.sub('', body)}}}\n"
        programs.append(("program", f"{includes}\nusing namespace tapehead;\n\n{main}", [expected for _, expected in shared]))
    for i, (kind, code, expected) in enumerate(programs, start=1):
        name = f"{page.stem.lower()}_{i}"
        (folder / f"{name}.cpp").write_text(code)
        (folder / f"{name}.json").write_text(json.dumps(expected))
        print(kind, name)


def agree(got, expected):
    """Whether two words are the same, or numbers that differ by no more than another processor's rounding may make of them."""
    numbers = re.compile(r"-?\d+\.\d+(?:e[-+]\d+)?")
    if numbers.sub("#", got) != numbers.sub("#", expected):
        return False
    pairs = zip(numbers.findall(got), numbers.findall(expected))
    return all(math.isclose(float(a), float(b), rel_tol=1e-3, abs_tol=1e-4) for a, b in pairs)


def run(program, expected_file):
    """Runs a program in an empty folder; returns a complaint, or None if it prints what it is to print."""
    with tempfile.TemporaryDirectory() as scratch:
        done = subprocess.run([program], cwd=scratch, capture_output=True, text=True)
    if done.returncode != 0:
        return f"exit status {done.returncode}\n{done.stdout}{done.stderr}"
    page = json.loads(expected_file.read_text())
    printed = done.stdout.split(SEPARATOR)
    if len(printed) < len(page):
        return f"ended in block {len(printed)} of {len(page)}"
    for got, expected in zip(printed, page):
        if expected is None:
            continue
        words, wanted = got.split(), expected.split()
        if len(words) != len(wanted) or not all(map(agree, words, wanted)):
            return f"the page says\n{expected}\nbut the program prints\n{got}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("extract", help="write the programs of a page, print their kinds and names")
    command.add_argument("page", type=pathlib.Path)
    command.add_argument("folder", type=pathlib.Path)
    command = commands.add_parser("run", help="run a program, compare what it prints")
    command.add_argument("program", type=pathlib.Path)
    command.add_argument("expected", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.command == "extract":
        extract(arguments.page, arguments.folder)
    elif complaint := run(arguments.program, arguments.expected):
        sys.exit(f"{arguments.program.name}: {complaint}")


if __name__ == "__main__":
    main()
