"""Runs the workers of a workload in turn and compares what they compute and how long they take.

A worker is a program that obeys lines on its stdin; workloads.hpp says which. Nothing here knows what a workload does.
"""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterable

# Sums of float32 in another order differ by about 1e-7 a term, and Adam divides small gradients by their own size, which magnifies
# that; a wrong weight, mask or rule is off by far more than this.
TOLERANCE = 1e-3

OURS, THEIRS, ROOF = "tapehead", "libtorch", "roof"
PROGRAMS = {OURS: "tapehead_worker", THEIRS: "libtorch_worker", ROOF: "gemm_roof"}


# Where others use more than this many cores meanwhile, a run says little: threads wait for each other on the cores that are taken.
QUIET = 0.1


class Failure(Exception):
    """What the user is told instead of a traceback."""


@dataclass(frozen=True)
class Workload:
    name: str
    units: int  # in a repetition
    products: bool
    title: str


@dataclass(frozen=True)
class Effort:
    """How long is measured."""

    run: float  # seconds that a run should take
    budget: float  # seconds for the runs of one worker
    rounds: int | None = None  # instead of what the budget allows
    patience: float = 10  # seconds, for rounds on a machine that is busy with other work


DEFAULT_EFFORT, QUICK_EFFORT = Effort(0.1, 1.5), Effort(0.03, 0.15, patience=2)


@dataclass
class Timing:
    """Of one unit of a workload, in seconds."""

    median: float
    spread: float  # between the quartiles
    runs: int
    repetitions: int  # in a run
    peak_kb: int


@dataclass
class Result:
    workload: Workload
    threads: int
    timings: dict[str, Timing] = field(default_factory=dict)
    failure: str = ""  # such as results that differ between the libraries: no speed is worth printing then
    note: str = ""
    busy_cores: float = 0  # with other work meanwhile

    @property
    def doubt(self) -> str:
        return "?" if self.busy_cores > QUIET else ""


class Worker:
    def __init__(self, folder: Path, library: str, workload: str, threads: int) -> None:
        program = str(folder / PROGRAMS[library])
        self.label = f"{PROGRAMS[library]} {workload}"
        self.process = subprocess.Popen([program, workload, "--threads", str(threads)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1)

    def ask(self, line: str) -> list[str]:
        assert self.process.stdin and self.process.stdout
        try:
            self.process.stdin.write(line + "\n")
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise Failure(f"{self.label}: ended early with status {self.process.wait()}")
        return answer.split()

    def run(self, repetitions: int) -> tuple[float, list[float]]:
        """Seconds, and the results of the last repetition."""
        seconds, *values = map(float, self.ask(f"run {repetitions}"))
        return seconds, values

    def peak_kb(self) -> int:
        return int(self.ask("peak")[0])

    def ticks(self) -> int:
        """Of processor time, used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    def close(self) -> None:
        assert self.process.stdin
        if self.process.poll() is None:
            self.process.stdin.close()
        self.process.wait()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def list_workloads(folder: Path) -> list[Workload]:
    lines = subprocess.run([folder / PROGRAMS[OURS], "--list"], check=True, capture_output=True, text=True).stdout.splitlines()
    fields = [line.split("\t") for line in lines]
    return [Workload(name, int(units), products == "1", title) for name, units, products, title in fields]


def is_built(folder: Path, library: str) -> bool:
    return (folder / PROGRAMS[library]).exists()


def same(a: float, b: float) -> bool:
    return math.isfinite(a) and math.isfinite(b) and abs(a - b) <= TOLERANCE * max(abs(a), abs(b))


def compare(workers: dict[str, Worker], slow: float = 0.5) -> str:
    """Lets both libraries do the same steps from the same start; says how their results differ, or nothing."""
    pair = [workers[library] for library in (OURS, THEIRS) if library in workers]
    steps = 0
    for count in (1, 4):
        runs = [worker.run(count) for worker in pair]
        steps += count
        for ours, theirs in zip(runs[0][1], runs[-1][1], strict=True):
            if not same(ours, theirs):
                return f"after {steps} steps {OURS} has {ours:g}, {THEIRS} {theirs:g}"
        if max(seconds for seconds, _ in runs) > slow:
            break
    return ""


def calibrate(worker: Worker, effort: Effort) -> tuple[int, float]:
    """How many repetitions make a run, and the seconds that it takes; warms the worker up on the way."""
    repetitions = 1
    while True:
        seconds, _ = worker.run(repetitions)
        if seconds >= effort.run:
            break
        repetitions = math.ceil(repetitions * min(10.0, 1.5 * effort.run / max(seconds, 1e-9)))
    if seconds < 10 * effort.run:  # its first runs may have been slow: page faults, threads that start
        seconds, _ = worker.run(repetitions)
        repetitions = max(1, round(repetitions * 1.5 * effort.run / seconds))
    return repetitions, seconds


def quartile_spread(values: list[float]) -> float:
    if len(values) < 2:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return high - low


def busy_ticks() -> int:
    """Of processor time that somebody used, since the system started; stolen time too."""
    fields = [int(field) for field in Path("/proc/stat").read_text().partition("\n")[0].split()[1:]]
    return sum(fields[:3]) + fields[7]


class Others:
    """How many cores work for others, from here on."""

    def __init__(self, workers: Iterable[Worker] = ()) -> None:
        self.workers = list(workers)
        self.start, self.time = self.ticks(), time.perf_counter()

    def ticks(self) -> int:
        return busy_ticks() - sum(worker.ticks() for worker in self.workers)

    def busy_cores(self) -> float:
        return (self.ticks() - self.start) / os.sysconf("SC_CLK_TCK") / (time.perf_counter() - self.time)


def time_in_turn(result: Result, workers: dict[str, Worker], effort: Effort) -> None:
    """Alternates between the workers, so that what slows the machine down for a while slows all of them.

    Rounds in which others were busy are made again, with patience, and count only if there are too few without.
    """
    calibrated = {library: calibrate(worker, effort) for library, worker in workers.items()}
    slowest = max(seconds for _, seconds in calibrated.values())
    wanted = effort.rounds or min(15, max(3, round(effort.budget / max(slowest, effort.run))))
    rounds: list[tuple[float, dict[str, float]]] = []
    quiet: list[tuple[float, dict[str, float]]] = []
    start = time.perf_counter()
    while len(quiet) < wanted and (len(rounds) < wanted or time.perf_counter() - start < effort.patience):
        others = Others(workers.values())
        seconds = {library: worker.run(calibrated[library][0])[0] / calibrated[library][0] / result.workload.units
                   for library, worker in workers.items()}
        rounds.append((others.busy_cores(), seconds))
        quiet = [timed for timed in rounds if timed[0] < QUIET]
    counted = quiet if len(quiet) >= min(3, wanted) else rounds
    result.busy_cores = statistics.fmean(busy for busy, _ in counted)
    for library, worker in workers.items():
        times = [seconds[library] for _, seconds in counted]
        result.timings[library] = Timing(statistics.median(times), quartile_spread(times), len(times), calibrated[library][0],
                                         worker.peak_kb())


def available_memory_kb() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1])
    return 0


def score_memory_kb(workload: Workload) -> int:
    """What libtorch takes for the scores of attention [H, T, T]: about five arrays of them at a time, and the mask."""
    kind, _, numbers = workload.name.partition(":")
    if kind != "attention":
        return 0
    length, _, heads = map(int, numbers.split(","))
    return (5 * heads + 1) * length * length * 4 // 1024


def measure(folder: Path, workload: Workload, threads: int, effort: Effort, libraries: list[str]) -> Result:
    result = Result(workload, threads)
    wanted = [library for library in libraries if library != ROOF or workload.products]
    if THEIRS in wanted and score_memory_kb(workload) > available_memory_kb():
        wanted.remove(THEIRS)
        result.note = f"{THEIRS} left out: it needs {score_memory_kb(workload) / 1e6:.0f} GB of memory"
    workers: dict[str, Worker] = {}
    try:
        for library in wanted:
            workers[library] = Worker(folder, library, workload.name, threads)
        result.failure = compare(workers)
        if not result.failure:
            time_in_turn(result, workers, effort)
    finally:
        for worker in workers.values():
            worker.close()
    return result
