"""`./run bench mutants [PATH ...]`: make deliberate faults in modules and check whether a test fails.

Without paths, it changes the modules that differ from `--since` (a commit, `main` by default). `--count` and `--seed` select a
random sample of the faults. Each fault is made in a copy of the tree, and the tests that execute its lines run, fastest first,
until one fails that passes by itself without the fault. Which tests execute which lines is measured once, for the unit tests or
those that `--tests` names, and kept in `.local/mutants` until `--measure` repeats it. For a module that has changed since, all
tests that execute any of its lines run. Environment variables that tests need, such as EXR_CORPUS, must be the same each time.

The faults of bench/equivalent_mutants.tsv change nothing that a caller can observe; each line gives the reason. The exit code
is 1 if tests detect less than 95 % of the others. A fault that no test executes counts as not detected.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench._mutations import Mutation, mutations

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / ".local" / "mutants"
EQUIVALENT = ROOT / "bench" / "equivalent_mutants.tsv"
PACKAGES = ("exr_inspector", "vastdb_local", "dataengine_local")
LEAST = 0.95
NOTICED = ("noticed", "timeout")
SECONDS = 60.0  # total time of the tests for one fault, as measured in the run of the suite
# Libraries imported once, before a process is forked for each fault; no module of the project, since that has the fault.
HEAVY_IMPORTS = [
    "pytest", "hypothesis", "numpy", "pyarrow", "vastdb", "obstore", "OpenEXR", "pydantic", "requests", "click", "rich",
    "yaml", "duckdb", "starlette", "uvicorn", "sqlglot",
]  # fmt: skip
OPTIONS = ["-x", "-q", "-p", "no:xdist", "-p", "no:cov", "-p", "no:cacheprovider", "--hypothesis-seed=0"]
OPTIONS += ["-m", "not long and not heavy"]


@dataclass(frozen=True, slots=True)
class Map:
    """The tests that execute each line.

    Attributes:
        hashes: Hash of each module's text when the suite was measured.
        lines: Tests by module and line.
        seconds: Duration of each test that passed.
    """

    hashes: Mapping[str, str]
    lines: Mapping[str, Mapping[str, Sequence[str]]]
    seconds: Mapping[str, float]

    def tests_of(self, fault: Mutation, text: str) -> list[str]:
        """The tests that execute the fault's lines, or any line of its module if it has changed since the measurement.

        If no test executes a line of the module, these are the unit tests of its package. Faults in constants, which are
        executed at import, are also tried with the tests in the file of the module's name. Unit tests of the module come first,
        then those of its package, then the others; in each group, quick ones come first. Tests of the generated documents are
        always added at the end, because they detect faults in descriptions, which no other test compares.
        """
        by_line = self.lines.get(fault.path, {})
        found: set[str] = set()
        if self.hashes.get(fault.path) == _hash(text):
            found = {test for n in range(fault.lines[0], fault.lines[1] + 1) for test in by_line.get(str(n), ())}
        documents = sorted(test for test in self.seconds if "test_docs.py::" in test)
        module = Path(fault.path)
        package = f"tests/unit/{'/'.join(module.parent.parts[1:2])}/"
        if not found:  # lines executed at import are attributed to no test, and a test may read constants alone
            own = f"/test_{module.stem}.py::"
            found = {test for tests in by_line.values() for test in tests}
            found |= {test for test in self.seconds if test.startswith(package) and (own in test or not by_line)}

        def order(test: str) -> tuple[bool, bool, float, str]:
            return f"test_{module.stem}" not in test, not test.startswith(package), self.seconds[test], test

        chosen: list[str] = []
        total = 0.0
        for test in sorted((test for test in found if test in self.seconds and test not in documents), key=order):
            total += self.seconds[test]
            if total > SECONDS and chosen:
                break
            chosen.append(test)
        return chosen + documents


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _git(*arguments: str) -> str:
    """What a Git command prints."""
    line = ["git", *arguments]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def files() -> list[str]:
    """The files of the tree that Git tracks or does not ignore."""
    listed = _git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    return [name for name in listed if name and (ROOT / name).is_file()]


def changed_since(commit: str) -> list[str]:
    """Modules of the packages that changed since the common ancestor of a commit and this branch."""
    base = _git("merge-base", commit, "HEAD").strip()
    listed = _git("diff", "--name-only", base).split()
    return [name for name in listed if name.startswith(PACKAGES) and name.endswith(".py")]


def modules(paths: Iterable[str]) -> list[str]:
    """The modules below some paths, relative to the project."""
    found: list[str] = []
    for path in paths:
        whole = (ROOT / path).resolve()
        if not whole.exists():
            sys.exit(f"mutants: there is no {path}; expected a module or folder such as exr_inspector/storage")
        found += [str(item.relative_to(ROOT)) for item in ([whole] if whole.is_file() else sorted(whole.rglob("*.py")))]
    return list(dict.fromkeys(found))


def copy_tree(target: Path) -> None:
    """Copy the files of the tree, and link the virtual environment."""
    for name in files():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target / name)
    (target / ".venv").symlink_to(ROOT / ".venv")


class _Recorder:
    """A pytest plug-in that records the duration of each test, and which tests failed."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.outcome != "passed":
            self.failed.add(report.nodeid)


def _measure(tree: Path, result: Path, tests: Sequence[str]) -> int:
    """Run the suite with coverage, in a separate process, and write the map of it."""
    import coverage  # noqa: PLC0415
    import pytest  # noqa: PLC0415

    recorder = _Recorder()
    data = str(tree / ".coverage")
    measured = coverage.Coverage(data_file=data, source=[str(tree / name) for name in PACKAGES], config_file=False)
    measured.start()

    class Contexts:
        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[Any]:
            measured.switch_context(item.nodeid)
            try:
                return (yield)
            finally:
                measured.switch_context("")

    pytest.main([*(option for option in OPTIONS if option != "-x"), *tests], plugins=[recorder, Contexts()])
    measured.stop()
    lines: dict[str, dict[str, list[str]]] = {}
    found = measured.get_data()
    for name in found.measured_files():
        by_line = found.contexts_by_lineno(name)
        lines[str(Path(name).relative_to(tree))] = {
            str(line): sorted(filter(None, tests)) for line, tests in by_line.items() if any(tests)
        }
    hashes = {name: _hash((tree / name).read_text(encoding="utf-8")) for name in lines}
    seconds = {test: took for test, took in recorder.seconds.items() if test not in recorder.failed}
    result.write_text(json.dumps({"hashes": hashes, "lines": lines, "seconds": seconds}), encoding="utf-8")
    return 0


def in_child(work: Callable[[], int], tree: Path, log: Path, seconds: float) -> int | None:
    """Call `work` in a forked process, in the copy of the tree; returns its exit code, or None after `seconds`."""
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.chdir(tree)
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        sys.path[:] = [str(tree), *(entry for entry in sys.path if Path(entry or ".").resolve() != ROOT)]
        code = 1
        try:
            code = work()
        finally:
            os._exit(code)
    deadline = time.monotonic() + seconds
    status = None
    while status is None and time.monotonic() < deadline:
        ended, found = os.waitpid(pid, os.WNOHANG)
        if ended:
            status = os.waitstatus_to_exitcode(found)
        else:
            time.sleep(0.02)
    with suppress(ProcessLookupError):  # also processes that the tests started and did not end
        os.killpg(pid, signal.SIGKILL)
    if status is None:
        os.waitpid(pid, 0)
    return status


def the_map(tree: Path, tests: Sequence[str], *, anew: bool) -> Map:
    """Read the map of an earlier run, or measure the suite if there is none or `anew` is set."""
    kept = KEPT / "map.json"
    if anew or not kept.is_file():
        print("measuring which tests run which line: one run of the suite", file=sys.stderr, flush=True)
        KEPT.mkdir(parents=True, exist_ok=True)
        made = tree / "map.json"
        in_child(lambda: _measure(tree, made, tests), tree, KEPT / "measure.log", 7200)
        if not made.is_file():
            sys.exit(f"mutants: the suite could not be measured; {KEPT / 'measure.log'} says why")
        shutil.copyfile(made, kept)
    return Map(**json.loads(kept.read_text(encoding="utf-8")))


def _failed_test(log: Path) -> str:
    """The first failed test in pytest's summary."""
    text = log.read_text(encoding="utf-8", errors="replace")
    for line in text.rpartition("short test summary info")[2].splitlines():  # before it are lines that the test logged
        if line.startswith(("FAILED ", "ERROR ")):
            return line.split()[1]
    return "-"


def try_one(fault: Mutation, tests: Sequence[str], known: Map, tree: Path, clock: list[float]) -> tuple[str, str]:
    """Make one fault and run the tests; returns the outcome, and the test that detected the fault."""
    if not tests:
        return "untested", "-"
    import pytest  # noqa: PLC0415

    files = list(dict.fromkeys(test.partition("::")[0] for test in tests))
    order = {test: (files.index(test.partition("::")[0]), number) for number, test in enumerate(tests)}

    class Chosen:
        """Runs these tests only, in this order; those of a file together, since they share fixtures.

        Some may be missing, since a fault can change parameters and so the names of tests.
        """

        @pytest.hookimpl(trylast=True)  # after tests/conftest.py, which puts slow tests first
        def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
            items[:] = sorted((item for item in items if item.nodeid in order), key=lambda item: order[item.nodeid])

    target, log = tree / fault.path, tree / "pytest.log"
    original, stat = target.read_text(encoding="utf-8"), target.stat()
    target.write_text(fault.changed, encoding="utf-8")
    clock[0] += 2  # Python recognises an outdated compiled module by the second of its source's modification time
    os.utime(target, (clock[0], clock[0]))
    try:
        allowed = 30 + 5 * sum(known.seconds[test] for test in tests)
        status = in_child(lambda: int(pytest.main([*OPTIONS, *files], plugins=[Chosen()])), tree, log, allowed)
    finally:
        target.write_text(original, encoding="utf-8")
        os.utime(target, (stat.st_atime, stat.st_mtime))
    if status is None:
        return "timeout", "-"
    is_unnoticed = status in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
    return ("survived", "-") if is_unnoticed else ("noticed", _failed_test(log))


def try_soundly(
    fault: Mutation, tests: Sequence[str], known: Map, tree: Path, clock: list[float], *, fails_anyway: dict[str, bool]
) -> tuple[str, str]:
    """As `try_one`, without tests that fail by themselves even without a fault, since they need the tests before them.

    `fails_anyway` keeps what was found of each test.
    """
    while True:
        sound = [test for test in tests if not fails_anyway.get(test)]
        outcome, test = try_one(fault, sound, known, tree, clock)
        if outcome != "noticed" or test not in sound:
            return outcome, test
        if test not in fails_anyway:
            unchanged = replace(fault, changed=(tree / fault.path).read_text(encoding="utf-8"))
            fails_anyway[test] = try_one(unchanged, [test], known, tree, clock)[0] != "survived"
        if not fails_anyway[test]:
            return outcome, test


def equivalents() -> dict[tuple[str, ...], str]:
    """The faults that change nothing a caller can observe, with the reason."""
    with EQUIVALENT.open(encoding="utf-8", newline="") as file:
        return {tuple(row[:4]): row[4] for row in csv.reader(file, dialect="excel-tab") if row and row[0] != "module"}


def noticed_before(result: Path) -> dict[tuple[str, ...], str]:
    """The faults that tests detected in an earlier run, with the outcome; they are not tried again."""
    if not result.is_file():
        return {}
    with result.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, dialect="excel-tab"))
    return {tuple(row[2:6]): row[0] for row in rows if len(row) >= 6 and row[0] in NOTICED}


def run(faults: Sequence[Mutation], known: Map, tree: Path, result: Path) -> dict[str, int]:
    """Try each fault that is not yet detected according to `result`; prints a line for each and appends it to `result`."""
    before, fails_anyway = noticed_before(result), dict[str, bool]()
    harmless, clock = equivalents(), [1e9]
    counts = dict.fromkeys(("noticed", "timeout", "survived", "untested", "equivalent"), 0)
    with result.open("a", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, dialect="excel-tab")
        for number, fault in enumerate(faults, 1):
            if fault.key in harmless:
                outcome, test = "equivalent", "-"
            elif fault.key in before:
                counts[before[fault.key]] += 1
                continue
            else:
                tests = known.tests_of(fault, (ROOT / fault.path).read_text(encoding="utf-8"))
                outcome, test = try_soundly(fault, tests, known, tree, clock, fails_anyway=fails_anyway)
            counts[outcome] += 1
            rows.writerow([outcome, test, *fault.key, fault.line])
            file.flush()
            print(
                f"{number:4} {outcome:10} {fault.path}:{fault.line}  {fault.before} -> {fault.after}  {test}",
                flush=True,
            )
    return counts


def _find_no_smallest_examples() -> None:
    """Let a failed test of Hypothesis end with the first example that fails; the search for a smaller one takes long."""
    from hypothesis import HealthCheck, Phase, settings  # noqa: PLC0415

    phases = (Phase.explicit, Phase.generate)
    slow = [HealthCheck.too_slow]
    settings.register_profile("mutants", deadline=None, max_examples=10, suppress_health_check=slow, phases=phases)
    os.environ["HYPOTHESIS_PROFILE"] = "mutants"


def main() -> None:
    """Choose faults, try them, and print how many were detected."""
    parser = argparse.ArgumentParser(prog="./run bench mutants", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("paths", nargs="*", help="Modules or folders; default: what changed since --since.")
    parser.add_argument(
        "--since", default="main", metavar="COMMIT", help="Where unchanged modules are taken from (main)."
    )
    parser.add_argument("--count", type=int, help="How many faults, drawn at random; default: all.")
    parser.add_argument("--seed", type=int, default=0, help="Of the draw (0).")
    parser.add_argument("--measure", action="store_true", help="Measure anew which tests run which line.")
    parser.add_argument(
        "--tests", nargs="*", default=["tests/unit"], help="Tests that --measure carries out (tests/unit)."
    )
    parser.add_argument(
        "--results",
        type=Path,
        metavar="FILE",
        help="Where outcomes are kept, a line each; faults that it says were noticed are not tried again.",
    )
    parser.add_argument("--list", action="store_true", help="Print the faults; run nothing.")
    arguments = parser.parse_args()
    paths = modules(arguments.paths) if arguments.paths else changed_since(arguments.since)
    faults = [fault for path in paths for fault in mutations(path, (ROOT / path).read_text(encoding="utf-8"))]
    if not faults:
        sys.exit(f"mutants: no module changed since {arguments.since}; name modules or folders, or another --since")
    if arguments.count is not None:
        faults = random.Random(arguments.seed).sample(faults, min(arguments.count, len(faults)))
    if arguments.list:
        for fault in faults:
            print(f"{fault.path}:{fault.line}  {fault.before} -> {fault.after}")
        return
    os.nice(19)
    for name in HEAVY_IMPORTS:
        __import__(name)
    _find_no_smallest_examples()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree = Path(folder)
        copy_tree(tree)
        known = the_map(tree, arguments.tests, anew=arguments.measure)
        result = arguments.results
        if result is None:
            result = KEPT / f"result-{arguments.seed}.tsv"
            result.unlink(missing_ok=True)
        counts = run(faults, known, tree, result)
    noticed, all_real = sum(counts[outcome] for outcome in NOTICED), len(faults) - counts["equivalent"]
    share = noticed / all_real if all_real else 1.0
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()) + f": {share:.1%} noticed")
    sys.exit(0 if share >= LEAST else 1)


if __name__ == "__main__":
    main()
