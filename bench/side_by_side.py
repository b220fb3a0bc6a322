#!/usr/bin/env python3
"""Tapehead beside libtorch: the same work from the same start, in turn, in one table.

Reads the workers' list of workloads, measures (measure.py), and writes a table, JSON and a chart (chart.py). scaling.py and
compilation.py are the two parts that look at one library's growth and at what compiling costs.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from chart import draw
from compilation import Compilation, measure_compilation
from measure import (DEFAULT_EFFORT, OURS, PROGRAMS, QUICK_EFFORT, QUIET, ROOF, THEIRS, Effort, Failure, Others, Result, Timing,
                     Workload, is_built, list_workloads, measure)
from scaling import Growth, measure_scaling

ROOT = Path(__file__).resolve().parent.parent


def command_line() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Tapehead beside libtorch. Does all three parts, or those named.")
    parts = parser.add_argument_group("parts")
    parts.add_argument("--table", action="store_true", help="the workloads, on both libraries and on BLAS alone")
    parts.add_argument("--scaling", action="store_true", help="how the time grows with each size of a model, ours only")
    parts.add_argument("--compile", action="store_true", help="the time to compile a small file, the size of a static program")
    parser.add_argument("--workloads", nargs="+", metavar="WORD", help="only those with WORD in their name or title; see --list")
    parser.add_argument("--list", action="store_true", help="name the workloads and end")
    parser.add_argument("--threads", nargs="+", type=int, metavar="N", help="numbers of threads (default: 1 and all cores)")
    parser.add_argument("--rounds", type=int, metavar="N", help="runs of each worker (default: what takes about 1.5 s)")
    parser.add_argument("--quick", action="store_true", help="shorter runs, fewer of them: a first impression")
    parser.add_argument("--json", type=Path, metavar="FILE", help="results (default: build/bench/side_by_side.json)")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="chart of the ratios (default: build/bench/side_by_side.svg)")
    parser.add_argument("--build", type=Path, default=ROOT / "build/release/bench", metavar="FOLDER", help="of the workers")
    options = parser.parse_args()
    if options.rounds is not None and options.rounds < 1 or any(n < 1 for n in options.threads or []):
        parser.error("expected numbers of at least 1")
    options.threads = options.threads or sorted({1, cores()})
    if not (options.table or options.scaling or options.compile):
        options.table = True
        options.scaling = options.compile = not options.workloads
    options.json = options.json or ROOT / "build/bench/side_by_side.json"
    options.svg = options.svg or ROOT / "build/bench/side_by_side.svg"
    return options


def progress(text: str) -> None:
    """A line that the next one writes over, if somebody watches."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


# The machine


def cores() -> int:
    return len(os.sched_getaffinity(0))


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def output_of(command: list[str]) -> str:
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def busy_cores_now() -> float:
    others = Others()
    time.sleep(0.5)
    return others.busy_cores()


def machine(options: argparse.Namespace) -> dict[str, Any]:
    variables = ("OPENBLAS_", "OMP_", "GOMP_", "TAPEHEAD_", "MALLOC_", "LD_PRELOAD")
    return {
        "processor": processor(),
        "cores": cores(),
        "threads": options.threads,
        "busy_cores": busy_cores_now(),
        "system": platform.platform(),
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "revision": output_of(["git", "-C", str(ROOT), "describe", "--always", "--dirty"]),
        "versions": {library: output_of([str(options.build / program), "--about"]) for library, program in PROGRAMS.items()
                     if is_built(options.build, library)},
        "environment": {name: value for name, value in os.environ.items() if name.startswith(variables)},
    }


# The table


def time_text(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}" if seconds < 1000 * size else f"{seconds:.0f} s"
    return f"{seconds / 1e-9:.3g} ns"


def timing_text(timing: Timing | None) -> str:
    if not timing:
        return ""
    return f"{time_text(timing.median)} ±{50 * timing.spread / timing.median:.0f}%"


def row(result: Result) -> list[str]:
    ours, theirs, roof = (result.timings.get(library) for library in (OURS, THEIRS, ROOF))
    start = [result.workload.title, str(result.threads)]
    if not ours:
        return [*start, "FAILED", "", "", "", "", ""]
    return [*start, timing_text(ours), timing_text(theirs), f"{theirs.median / ours.median:.2f}{result.doubt}" if theirs else "",
            timing_text(roof), f"{roof.median / ours.median:.0%}" if roof else "",
            " / ".join(f"{t.peak_kb / 1024:.0f}" for t in (ours, theirs) if t)]


def print_table(header: list[str], rows: list[list[str]]) -> None:
    widths = [max(len(line[i]) for line in [header, *rows]) for i in range(len(header))]
    for line in [header, ["-" * width for width in widths], *rows]:
        cells = [cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(line, widths))]
        print(" | ".join(cells).rstrip())


def print_results(results: list[Result]) -> None:
    print_table(["workload", "threads", "ours", "libtorch", "ratio", "GEMM roof", "share of roof", "peak MB ours / theirs"],
                [row(result) for result in results])
    print("\nTimes are medians ± half the distance of the quartiles. ratio: libtorch's time / ours. GEMM roof: OpenBLAS' time for\n"
          "just the matrix products; share of roof: roof / ours. Peak memory: of the whole process, libraries included.")
    if any(result.doubt for result in results):
        print("?: the machine was busy with other work, and the numbers of this row say little.")
    for result in results:
        if result.note or result.failure:
            print(f"{result.workload.title}, {result.threads} threads: {result.note or result.failure}")


def print_gains(results: list[Result], threads: list[int]) -> None:
    """The most threads against one, where both were measured."""
    many = max(threads)
    if many == 1 or 1 not in threads:
        return
    by_name = {(result.workload.name, result.threads): result for result in results}
    rows = []
    for result in results:
        other = by_name.get((result.workload.name, many))
        if result.threads == 1 and other:
            gains = [result.timings[x].median / other.timings[x].median if x in result.timings and x in other.timings else None
                     for x in (OURS, THEIRS, ROOF)]
            rows.append([result.workload.title, *(f"{gain:.2f}{result.doubt or other.doubt}" if gain else "" for gain in gains)])
    print(f"\nHow many times faster {many} threads are than one:\n")
    print_table(["workload", "ours", "libtorch", "GEMM roof"], rows)


def effort_of(options: argparse.Namespace) -> Effort:
    return dataclasses.replace(QUICK_EFFORT if options.quick else DEFAULT_EFFORT, rounds=options.rounds)


def measure_table(options: argparse.Namespace, workloads: list[Workload]) -> list[Result]:
    libraries = [library for library in PROGRAMS if is_built(options.build, library)]
    results = []
    for number, workload in enumerate(workloads):
        for threads in options.threads:
            progress(f"{number + 1}/{len(workloads)} {workload.title}, {threads} thread{'s' * (threads > 1)}")
            try:
                results.append(measure(options.build, workload, threads, effort_of(options), libraries))
            except Failure as error:  # the other rows are worth having
                results.append(Result(workload, threads, failure=str(error)))
    progress("")
    return results


# The other parts


def print_scaling(growths: list[Growth], threads: int) -> None:
    print(f"\nHow the time grows, {threads} thread{'s' * (threads > 1)}, time ~ size^p:\n")
    rows = [[g.series.title, g.series.size, "  ".join(f"{v}: {time_text(s)}" for v, s in zip(g.series.values, g.seconds)),
             f"{g.exponent:.2f}"] for g in growths]
    print_table(["what", "size", "times", "p"], rows)


def print_compilation(result: Compilation) -> None:
    print("\nSeconds to compile a small file that makes a tensor and calls backward, -O2: "
          + ", ".join(f"{library} {seconds:.2f}" for library, seconds in result.seconds.items()))
    if result.program_bytes and result.program_bytes_without_blas:
        print(f"examples/xor, statically linked and stripped: {result.program_bytes / 1e6:.1f} MB, of which BLAS "
              f"{(result.program_bytes - result.program_bytes_without_blas) / 1e6:.1f} MB")
    if result.note:
        print(result.note)


def chosen(workloads: list[Workload], words: list[str] | None) -> list[Workload]:
    if not words:
        return workloads
    found = [w for w in workloads if any(word in w.name or word in w.title for word in words)]
    if not found:
        raise Failure(f"no workload has {' or '.join(words)} in its name or title; --list names them")
    return found


def bench(options: argparse.Namespace) -> int:
    if not is_built(options.build, OURS):
        raise Failure(f"no workers in {options.build}; scripts/bench builds them")
    workloads = chosen(list_workloads(options.build), options.workloads)
    if options.list:
        print_table(["name", "what"], [[w.name, w.title] for w in workloads])
        return 0
    report: dict[str, Any] = {"machine": machine(options)}
    about = report["machine"]
    print(f"{about['processor']}, {about['cores']} cores. " + ". ".join(about["versions"].values()))
    if about["environment"]:
        print("Environment: " + " ".join(f"{name}={value}" for name, value in about["environment"].items()))
    if about["busy_cores"] > QUIET:
        print(f"The machine is busy ({about['busy_cores']:.1f} cores work for others): threads will wait for each other.")
    if not is_built(options.build, THEIRS):
        print("libtorch was not found, so ours stands alone. On Debian: apt-get install libtorch-dev, then scripts/bench again.")
    print()

    failed = []
    if options.table:
        results = measure_table(options, workloads)
        print_results(results)
        print_gains(results, options.threads)
        report["results"] = [dataclasses.asdict(result) for result in results]
        failed = [result for result in results if result.failure]
        print("\n" + draw(results, options.svg))
    effort = effort_of(options)
    if options.scaling:
        growths = measure_scaling(options.build, max(options.threads), effort, progress)
        progress("")
        print_scaling(growths, max(options.threads))
        report["scaling"] = [dataclasses.asdict(growth) for growth in growths]
    if options.compile:
        compilation = measure_compilation(options.build, 1 if options.quick else 3, progress)
        progress("")
        print_compilation(compilation)
        report["compilation"] = dataclasses.asdict(compilation)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    print(f"\nall numbers: {options.json}")
    for result in failed:
        print(f"bench: {result.workload.title}, {result.threads} threads: {result.failure}", file=sys.stderr)
    return 1 if failed else 0


def main() -> int:
    try:
        return bench(command_line())
    except Failure as error:
        progress("")
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
