"""Deviations from the format in a file that can still be read, as values. Nothing is repaired.

The kinds are specific to this package; `validation` maps each kind to a rule and a severity.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import NamedTuple

from exr_inspector.errors import fault_text

MAX_PROBLEMS_PER_KIND = 100


class ProblemKind(Enum):
    """The kind of a problem."""

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
    """One deviation from the format.

    Attributes:
        kind: Kind of the problem.
        message: What is wrong.
        part: Index of the part; None for the file as a whole.
        offset: Byte offset of the problem in the file; None if it has no location.
        found: What the file contains.
        expected: What the format requires.
        channel: Name of the channel that it concerns, if any.
        fatal: Whether it prevents the OpenEXR library from opening the file, or makes it misread the header from here on.
        mild: Whether it is the harmless variant of its kind.
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
        """Message, location, found and expected value in one line."""
        return fault_text(self.message, self.offset, self.found, self.expected)


class ProblemList:
    """Collects problems: keeps the first MAX_PROBLEMS_PER_KIND of each kind and counts the rest.

    A header can contain 100,000 attributes with the same fault: too many findings to read or to store.
    """

    __slots__ = ("_counts", "_fatal", "_problems")

    def __init__(self) -> None:
        self._problems: list[Problem] = []
        self._counts: dict[ProblemKind, int] = {}
        self._fatal: set[ProblemKind] = set()

    def add(self, problem: Problem) -> None:
        """Add one problem: keep it, or only count it if its kind has reached the maximum."""
        kind = problem.kind
        count = self._counts[kind] = self._counts.get(kind, 0) + 1
        if count <= MAX_PROBLEMS_PER_KIND:
            self._problems.append(problem)
        elif problem.fatal:
            self._fatal.add(kind)

    def all(self) -> tuple[Problem, ...]:
        """The kept problems, and for each kind with more problems one that states how many were only counted."""
        more = [
            Problem(
                kind, f"{count - MAX_PROBLEMS_PER_KIND} more of this kind", found=str(count), fatal=kind in self._fatal
            )
            for kind, count in self._counts.items()
            if count > MAX_PROBLEMS_PER_KIND
        ]
        return (*self._problems, *more)
