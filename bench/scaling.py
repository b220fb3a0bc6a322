"""How the time of Tapehead grows with each size of a model: exponents p of time ~ size^p, fitted on logarithms."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from measure import OURS, Effort, Worker, calibrate


@dataclass(frozen=True)
class Series:
    title: str
    size: str
    values: tuple[int, ...]
    name: str  # of the workload, with {} for the size


SERIES = (
    Series("attention layer, B1 E256 H8", "T", (512, 1024, 2048, 4096), "attention:{},256,8"),
    Series("training step, B4 E128 L2 H4", "T", (128, 256, 512, 1024), "train:4,{},128,2,4"),
    Series("training step, B4 T64 L2 H4", "E", (64, 128, 256, 512), "train:4,64,{},2,4"),
    Series("training step, T64 E128 L2 H4", "B", (4, 8, 16, 32), "train:{},64,128,2,4"),
    Series("training step, B4 T64 E128 H4", "L", (1, 2, 4, 8), "train:4,64,128,{},4"),
)


@dataclass
class Growth:
    series: Series
    seconds: list[float]
    exponent: float


def slope(x: list[float], y: list[float]) -> float:
    """Of the straight line of least squares."""
    mean_x, mean_y = statistics.fmean(x), statistics.fmean(y)
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y)) / sum((a - mean_x) ** 2 for a in x)


def seconds_of(folder: Path, name: str, threads: int, effort: Effort) -> float:
    with Worker(folder, OURS, name, threads) as worker:
        repetitions, _ = calibrate(worker, effort)
        return statistics.median(worker.run(repetitions)[0] / repetitions for _ in range(effort.rounds or 5))


def grow(folder: Path, series: Series, threads: int, effort: Effort) -> Growth:
    seconds = [seconds_of(folder, series.name.format(value), threads, effort) for value in series.values]
    return Growth(series, seconds, slope([math.log(v) for v in series.values], [math.log(s) for s in seconds]))


def measure_scaling(folder: Path, threads: int, effort: Effort, progress: Callable[[str], None]) -> list[Growth]:
    result = []
    for series in SERIES:
        progress(f"scaling: {series.title} against {series.size}")
        result.append(grow(folder, series, threads, effort))
    return result
