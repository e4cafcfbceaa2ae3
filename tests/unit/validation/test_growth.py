"""No content of a file makes a rule slow or its findings large: twice the input takes at most twice the work."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Callable
from functools import partial

import pytest

from exr_inspector.model import Inspection
from exr_inspector.validation import RULES, validate_file
from exr_inspector.validation.engine import MAX_TEXT_CHARACTERS
from exr_inspector.validation.facts.sequences import SequenceFacts, Siblings
from tests.support.exrbytes import FLOAT, Channel, Part, a_string, build
from tests.support.growth import MOST, steps_of
from tests.unit.validation.judging import EVERYTHING, inspect
from tests.unit.validation.sequences import frame, seen

pytestmark = pytest.mark.slow


def matte_file(layers: int, mattes: int, layer: str) -> bytes:
    channels = [Channel(f"{layer.format(n)}.r", FLOAT) for n in range(layers)]
    declared = [a_string(f"cryptomatte/{n:07x}/name", "c") for n in range(mattes)]
    return build([Part(channels=channels, extra=declared)])


def judged_calls(data: bytes) -> int:
    inspection = inspect(data)
    validate_file(inspection, EVERYTHING)  # fills the caches
    return steps_of(lambda: validate_file(inspection, EVERYTHING))


@pytest.mark.parametrize("layer", ["a{}.c00", "c{:05}", "C{:02}", "n{}"])
def test_layers_of_cryptomattes_grow_linearly(layer: str) -> None:
    small, large = (judged_calls(matte_file(count, 8, layer)) for count in (250, 500))
    assert large < 2.5 * small


def test_declared_cryptomattes_grow_linearly() -> None:
    small, large = (judged_calls(matte_file(200, count, "c{:02}")) for count in (16, 32))
    assert large < 2.5 * small


def hosts(count: int) -> SequenceFacts:
    """Each frame comes from a computer of its own, as from the pods of a cloud."""
    return SequenceFacts("a", [frame(n, host=f"pod-{n}", pixels=seen(0.4 + n % 5 / 10)) for n in range(1, count + 1)])


def flickering(count: int) -> SequenceFacts:
    return SequenceFacts("a", [frame(n, pixels=seen(0.4 + n % 2 + n % 7 / 9)) for n in range(1, count + 1)])


def dark_layer(count: int) -> SequenceFacts:
    return SequenceFacts("a", [frame(n, pixels=seen(lit_pixels={"fog": 0})) for n in range(1, count + 1)])


def copies(count: int) -> SequenceFacts:
    copied = {n: f"{n}/a" for n in range(1, count + 1)}
    return SequenceFacts("a", [frame(n) for n in copied], siblings=Siblings(copies=copied))


def in_turns(count: int) -> SequenceFacts:
    return SequenceFacts("a", [frame(n, pixels=seen(is_solid=n % 9 == 0, coverage=0.3)) for n in range(1, count + 1)])


def cycle(count: int) -> SequenceFacts:
    return SequenceFacts("a", [frame(n, pixel_hash=f"{n % (count // 2)}", pixels=seen()) for n in range(1, count + 1)])


def single_frames(count: int) -> SequenceFacts:
    return SequenceFacts("a", [frame(2 * n) for n in range(count)], [range(2 * n, 2 * n + 1) for n in range(count)])


@pytest.mark.parametrize(
    ("code", "made"),
    [
        ("SEQ-HOST", hosts),
        ("SEQ-FLASH", flickering),
        ("SEQ-LAYER-BLACK", dark_layer),
        ("SEQ-DUP", copies),
        ("SEQ-DUP", cycle),
        ("SEQ-ALPHA", in_turns),
        ("SEQ-MISSING", single_frames),
    ],
)
def test_rules_of_sequences_grow_linearly(code: str, made: Callable[[int], SequenceFacts]) -> None:
    check = RULES[code].check
    assert check is not None
    parameters = EVERYTHING.for_path("a").parameters
    small, large = (steps_of(partial(check, made(count), parameters)) for count in (100, 200))
    assert large < MOST * small


def named(length: int) -> Inspection:
    return inspect(
        build([Part(channels=[Channel("c00.r", FLOAT)], extra=[a_string("cryptomatte/abc/name", "c" * length)])])
    )


def test_a_long_name_is_no_pattern_and_no_message() -> None:
    length = 2_000_000
    inspection = named(length)
    re.purge()
    tracemalloc.start()
    findings = validate_file(inspection, EVERYTHING)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * length
    assert any(finding.code == "CRY-LAYERS" for finding in findings)
    assert all(
        max(map(len, (finding.message, finding.found, finding.expected))) <= MAX_TEXT_CHARACTERS for finding in findings
    )
