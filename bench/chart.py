"""The ratios of the table as an SVG chart, drawn by gnuplot."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from measure import OURS, THEIRS, Result

COLOURS = ("#9ecae1", "#2171b5", "#08306b", "#6baed6")

SCRIPT = """
set terminal svg size 900,{height} font 'sans-serif,13' background '#ffffff'
set output '{output}'
set title 'How many times faster Tapehead is than libtorch'
set logscale x 2
set xrange [{low}:{high}]
set yrange [{rows}-0.5:-0.5]
set xtics ({tics}) scale 0
set ytics ({labels}) scale 0
set grid xtics linecolor '#dddddd'
set border 1
set key outside bottom center horizontal reverse Left
set arrow from 1,graph 0 to 1,graph 1 nohead linewidth 1.5 linecolor '#000000' front
set style fill solid noborder
{data}
plot {plots}
"""


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def ratios(results: list[Result]) -> dict[str, dict[int, float]]:
    """By title and number of threads; not of rows that are in doubt."""
    found: dict[str, dict[int, float]] = {}
    for result in results:
        if OURS in result.timings and THEIRS in result.timings and not result.doubt:
            ratio = result.timings[THEIRS].median / result.timings[OURS].median
            found.setdefault(result.workload.title, {})[result.threads] = ratio
    return found


def data_block(name: str, bars: dict[str, dict[int, float]], threads: int, place: float, half: float) -> str:
    """x, y, then the bar from 1 to the ratio, and its label."""
    lines = [f"{row[threads]:.4g} {y + place:.4g} {min(1, row[threads]):.4g} {max(1, row[threads]):.4g} "
             f"{y + place - half:.4g} {y + place + half:.4g} {row[threads]:.2f}"
             for y, row in enumerate(bars.values()) if threads in row]
    return "\n".join([f"${name} << EOD", *lines, "EOD"])


def script(results: list[Result], output: Path) -> str:
    bars = ratios(results)
    counts = sorted({threads for row in bars.values() for threads in row})
    height = 0.8 / len(counts)
    blocks, plots = [], []
    for i, threads in enumerate(counts):
        place = height * (i - (len(counts) - 1) / 2)
        blocks.append(data_block(f"bars{i}", bars, threads, place, 0.45 * height))
        title = f"{threads} thread{'s' * (threads > 1)}"
        plots.append(f"$bars{i} using 1:2:3:4:5:6 with boxxyerror linecolor rgb '{COLOURS[i % len(COLOURS)]}' title '{title}'")
        plots.append(f"$bars{i} using 4:2:7 with labels left offset 0.5,0 font ',10' notitle")
    values = [value for row in bars.values() for value in row.values()]
    tics = [2.0**n for n in range(-3, 13)]
    return SCRIPT.format(
        height=120 + 40 * len(bars), output=str(output).replace("'", "''"), rows=len(bars), low=min(0.7, 0.8 * min(values)),
        high=max(2.0, 1.4 * max(values)), tics=", ".join(f"'{t:g}' {t:g}" for t in tics),
        labels=", ".join(f"{quoted(title)} {y}" for y, title in enumerate(bars)), data="\n".join(blocks), plots=", ".join(plots))


def draw(results: list[Result], output: Path) -> str:
    """Writes the chart; says why not if it cannot."""
    if not ratios(results):
        return "no chart: nothing to compare"
    if not shutil.which("gnuplot"):
        return "no chart: gnuplot is not installed (Debian: gnuplot-nox)"
    output.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["gnuplot"], input=script(results, output), text=True, capture_output=True)
    return f"no chart: gnuplot says {done.stderr.strip()}" if done.returncode else f"chart: {output}"
