"""A few thousand seeded mutations, and all inputs that once caused a fault."""

import tracemalloc
from itertools import islice
from pathlib import Path

import pytest

from bench.fuzz import REGRESSIONS, broken, exercise, inputs, seeds

KEPT = sorted(REGRESSIONS.glob("*.bin")) if REGRESSIONS.is_dir() else []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_mutations_raise_only_our_errors_and_take_no_time(seed: int) -> None:
    faults = {number: fault for number, data in enumerate(islice(inputs(seed), 1_500)) if (fault := broken(data))}
    assert faults == {}


@pytest.mark.heavy
def test_mutations_go_through_inspector_rules_and_rows_and_their_headers_come_back() -> None:
    faults = {n: fault for n, data in enumerate(islice(inputs(77), 500)) if (fault := broken(data, whole=True))}
    assert faults == {}


@pytest.mark.slow
@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_inputs_that_once_failed_pass(path: Path) -> None:
    assert broken(path.read_bytes(), whole=True) is None


@pytest.mark.slow
def test_memory_stays_in_proportion() -> None:
    """No number in a damaged file causes a large allocation: the limit, 40 times the input and a constant, is generous."""
    chosen = list(islice(inputs(99), 200))
    largest = max(map(len, chosen))
    exercise(seeds()[0])
    tracemalloc.start()
    try:
        for data in chosen:
            exercise(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 40 * largest + (8 << 20)
