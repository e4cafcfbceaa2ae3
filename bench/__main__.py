"""`./run bench NAME [ARGUMENTS]`: runs `bench/NAME.py` as a program; without a name, lists the benchmarks."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path


def names() -> list[str]:
    """The names of the benchmarks."""
    return sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))


def main() -> None:
    """Run the benchmark named by the first argument, and pass it the other arguments."""
    if len(sys.argv) < 2 or sys.argv[1] not in names():
        print("usage: ./run bench NAME [ARGUMENTS]\nbenchmarks: " + ", ".join(names()))
        sys.exit(2 if len(sys.argv) > 1 and sys.argv[1] not in {"-h", "--help"} else 0)
    sys.argv = sys.argv[1:]
    runpy.run_module(f"bench.{sys.argv[0]}", run_name="__main__", alter_sys=False)


if __name__ == "__main__":
    main()
