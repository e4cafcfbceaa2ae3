"""`./run bench growth`: how time grows with the size of a file's input, including C functions, which line counts do not cover.

`./run bench growth [--runs 4]` uses the inputs of tests/unit/test_growth.py, many times as large and twice that, and long keys,
also matched against globs. It prints the ratio of the time for twice the input to that for the input, and exits with 1 if it
exceeds 2.5. The best of several runs counts, because other processes use the machine as well.

Globs may take four times as long: `a*b` searches for a `b` after each `a`. Keys have at most 1,024 bytes.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Callable

from exr_inspector.inspector import Inspector
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.storage.sequences import sequence_name
from exr_inspector.validation import builtin_policy
from exr_inspector.validation.policies.globs import glob_pattern
from tests.support.growth import GLOBS, INPUTS, KEYS, MOST

TIMES = 10  # inputs are this many times as large as in the tests, so that the time can be measured
MOST_OF_GLOBS = 4.5
LEAST_SECONDS = 0.02  # shorter work is repeated


def seconds(work: Callable[[], object], repeats: int) -> float:
    """The CPU seconds of `repeats` calls."""
    gc.collect()
    gc.disable()  # a collection would depend on everything that was allocated before
    try:
        started = time.process_time()
        for _ in range(repeats):
            work()
        return time.process_time() - started
    finally:
        gc.enable()


def growth(small: Callable[[], object], large: Callable[[], object], most: float, runs: int) -> float:
    """The ratio of the time for the larger work to that for the smaller."""
    repeats = 1
    while (taken := seconds(small, repeats)) < LEAST_SECONDS:
        repeats *= 2 if taken > LEAST_SECONDS / 10 else 10
    ratio = float("inf")
    for _ in range(runs):
        ratio = min(ratio, seconds(large, repeats) / seconds(small, repeats))
        if ratio <= most:
            break
    return ratio


def works() -> dict[str, Callable[[int], Callable[[], object]]]:
    """The functions to measure, by name; each takes a factor and returns the work on an input that many times as large."""
    opener = SourceOpener(load_settings({}, secrets_dir=None, need=()))
    inspector, policy = Inspector(), builtin_policy("default")

    def inspecting(name: str, factor: int) -> Callable[[], object]:
        make, count = INPUTS[name]
        data = make(count * factor)
        return lambda: inspector.inspect(opener.open_bytes(data, key="a.exr"), policy)

    def naming(number: int, factor: int) -> Callable[[], object]:
        key = KEYS[number](1_000 * factor)
        return lambda: sequence_name("b", key)

    def matching(glob: str, unit: str, factor: int) -> Callable[[], object]:
        pattern, path = glob_pattern(glob), unit * (10 * factor)
        return lambda: pattern.fullmatch(path)

    found: dict[str, Callable[[int], Callable[[], object]]] = {}
    found |= {name: lambda factor, name=name: inspecting(name, factor) for name in INPUTS}  # type: ignore[misc]
    found |= {f"key {make(6)}": lambda factor, n=n: naming(n, factor) for n, make in enumerate(KEYS)}  # type: ignore[misc]
    for glob in GLOBS:
        for unit in ("a", "a/", "ab/", "/"):
            found[f"glob {glob[:12]}... on {unit}"] = lambda factor, g=glob, u=unit: matching(g, u, factor)  # type: ignore[misc]
    return found


def main() -> None:
    """Measure, print, and exit with 1 if something grows too fast."""
    parser = argparse.ArgumentParser(prog="./run bench growth", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--runs", type=int, default=4, help="How often an input that seems to grow too much is tried (4)."
    )
    runs = parser.parse_args().runs
    over = 0
    for name, work in works().items():
        most = MOST_OF_GLOBS if name.startswith("glob ") else MOST
        ratio = growth(work(TIMES), work(2 * TIMES), most, runs)
        over += ratio > most
        print(f"{ratio:6.2f}  {name}{f'  more than {most}' if ratio > most else ''}", flush=True)
    sys.exit(1 if over else 0)


if __name__ == "__main__":
    main()
