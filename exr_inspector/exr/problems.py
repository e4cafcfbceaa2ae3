"""Deviations from the format in a file that can still be read, as values. Nothing is repaired here.

The kinds are this package's own. Which rule a kind breaks and how severe that is, `validation` decides.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from exr_inspector.errors import fault_text

MAX_PROBLEMS_PER_KIND = 100


class ProblemKind(Enum):
    """What a problem is about."""

    # the version word
    CONTRADICTORY_FLAGS = auto()
    DEEP_FLAG = auto()
    LONG_NAMES_FLAG = auto()
    MULTI_PART_FLAG = auto()
    # attributes
    LARGE_HEADER = auto()
    MISSING_ATTRIBUTE = auto()
    WRONG_ATTRIBUTE_TYPE = auto()
    UNKNOWN_ATTRIBUTE_TYPE = auto()
    DUPLICATE_ATTRIBUTE = auto()
    DEPRECATED_ATTRIBUTE = auto()
    MALFORMED_VALUE = auto()
    NAME_LENGTH = auto()
    NOT_UTF8 = auto()
    EMPTY_STRING = auto()
    UNKNOWN_CODE = auto()
    PREVIEW = auto()
    # parts
    PART_NAME = auto()
    MISSING_PART_TYPE = auto()
    UNKNOWN_PART_TYPE = auto()
    PART_TYPE_MISMATCH = auto()
    DEEP_VERSION = auto()
    SHARED_ATTRIBUTES = auto()
    SHARED_TIME_CODE = auto()
    INVALID_WINDOW = auto()
    PIXEL_ASPECT_RATIO = auto()
    SCREEN_WINDOW = auto()
    UNKNOWN_COMPRESSION = auto()
    DEEP_COMPRESSION = auto()
    UNKNOWN_LINE_ORDER = auto()
    TILE_DESCRIPTION = auto()
    # channels
    EXTRA_CHANNEL_LIST = auto()
    CHANNEL_COUNT = auto()
    CHANNEL_ORDER = auto()
    DUPLICATE_CHANNEL = auto()
    UNKNOWN_PIXEL_TYPE = auto()
    CHANNEL_FLAGS = auto()
    CHANNEL_SAMPLING = auto()
    # chunks
    MISSING_CHUNK_COUNT = auto()
    WRONG_CHUNK_COUNT = auto()
    TOO_MANY_CHUNKS = auto()
    WRONG_LEADER = auto()
    CHUNK_SIZE = auto()
    DEEP_CHUNK_SIZES = auto()
    CHUNK_PAST_END = auto()
    OVERLAPPING_CHUNK = auto()
    UNREFERENCED_BYTES = auto()
    CHUNK_ORDER = auto()
    TABLE_REBUILT = auto()


class Problem(NamedTuple):
    """One deviation.

    Attributes:
        kind: What it is about.
        message: What is wrong, in words.
        part: Index of the part, None for the file as a whole.
        offset: Byte offset in the file where it shows, None where it has no place.
        found: What the bytes say.
        expected: What the format asks for.
        channel: Name of the channel, where it concerns one.
        fatal: True when the OpenEXR library cannot open the file because of it, or loses its place in the header, so that
            opening the rest depends on luck.
        mild: True for the harmless variant of its kind.
    """

    kind: ProblemKind
    message: str
    part: int | None = None
    offset: int | None = None
    found: str = ""
    expected: str = ""
    channel: str | None = None
    fatal: bool = False
    mild: bool = False

    @property
    def text(self) -> str:
        """Message, place and what was found and expected, in one line."""
        return fault_text(self.message, self.offset, self.found, self.expected)


class ProblemList:
    """Collects problems; of each kind it keeps the first MAX_PROBLEMS_PER_KIND and counts the rest.

    A header can hold 100,000 attributes that are all wrong in one way: nobody reads as many findings, and no table should
    store them.
    """

    __slots__ = ("_counts", "_fatal", "_problems")

    def __init__(self) -> None:
        self._problems: list[Problem] = []
        self._counts: dict[ProblemKind, int] = {}
        self._fatal: set[ProblemKind] = set()

    def add(self, problem: Problem) -> None:
        """Keep or count one problem."""
        kind = problem.kind
        count = self._counts[kind] = self._counts.get(kind, 0) + 1
        if count <= MAX_PROBLEMS_PER_KIND:
            self._problems.append(problem)
        elif problem.fatal:
            self._fatal.add(kind)

    def all(self) -> tuple[Problem, ...]:
        """The problems that were kept, and for each kind that occurred more often one that says how many more."""
        more = [
            Problem(
                kind, f"{count - MAX_PROBLEMS_PER_KIND} more of this kind", found=str(count), fatal=kind in self._fatal
            )
            for kind, count in self._counts.items()
            if count > MAX_PROBLEMS_PER_KIND
        ]
        return (*self._problems, *more)
