"""Work grows linearly with the input: for twice the input, at most 2.5 times as many lines are executed."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest

from exr_inspector.catalog.rows.groups import prepare
from exr_inspector.deadline import Deadline
from exr_inspector.exr.problems import Problem, ProblemKind
from exr_inspector.inspector import Inspector, InspectorConfig
from exr_inspector.model import Inspection, PixelReport, StatsMode
from exr_inspector.pixels.reader import PixelConfig
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.storage.sequences import sequence_name
from exr_inspector.validation import builtin_policy, validate_file
from exr_inspector.validation.facts.facts import FileFacts
from tests.support.exrbytes import FLOAT, Channel, Part, a_string, build
from tests.support.growth import INPUTS, KEYS, MOST, longest_stretch, parts, steps_of

pytestmark = pytest.mark.slow

POLICY = builtin_policy("default")
OPENER = SourceOpener(load_settings({}, secrets_dir=None, need=()))
HEADER_ONLY = Inspector()
WITH_PIXELS = Inspector(InspectorConfig(stats=StatsMode.FULL))


def steps(inspector: Inspector, data: bytes) -> int:
    return steps_of(lambda: inspector.inspect(OPENER.open_bytes(data, key="a.exr"), POLICY))


def growth(inspector: Inspector, make: Callable[[int], bytes], count: int) -> float:
    """The ratio of executed lines for twice the input."""
    small, large = make(count), make(2 * count)
    for data in (small, large):  # work that is done once in a process, and caches of small files
        inspector.inspect(OPENER.open_bytes(data, key="a.exr"), POLICY)
    return steps(inspector, large) / steps(inspector, small)


@pytest.mark.parametrize("name", INPUTS)
def test_work_grows_in_proportion(name: str) -> None:
    assert growth(HEADER_ONLY, *INPUTS[name]) <= MOST


@pytest.mark.parametrize("make", KEYS)
def test_work_for_a_long_key_grows_in_proportion(make: Callable[[int], str]) -> None:
    small, large = make(1_000), make(2_000)
    assert steps_of(lambda: sequence_name("b", large)) <= MOST * steps_of(lambda: sequence_name("b", small))


def test_work_grows_in_proportion_to_parts_with_statistics() -> None:
    assert growth(WITH_PIXELS, parts, 30) <= MOST


@dataclass(frozen=True)
class Watched(Deadline):
    """A distant deadline that records when it is checked."""

    look: Callable[[], None] = lambda: None

    def remaining(self) -> float:
        self.look()
        return 1_000.0

    def fraction(self, part: float) -> Deadline:
        return self


@pytest.mark.parametrize("inspector", [HEADER_ONLY, WITH_PIXELS])
def test_the_deadline_is_checked_from_the_header_to_the_rows(inspector: Inspector) -> None:
    data = parts(200)

    def work(look: Callable[[], None]) -> None:
        deadline = Watched(0.0, look)
        found = inspector.inspect(OPENER.open_bytes(data, key="a.exr"), POLICY, deadline=deadline)
        prepare([found], checkpoint=lambda: deadline.check("rows"))

    work(lambda: None)
    assert longest_stretch(work) < 0.12


def test_figures_are_made_of_what_was_read_only_when_the_time_was_up() -> None:
    data = parts(200)
    late = Watched(0.0)
    object.__setattr__(late, "fraction", lambda _: Deadline.after(0.0))
    whole = WITH_PIXELS.inspect(OPENER.open_bytes(data), POLICY)
    stopped = WITH_PIXELS.inspect(OPENER.open_bytes(data), POLICY, deadline=late)
    assert (stopped.pixels.stopped, len(stopped.pixels.channels), len(whole.pixels.channels)) == ("time", 0, 200)


def test_findings_that_parts_repeat_are_gathered_in_proportion() -> None:
    base = HEADER_ONLY.inspect(OPENER.open_bytes(parts(2)), POLICY)
    header = base.header._replace(is_partial=True)  # no other rule is called

    def needed(count: int) -> int:
        problems = tuple(
            Problem(kind, "", part, found="x", mild=True)
            for part in range(count)
            for kind in (ProblemKind.DEPRECATED_ATTRIBUTE, ProblemKind.NOT_UTF8)
        )
        inspection = replace(base, header=header, problems=problems)
        assert len(validate_file(inspection, POLICY)) == 2
        return steps_of(lambda: validate_file(inspection, POLICY))

    assert needed(1_000) <= MOST * needed(500)


def cryptomatte(ids: int) -> bytes:
    """A Cryptomatte of one rank in which every pixel has another id."""
    values = np.random.default_rng(0).permutation(np.arange(ids, dtype=np.uint32) + (1 << 29))
    pixels = {"c00.r": values.view(np.float32), "c00.g": np.ones(ids)}
    shaped = {name: array.reshape(-1, 1_000) for name, array in pixels.items()}
    window = (0, 0, 999, ids // 1_000 - 1)
    channels = [Channel(name, FLOAT) for name in pixels]
    extra = [a_string("cryptomatte/0/name", "c")]
    return build([Part(data_window=window, channels=channels, pixels=shaped, extra=extra)])


def test_work_grows_in_proportion_to_ids_of_cryptomattes() -> None:
    few_ids = Inspector(InspectorConfig(stats=StatsMode.FULL, pixels=PixelConfig(max_ids=2_000)))
    assert growth(few_ids, cryptomatte, 10_000) <= MOST


def test_figures_are_found_by_part_in_proportion() -> None:
    base = WITH_PIXELS.inspect(OPENER.open_bytes(parts(1), key="a.exr"), POLICY)
    assert base.pixels is not None

    def made(count: int) -> Inspection:
        inspection = HEADER_ONLY.inspect(OPENER.open_bytes(parts(count), key="a.exr"), POLICY)
        pixels = PixelReport(
            StatsMode.FULL,
            tuple(replace(base.pixels.channels[0], part=part) for part in range(count)),
            tuple(replace(base.pixels.parts[0], part=part) for part in range(count)),
        )
        return replace(inspection, pixels=pixels)

    def needed(count: int) -> int:
        inspection = made(count)
        assert inspection.header is not None
        found = FileFacts(inspection, inspection.header)
        return steps_of(lambda: [(part.stats, part.pixels) for part in found.parts])

    assert needed(200) <= MOST * needed(100)
