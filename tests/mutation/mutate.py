#!/usr/bin/env python3
"""Changes one sign, index or constant of the rules and kernels at a time, and sees whether the tests notice.

Works in a copy of the tracked files. A mutant that does not compile, or compiles to the same program, is not counted, nor is one that
equivalent.tsv has with the reason why its results are the same. One that the double
tests let pass is also given to the float tests, to ONNX's cases and to the bounds of accuracy. Ends with a table and the survivors, and
with status 1 if they are more than allowed.
"""
import argparse
import csv
import hashlib
import json
import os
import pathlib
import random
import re
import resource
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
MOST_BYTES = 6 << 30  # of a program: a size that a mutant has made larger must not take the machine
SCOPE = ["autograd/ops/*.cpp", "autograd/kernels/*.cpp", "autograd/kernels/simd/*.hpp", "optim/*.cpp"]

# (kind, what is found, what takes its place); the place is group 1.
MUTATIONS = [
    ("sign", r"( \+ )", " - "),
    ("sign", r"( - )", " + "),
    ("sign", r"( \+= )", " -= "),
    ("sign", r"( -= )", " += "),
    ("sign", r"( \* )", " / "),
    ("sign", r"( / )", " * "),
    ("sign", r"(?:[=(,?:]|return) ?(-)[\w(]", ""),
    ("sign", r"( < )", " <= "),
    ("sign", r"( <= )", " < "),
    ("sign", r"( > )", " >= "),
    ("sign", r"( >= )", " > "),
    ("sign", r"( == )", " != "),
    ("sign", r"( != )", " == "),
    ("sign", r"( && )", " || "),
    ("sign", r"( \|\| )", " && "),
    ("index", r"\[(0)\]", "1"),
    ("index", r"\[(1)\]", "0"),
    ("index", r"\[(2)\]", "1"),
    ("index", r"[\w)](?: \+ | - )(1)\b(?!\.)", "0"),
    ("index", r"[\w)](?: \+ | - )(1)\b(?!\.)", "2"),
    ("index", r"Index \w+ = (0)\b(?!\.)", "1"),
    ("index", r"(?:dim|size|extent|shape)\((-?\d)\)", None),
    ("constant", r"(?<![\w.\[])(\d+(?:\.\d+)?(?:e-?\d+)?)(?![\w.\]])", None),
    ("constant", r"\b(true)\b", "false"),
    ("constant", r"\b(false)\b", "true"),
]


def other_number(text):
    """A number beside the given one."""
    if re.fullmatch(r"-?\d+", text):
        return str(int(text) + 1)
    return repr(float(text) * 1.25)


def without_comments_and_texts(source):
    """The source with comments, texts and preprocessor lines as blanks of the same length."""
    blank = lambda match: re.sub(r"[^\n]", " ", match.group())
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|^[ \t]*#[^\n]*', blank, source, flags=re.S | re.M)


def candidates(folder):
    """Every place of every mutation: kind -> [(path, start, end, replacement)]."""
    places = {"sign": [], "index": [], "constant": []}
    known = set()
    for path in sorted(p for pattern in SCOPE for p in folder.glob(pattern)):
        code = without_comments_and_texts(path.read_text())
        for kind, pattern, replacement in MUTATIONS:
            for found in re.finditer(pattern, code):
                new = other_number(found.group(1)) if replacement is None else replacement
                place = (path, found.start(1), found.end(1), new)
                if place not in known:
                    places[kind].append(place)
                known.add(place)
    return places


class Tree:
    """The copy with its build."""

    def __init__(self, folder, jobs):
        self.source, self.build, self.jobs = folder / "source", folder / "build", jobs
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
        names = {name for name in listed.split("\0") if name and (ROOT / name).is_file()}
        for old in [path for path in self.source.rglob("*") if path.is_file()]:
            if str(old.relative_to(self.source)) not in names:
                old.unlink()
        for name in names:  # one that is as it was keeps its time, so that what was built of it is not built again
            target = self.source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists() or target.read_bytes() != (ROOT / name).read_bytes():
                shutil.copyfile(ROOT / name, target)
                target.chmod((ROOT / name).stat().st_mode)
        subprocess.run(["cmake", "-G", "Ninja", "-S", self.source, "-B", self.build, "-DCMAKE_BUILD_TYPE=Release",
                        "-DTAPEHEAD_TESTS=ON", "-DTAPEHEAD_EXAMPLES=OFF", "-DTAPEHEAD_BENCH=OFF"], check=True,
                       stdout=subprocess.DEVNULL)
        self.targets = ["tests_f64", "random_programs_f64", "onnx_conformance", "tests_f32", "accuracy"]
        if not os.environ.get("TAPEHEAD_VECTORS"):
            print("mutate: TAPEHEAD_VECTORS is not set: ONNX's operator cases notice nothing")

    def make(self, target):
        return subprocess.run(["ninja", "-C", self.build, f"-j{self.jobs}", target], capture_output=True, text=True)

    def program(self, target):
        folder = {"accuracy": "accuracy", "random_programs_f64": "reliability"}.get(target, "")
        return self.build / "tests" / folder / target

    def digest(self, target):
        return hashlib.sha256(self.program(target).read_bytes()).hexdigest()

    def run(self, target, limit):
        """Why the program fails, or None if it passes."""
        extra = ["--abort"] if target.startswith("tests_") else ["--programs", "1000"] if target.startswith("random_") else []
        arguments = [self.program(target)] + extra
        try:
            done = subprocess.run(arguments, capture_output=True, text=True, timeout=limit, errors="replace", cwd=self.build,
                                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES)))
        except subprocess.TimeoutExpired:
            return "no end"
        if done.returncode in (0, 77):
            return None
        named = re.findall(r"^-{20,}\n(.+)\n", done.stdout, flags=re.M)
        return named[-1].strip() if named else f"status {done.returncode}"


def baseline(tree):
    """The digest of the unchanged double tests and how long each program may take."""
    limits = {}
    for target in tree.targets:
        made = tree.make(target)
        if made.returncode != 0:
            sys.exit(f"mutate: the unchanged tree does not build:\n{made.stdout[-3000:]}")
        start = time.monotonic()
        if why := tree.run(target, 1200):
            sys.exit(f"mutate: the unchanged tree fails in {target}: {why}")
        limits[target] = 30 + 10 * (time.monotonic() - start)
    return tree.digest("tests_f64"), limits


def equivalents():
    """The changes that are known to give the same results, as (file, line before, line after)."""
    rows = csv.reader((ROOT / "tests/mutation/equivalent.tsv").open(encoding="utf-8"), delimiter="\t", quoting=csv.QUOTE_NONE)
    return {tuple(row[:3]) for row in rows}


def try_mutant(tree, place, digest, limits):
    """(outcome, what noticed): 'invalid', 'equal', 'killed' or 'survived'."""
    path, start, end, new = place
    original = path.read_text()
    path.write_text(original[:start] + new + original[end:])
    try:
        for number, target in enumerate(tree.targets):
            if tree.make(target).returncode != 0:
                return "invalid", ""
            if number == 0 and tree.digest(target) == digest:
                return "equal", ""
            if why := tree.run(target, limits[target]):
                return "killed", f"{target}: {why}"
        return "survived", ""
    finally:
        path.write_text(original)


def describe(tree, place):
    path, start, end, new = place
    text = path.read_text()
    first, last = text.rfind("\n", 0, start) + 1, text.find("\n", end)
    line = text.count("\n", 0, start) + 1
    return f"{path.relative_to(tree.source)}:{line}", text[first:last].strip(), (text[first:start] + new + text[end:last]).strip()


def report(results, allowed):
    counted = [r for r in results if r["outcome"] in ("killed", "survived")]
    print("\n| mutation | tried | killed | survived |\n|---|--:|--:|--:|")
    for kind in ("sign", "index", "constant", "all"):
        of_kind = [r for r in counted if kind in ("all", r["kind"])]
        killed = sum(r["outcome"] == "killed" for r in of_kind)
        print(f"| {kind} | {len(of_kind)} | {killed} | {len(of_kind) - killed} |")
    left_out = len(results) - len(counted)
    print(f"\nNot counted: {left_out} that do not compile or are the same program, in its text or its results.")
    survivors = [r for r in counted if r["outcome"] == "survived"]
    for r in survivors:
        print(f"survivor: {r['place']}\n  - {r['before']}\n  + {r['after']}")
    print(f"{len(counted) - len(survivors)} of {len(counted)} changes noticed")
    return 0 if len(survivors) <= allowed else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100, help="mutants to count (default 100)")
    parser.add_argument("--seed", type=int, default=1, help="of the choice (default 1)")
    parser.add_argument("--allowed", type=int, default=5, help="survivors for each 100 that are no failure (default 5)")
    parser.add_argument("--resume", action="store_true", help="take from the last run with this seed what was noticed in it")
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "build/mutation", help="to work in (default build/mutation)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="compilers side by side (default: one a core)")
    options = parser.parse_args()

    tree = Tree(options.folder, options.jobs)
    print("mutate: building and running the unchanged tests", flush=True)
    digest, limits = baseline(tree)
    chooser = random.Random(options.seed)
    places = candidates(tree.source)
    for kind in places.values():
        chooser.shuffle(kind)
    known, file = equivalents(), options.folder / f"results_{options.seed}.json"
    before_this = json.loads(file.read_text()) if options.resume and file.exists() else []
    noticed = {(r["place"], r["before"], r["after"]): (r["outcome"], r["why"]) for r in before_this if r["outcome"] != "survived"}
    results, counted, start = [], 0, time.monotonic()
    while counted < options.count and all(places.values()):
        kind = ("sign", "index", "constant")[counted % 3]
        place = places[kind].pop()
        where, before, after = describe(tree, place)
        is_known = (where.rpartition(":")[0], before, after) in known
        if is_known:
            outcome, why = "equal", ""
        else:
            outcome, why = noticed.get((where, before, after)) or try_mutant(tree, place, digest, limits)
        results.append({"kind": kind, "place": where, "before": before, "after": after, "outcome": outcome, "why": why})
        file.write_text(json.dumps(results, indent=1))
        counted += outcome in ("killed", "survived")
        minutes = (time.monotonic() - start) / 60
        print(f"[{counted}/{options.count}, {minutes:.0f} min] {outcome} {where}: {after}" + (f"  ({why})" if why else ""), flush=True)
    if counted < options.count:
        sys.exit(f"mutate: expected {options.count} places of each kind in {', '.join(SCOPE)}, found fewer")
    sys.exit(report(results, options.allowed * options.count / 100))


if __name__ == "__main__":
    main()
