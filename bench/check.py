"""`./run bench check`: `./run check` on a delivery of 4096 x 2160 frames with 8 channels, against `oiiotool --stats`.

Both read the same files with as many threads as there are cores, one after the other in one run. The best of several runs
counts, because other load can only make a run longer. One frame of each codec is written and linked under the names of a shot:
each name is read and decoded, and `check` also looks for copies. Goal: 0.60 of the time of the native `oiiotool`.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import NamedTuple

import OpenImageIO

from bench._stats_frames import CODECS, frame

OIIOTOOL = Path(OpenImageIO.__file__).parent / "bin" / "oiiotool"
GOAL = 0.60


class Cost(NamedTuple):
    """Elapsed and CPU seconds of one run."""

    wall: float
    cpu: float


def cost(line: list[str]) -> Cost:
    """Run a program, and return its cost."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    wall = time.perf_counter() - started
    if done.returncode > 1:  # `check` exits with 1 if there are findings
        sys.exit(f"{line[0]} failed: {done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main() -> None:
    """Measure, and exit with 1 if the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--codecs", nargs="+", choices=list(CODECS), default=["zip", "piz", "dwab"])
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--tool", type=Path, default=OIIOTOOL, help="Another oiiotool, such as Debian's.")
    parser.add_argument("--folder", type=Path, default=Path(gettempdir()) / "exr-bench-stats")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    cores = len(os.sched_getaffinity(0))
    print(f"{options.frames} frames, {cores} cores")
    print(
        f"{'codec':8}{'check s':>9}{'tool s':>9}{'ratio':>8}{'check cpu':>11}{'tool cpu':>10}{'ratio':>8}", flush=True
    )
    missed = False
    for codec in options.codecs:
        made = frame(options.folder, codec, 8, tiled=False)
        with TemporaryDirectory(dir=options.folder) as folder:
            shot = [Path(folder, f"shot_{1001 + number}.exr") for number in range(options.frames)]
            for path in shot:
                path.hardlink_to(made)
            ours = [sys.executable, "-m", "exr_inspector.cli", "check", folder]
            tool = [str(options.tool), "--threads", str(cores), "--stats", *map(str, shot)]
            pairs = [(cost(ours), cost(tool)) for _ in range(options.runs)]
        mine, other = (Cost(*map(min, zip(*side, strict=True))) for side in zip(*pairs, strict=True))
        ratio = mine.wall / other.wall
        missed |= ratio > GOAL
        print(
            f"{codec:8}{mine.wall:9.2f}{other.wall:9.2f}{ratio:8.2f}"
            f"{mine.cpu:11.2f}{other.cpu:10.2f}{mine.cpu / other.cpu:8.2f}",
            flush=True,
        )
    print(f"goal: {GOAL:.2f}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
