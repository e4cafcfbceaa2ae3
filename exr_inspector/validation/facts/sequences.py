"""The frames of a sequence, and the frames that it must have."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, wraps
from itertools import pairwise
from typing import Any, TypeVar

from exr_inspector.validation.facts.slates import slates
from exr_inspector.validation.facts.timecodes import Clock
from exr_inspector.validation.frame_numbers import FrameNumbers
from exr_inspector.validation.frames import FrameSummary

UDIMS = range(1001, 2000)  # 1001 + u + 10 v
_STEPPED = 4  # from this number of frames on, equal distances are taken as the step of the render
_FAR = 2  # a frame lies far outside if the gap before it is longer than this many times the number of all frames
_FAR_FRAMES = 100  # the shortest such gap
_FEW = 20  # a single frame, or one in 20, may lie far outside the others
_TIME_CODES = range(1_000_000, 24_000_000)  # 01:00:00:00 to 23:59:59:99 as numbers
_COUNTED = (24, 25, 30, 48, 50, 60)  # frames a second that time codes count
_Fact = TypeVar("_Fact")
_DROPPED = 2  # a minute begins with this time code if it drops frames


@dataclass(frozen=True, slots=True)
class Siblings:
    """What the other views and AOVs of an image tell about a sequence. Each frame has the pattern of a sequence that has it.

    Attributes:
        frames: Frames of all of them; they extend the range of the existing frames.
        more: The same for a sequence that has half of these frames or fewer, and may be meant to, or a single one; for the
            matte of an object the frames of another object's matte.
        copies: Frames whose pixels are those of the same frame of another view or version, or of data those of an image.
        kept: Frames, at most half of all, whose pixels are those of the same frame of another version.
        same: In `check`, another sequence with all images in this order, and whether the names are those of different ones.
        foreign: In `check`, frames, at most half of all, whose pixels are those of the same frame of another shot.
        versions: Frames of other versions of a sequence, if each version has a part of one range.
        spellings: The same of sequences whose names differ in case or separators alone.
        misnamed: Frames that this sequence lacks, of a sequence whose name has the same view or AOV in another spelling.
        ends: Frames before or behind these that other outputs of the same script, or the image of this matte, have.
        image: The sequence of the main image, if this one is an AOV of light, which may have none: emission, specular.
        newer: Other views and AOVs whose newest version is newer than this one, if this is the newest of its view or AOV, with
            their frames before the first and behind the last one of this sequence.
        older: Frames of the version before, if this is the newest one and has a part of them.
        folder: The name of the folder, if its version is not that of the names of all files below it, and their version.
        tiles: UDIM tiles that this map lacks, and all other maps of the same object have.
        are_tiles_sure: Whether these maps are several, and this one is of a kind that has all tiles.
        no_tiles: Numbers of a texture that are no UDIM tiles.
        sizes: A sequence of the same image with another size of the display window, this size, and whether they must be equal.
        windows: A view or AOV of the same image with another data window, and this window, if both have one in all frames.
        regions: The other sequences with regions of the same image, as tile jobs write them; only the first one has them.
        is_assembled: Whether a sequence beside them has the complete image.
        time_codes: The plate of the shot, or another view or AOV, and how many frames earlier its time codes are.
    """

    frames: Mapping[int, str] = field(default_factory=dict)
    more: Mapping[int, str] = field(default_factory=dict)
    copies: Mapping[int, str] = field(default_factory=dict)
    kept: Mapping[int, str] = field(default_factory=dict)
    same: tuple[str, bool] | None = None
    foreign: Mapping[int, str] = field(default_factory=dict)
    versions: Mapping[int, str] = field(default_factory=dict)
    spellings: Mapping[int, str] = field(default_factory=dict)
    misnamed: Mapping[int, str] = field(default_factory=dict)
    ends: Mapping[int, str] = field(default_factory=dict)
    image: str = ""
    newer: Mapping[str, Sequence[int]] = field(default_factory=dict)
    older: Mapping[int, str] = field(default_factory=dict)
    folder: tuple[str, str] | None = None
    tiles: Mapping[int, str] = field(default_factory=dict)
    are_tiles_sure: bool = False
    no_tiles: tuple[int, ...] = ()
    sizes: tuple[str, tuple[int, ...], bool] | None = None
    windows: tuple[str, tuple[int, ...]] | None = None
    regions: tuple[str, ...] = ()
    is_assembled: bool = False
    time_codes: tuple[str, int] | None = None


NO_SIBLINGS = Siblings()


def sibling_name(mine: str, other: str) -> str:
    """The path of another sequence from the folder on that holds both; of one above this one, with its folder.

    >>> sibling_name("sh010/N/a.####.exr", "sh010/Z/a.####.exr"), sibling_name("sh010/N/a.####.exr", "sh010/b.####.exr")
    ('Z/a.####.exr', 'sh010/b.####.exr')
    """
    own, theirs = mine.split("/"), other.split("/")
    common = next((i for i, (one, two) in enumerate(zip(own, theirs, strict=False)) if one != two), 0)
    return "/".join(theirs[min(common, len(theirs) - 1 - (len(own) > len(theirs))) :])


def by_sibling(mine: str, frames: Mapping[int, str]) -> dict[str, list[int]]:
    """The file name of each other sequence, as in `sibling_name`, with its frames in ascending order."""
    found: dict[str, list[int]] = {}
    for number, other in sorted(frames.items()):
        found.setdefault(sibling_name(mine, other), []).append(number)
    return found


class SequenceFacts:
    """The frames of one sequence, by number.

    Attributes:
        name: Key of the sequence.
        frames: Its frames, sorted by number.
        required: Required frame ranges, ascending. If empty, the policy's range applies, or else the existing frames decide.
        siblings: The other views and AOVs of the same image.
        is_texture: Whether the files are textures, whose numbers are no frames.
        known: What functions that are `once_per_sequence` have found.
    """

    def __init__(
        self,
        name: str,
        frames: Iterable[FrameSummary],
        required: Sequence[range] = (),
        siblings: Siblings = NO_SIBLINGS,
        *,
        is_texture: bool = False,
    ) -> None:
        self.name = name
        self.is_texture = is_texture
        self.siblings = siblings
        self.required = required
        self.frames = sorted(frames, key=lambda frame: (frame.frame, frame.path))
        self.known: dict[Callable[[SequenceFacts], Any], Any] = {}

    @cached_property
    def numbers(self) -> list[int]:
        """Frame numbers in ascending order, without duplicates."""
        return sorted({frame.frame for frame in self.frames})

    @property
    def word(self) -> str:
        """What a message calls a file: `Frame`, or `Tile` of textures."""
        return "Tile" if self.is_texture else "Frame"

    @cached_property
    def has_small_images(self) -> bool:
        """Whether small images or black cells of frames are known: to commands that read all pixels, not to the function."""
        return any(frame.pixels and (frame.pixels.zeros or frame.pixels.lines) for frame in self.frames)

    @cached_property
    def slates(self) -> frozenset[int]:
        """Numbers of the frames at the beginning that show another image than the shot."""
        return slates(self.frames)


def once_per_sequence(fact: Callable[[SequenceFacts], _Fact]) -> Callable[[SequenceFacts], _Fact]:
    """Let a function, which several rules call, compute its result only once for a sequence."""

    @wraps(fact)
    def known(sequence: SequenceFacts) -> _Fact:
        if fact not in sequence.known:
            sequence.known[fact] = fact(sequence)
        found: _Fact = sequence.known[fact]
        return found

    return known


@dataclass(frozen=True, slots=True)
class ExpectedFrames:
    """The frames that a sequence must have.

    Attributes:
        ranges: At least one range, in ascending order, without overlaps.
        is_guessed: Whether the step was derived from the existing frames instead of the policy.
        far: Existing frames that lie far outside the rest, as misnumbered ones do; only without a required range.
    """

    ranges: tuple[range, ...]
    is_guessed: bool = False
    far: frozenset[int] = frozenset()

    @property
    def first(self) -> int:
        """The first frame."""
        return self.ranges[0].start

    @property
    def last(self) -> int:
        """The last frame that is on the step."""
        return self.ranges[-1][-1]

    @property
    def step(self) -> int:
        """Difference between adjacent frames."""
        return self.ranges[0].step

    @property
    def count(self) -> int:
        """Number of frames."""
        return sum(map(len, self.ranges))

    @property
    def text(self) -> str:
        """The ranges for a message: `1001-1060`, `1001-1059x2`."""
        return FrameNumbers(self.ranges).words

    def missing(self, numbers: Iterable[int]) -> FrameNumbers:
        """The expected frames that are not in `numbers`. Time depends on `numbers` and ranges, not on their length."""
        present = sorted(set(numbers))
        gaps: list[range] = []
        for expected in self.ranges:
            done = 0
            for number in present[bisect_left(present, expected.start) : bisect_left(present, expected.stop)]:
                if number in expected:
                    place = expected.index(number)
                    gaps.append(expected[done:place])
                    done = place + 1
            gaps.append(expected[done:])
        return FrameNumbers.of_spans(gaps)


def expected_frames(
    numbers: Sequence[int], required: Sequence[range], frame_range: tuple[int, int] | None, step: int
) -> ExpectedFrames:
    """Return the frames that a sequence must have: by `required`, else by `frame_range`, else from first to last frame.

    Without a range, the phase of the step is that of most frames. If the policy's step is 1, and at least four frames all have
    the same distance, this distance is the step.

    Args:
        numbers: Existing frames in ascending order, at least one.
        required: Required ranges in ascending order. Those with step 1 get the policy's step.
        frame_range: First and last frame that the policy sets.
        step: Difference between adjacent frames that the policy sets.
    """
    if not required and frame_range is not None:
        required = (range(frame_range[0], frame_range[1] + 1),)
    if required:
        return ExpectedFrames(tuple(each if each.step > 1 else range(each.start, each.stop, step) for each in required))
    if step == 1 and (clock := clock_of_numbers(numbers)) is not None:
        return ExpectedFrames(clock.ranges(numbers[0], numbers[-1]))
    far = far_frames(numbers)
    numbers = [number for number in numbers if number not in far]
    if step == 1 and len(numbers) >= _STEPPED:
        steps = {after - before for before, after in pairwise(numbers)}
        if len(steps) == 1 and steps != {1}:
            return ExpectedFrames((range(numbers[0], numbers[-1] + 1, steps.pop()),), is_guessed=True, far=far)
    phase = Counter(number % step for number in numbers).most_common(1)[0][0]
    on_step = [number for number in numbers if number % step == phase]
    return ExpectedFrames((range(on_step[0], on_step[-1] + 1, step),), far=far)


@dataclass(frozen=True, slots=True)
class NumberClock:
    """How frame numbers that are time codes (`01002311` for 01:00:23:11) count.

    Attributes:
        rate: Frames a second, of which the last two digits count all.
        is_drop_frame: Whether minutes, but not each tenth, begin with frame 2.
    """

    rate: int
    is_drop_frame: bool = False

    def clock(self, number: int) -> Clock:
        """The time code that is the number."""
        hours, minutes, seconds, frame = (number // 100**power % 100 for power in (3, 2, 1, 0))
        return Clock(hours, minutes, seconds, frame, self.is_drop_frame)

    def ranges(self, first: int, last: int) -> tuple[range, ...]:
        """The numbers from the first to the last one: a range for each second."""
        found = []
        for second in range(_seconds(first), _seconds(last) + 1):
            start = 100 * (second % 60 + 100 * (second // 60 % 60 + 100 * (second // 3600)))
            skipped = _DROPPED if self.is_drop_frame and second % 60 == 0 and second // 60 % 10 else 0
            found.append(range(max(first, start + skipped), min(last, start + self.rate - 1) + 1))
        return tuple(filter(None, found))


def clock_of_numbers(numbers: Sequence[int]) -> NumberClock | None:
    """How these ascending numbers count if they are time codes: they go on from the last frame of a second to the next second.

    >>> clock_of_numbers([1000022, 1000023, 1000100, 1000101])
    NumberClock(rate=24, is_drop_frame=False)
    >>> clock_of_numbers([1000021, 1000022, 1000100, 1000101])
    """
    if not numbers or numbers[0] not in _TIME_CODES or numbers[-1] not in _TIME_CODES:
        return None
    if any(number // 100 % 100 > 59 or number // 10_000 % 100 > 59 for number in numbers):
        return None
    steps = [
        (before % 100 + 1, after % 100)
        for before, after in pairwise(numbers)
        if _seconds(after) == _seconds(before) + 1 and after % 100 in {0, _DROPPED}
    ]
    rate = Counter(rate for rate, _ in steps if rate in _COUNTED).most_common(1)
    if not rate or any(number % 100 >= rate[0][0] for number in numbers):
        return None
    return NumberClock(rate[0][0], is_drop_frame=(rate[0][0], _DROPPED) in steps)


def _seconds(number: int) -> int:
    """Seconds since midnight of a number that is a time code."""
    return (number // 1_000_000 * 60 + number // 10_000 % 100) * 60 + number // 100 % 100


def far_frames(numbers: Sequence[int]) -> frozenset[int]:
    """The few frames that long gaps separate from nearly all others; none if there are many, or too few frames to tell.

    >>> far_frames([1001, 1002, 1003, 10004])
    frozenset({10004})
    """
    longest = max(_FAR_FRAMES, _FAR * len(numbers))
    groups = [[*numbers[:1]]]
    for before, after in pairwise(numbers):
        if after - before > longest:
            groups.append([])
        groups[-1].append(after)
    usual = max(groups, key=len)
    far = frozenset(number for group in groups if group is not usual for number in group)
    return far if len(far) <= max(1, len(numbers) // _FEW) and len(usual) >= _STEPPED - 1 else frozenset()
