#!/usr/bin/env python3
"""Times a training step on 1, 2 and 4 processes of this machine, beside what a model of its cost expects, and forecasts it for clusters.

The model. A process exchanges its gradients bucket by bucket, each when it is ready and the one before it is through. A sum of b bytes
over N processes in a ring takes 2 (N - 1) messages of b / N bytes from each, that is 2 (N - 1) (latency + b / (N bandwidth)). The step is
the forward pass, the longer of the sweep and the exchanges, and the update. Bandwidth and latency are measured for processes of one
machine, and taken from a table for networks.
"""
import argparse
import json
import os
import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
NETWORKS = {"10 Gbit/s": (50e-6, 1.1e9), "100 Gbit/s": (5e-6, 11e9)}  # latency in s, bandwidth in bytes/s: Ethernet, and RDMA; 90% of the line


def ring(count, size, latency, bandwidth):
    """The seconds that a sum of `size` bytes takes over `count` processes."""
    return 2 * (count - 1) * (latency + size / (count * bandwidth)) if count > 1 else 0.0


def expected_step(alone, count, sum_time, slowdown=1.0):
    """The seconds of a step on `count` processes, from what one process measured."""
    done = 0.0
    for size, ready in zip(alone["buckets"], alone["ready"]):
        done = max(done, ready * slowdown) + sum_time(size)
    return alone["forward"] * slowdown + max(done, alone["sweep"] * slowdown) + alone["update"] * slowdown


def measure(options, count, *more):
    command = [*options.mpirun.split(), "-np", str(count), options.program, *map(str, more)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"machines: {' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def cost_of_sums(run):
    """Latency and bandwidth that fit the sums of one number and of many."""
    messages = 2 * (run["processes"] - 1)
    latency = run["sum_of_one"] / messages
    return latency, max(run["large_bytes"] / run["processes"], 1) / max(run["sum_of_large"] / messages - latency, 1e-12)


def print_checks(options, runs):
    print("\n| processes x threads | step, ms | expected, ms | compute, ms | waited for sums, ms | sent by each, MB | messages of each | state, MB | peak, MB |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|")
    alone = runs["1 x 1"]
    for name, run in runs.items():
        count, threads = run["processes"], run["threads"]
        expected = "-"
        if threads == 1 and count > 1:
            latency, bandwidth = cost_of_sums(run)
            slowdown = max(1.0, count / os.cpu_count())
            expected = f"{1e3 * expected_step(alone, count, lambda size: ring(count, size, latency, bandwidth), slowdown):.1f}"
        compute = run["forward"] + run["sweep"] + run["update"]
        waited = run["last_sum"] - run["sweep"]
        sent = 2 * (count - 1) * sum(run["buckets"]) / count
        print(f"| {name} | {1e3 * run['step']:.1f} | {expected} | {1e3 * compute:.1f} | {1e3 * waited:.1f} | {sent / 1e6:.2f} | "
              f"{2 * (count - 1) * len(run['buckets'])} | {run['state_bytes'] / 1e6:.2f} | {run['peak_bytes'] / 1e6:.1f} |")


def print_forecast(alone):
    """The same on many machines of one core like this one's."""
    print("\n| machines | " + " | ".join(f"{name}: step, ms | efficiency, %" for name in NETWORKS) + " |")
    print("|--:|" + "--:|--:|" * len(NETWORKS))
    step = expected_step(alone, 1, lambda size: 0.0)
    for count in (8, 16, 32, 64, 128, 256, 512, 1024):
        cells = []
        for latency, bandwidth in NETWORKS.values():
            expected = expected_step(alone, count, lambda size: ring(count, size, latency, bandwidth))
            cells.append(f"{1e3 * expected:.1f} | {100 * step / expected:.0f}")
        print(f"| {count} | " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(HERE.parent / "build/release/bench/processes"))
    parser.add_argument("--mpirun", default="mpirun --allow-run-as-root --oversubscribe --bind-to none", help="what starts processes")
    parser.add_argument("arguments", nargs="*", help="for the program, after --: --embed-dim 256 --batch 4")
    options = parser.parse_args()
    runs = {}
    for name, count, more in [("1 x 1", 1, []), ("1 x 2", 1, ["--threads", 2]), ("2 x 1", 2, []), ("2 x 1, sharded", 2, ["--shard"]),
                              ("4 x 1", 4, []), ("4 x 1, sharded", 4, ["--shard"])]:
        print(f"measuring {name}", flush=True)
        if name == "1 x 2":  # as many sequences as two processes have
            more = [*more, "--batch", 2 * runs["1 x 1"]["batch"]]
        runs[name] = measure(options, count, *options.arguments, *more)
    print_checks(options, runs)
    alone = runs["1 x 1"]
    print(f"\nForecast, {alone['batch']} sequences on each machine of one core, {alone['weight_bytes'] / 1e6:.1f} MB of weights:")
    print_forecast(alone)


if __name__ == "__main__":
    main()
