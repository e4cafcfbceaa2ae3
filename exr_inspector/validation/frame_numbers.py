"""Frame numbers stored as ranges, so that memory depends on the number of ranges and not of frames.

>>> FrameNumbers.of([1001, 1002, 1003, 1007])
FrameNumbers('1001-1003,1007')
>>> FrameNumbers.of([2, 4, 6, 8, 11]).text
'2-8x2,11'
>>> FrameNumbers.parse("1001-1005x2,1010").text
'1001-1005x2,1010'
>>> FrameNumbers.of([-2, -1, 0, 1]).words
'-2 to 1'
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

_RANGE = re.compile(r"(-?\d+)(?:-(-?\d+)(?:x(\d+))?)?", re.ASCII)
_NEGATIVE = re.compile(r"(-\d+)-(-?\d+)", re.ASCII)
_RUNS_SHOWN = 8
_STEPPED = 4  # from this many single numbers on, equal distances are a step


@dataclass(frozen=True, slots=True, repr=False)
class FrameNumbers(Sequence[int]):
    """Frame numbers in ascending order, without duplicates.

    Attributes:
        spans: Ranges in ascending order that do not overlap.
    """

    spans: tuple[range, ...] = ()

    @classmethod
    def of(cls, numbers: Iterable[int]) -> FrameNumbers:
        """Create from numbers in any order."""
        if isinstance(numbers, FrameNumbers):
            return numbers
        return cls(_joined(range(number, number + 1) for number in sorted(set(numbers))))

    @classmethod
    def of_spans(cls, spans: Iterable[range]) -> FrameNumbers:
        """Create from ranges in ascending order that do not overlap; adjacent ranges are joined."""
        return cls(_joined(spans))

    @classmethod
    def parse(cls, text: str) -> FrameNumbers:
        """Parse the format of `text`."""
        found = []
        for first, last, step in _RANGE.findall(text):
            found.append(range(int(first), int(last or first) + 1, int(step or 1)))
        return cls.of_spans(found)

    def __len__(self) -> int:
        return sum(map(len, self.spans))

    def __iter__(self) -> Iterator[int]:
        for span in self.spans:
            yield from span

    def __contains__(self, number: object) -> bool:
        if not isinstance(number, int):
            return False
        place = bisect_right(self.spans, number, key=lambda span: span.start) - 1
        return place >= 0 and number in self.spans[place]

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[int, ...]: ...
    def __getitem__(self, index: int | slice) -> int | tuple[int, ...]:
        if isinstance(index, slice):
            return tuple(self)[index]
        place = index if index >= 0 else index + len(self)
        for span in self.spans:
            if 0 <= place < len(span):
                return span[place]
            place -= len(span)
        raise IndexError(index)

    def __repr__(self) -> str:
        return f"FrameNumbers({self.text!r})"

    def leading(self, numbers: range) -> int:
        """How many of the first numbers of a range are among these; with steps, perhaps only the first one."""
        if not numbers or numbers[0] not in self:
            return 0
        span = self.spans[bisect_right(self.spans, numbers[0], key=lambda span: span.start) - 1]
        return len(range(numbers[0], min(numbers[-1], span[-1]) + 1, numbers.step)) if span.step == 1 else 1

    def union(self, numbers: Iterable[int]) -> FrameNumbers:
        """Return these and other numbers. The time grows with the number of the others."""
        more = sorted({number for number in numbers if number not in self}, reverse=True)
        spans: list[range] = []
        for span in self.spans:
            rest = span
            while more and more[-1] < span[-1]:
                number = more.pop()
                below = max(0, -((rest.start - number) // rest.step))  # how many numbers of `rest` are lower
                spans += [rest[:below], range(number, number + 1)]
                rest = rest[below:]
            spans.append(rest)
        spans += (range(number, number + 1) for number in reversed(more))
        return FrameNumbers.of_spans(spans)

    @property
    def runs(self) -> list[tuple[int, str]]:
        """The first number of each range, and the range for a message: `1077-1079`."""
        return [(first, _in_words(text)) for first, text in _texts(self.spans)]

    @property
    def text(self) -> str:
        """The ranges in the syntax of render managers: `1033,1077-1079,1101-1109x2` (every second frame)."""
        return ",".join(text for _, text in _texts(_stepped(self.spans)))

    @property
    def words(self) -> str:
        """The ranges for a message: `1-4, 7, 9-12`, negative ones as `-4 to -1`; only the first ones if there are many."""
        return self.in_words(_RUNS_SHOWN)

    def in_words(self, most: int | None = None) -> str:
        """As `words`, with up to `most` ranges, or all."""
        runs = [_in_words(text) for _, text in _texts(_stepped(self.spans))]
        more = f" and {len(runs) - most} more ranges" if most is not None and len(runs) > most else ""
        return ", ".join(runs[:most]) + more


NO_FRAMES = FrameNumbers()


def _joined(spans: Iterable[range]) -> tuple[range, ...]:
    """Drop empty ranges, and join adjacent ranges of step 1."""
    found: list[range] = []
    for span in spans:
        if not span:
            continue
        one = range(span[0], span[0] + 1) if len(span) == 1 else span
        if found and one.step == found[-1].step == 1 and one.start == found[-1].stop:
            found[-1] = range(found[-1].start, one.stop)
        else:
            found.append(one)
    return tuple(found)


def _texts(spans: Iterable[range]) -> list[tuple[int, str]]:
    """The first number and the text of each range; a step with less than three numbers is single numbers."""
    found: list[tuple[int, str]] = []
    for span in spans:
        if len(span) < 3 and span.step > 1:
            found += ((number, str(number)) for number in span)
        else:
            step = f"x{span.step}" if span.step > 1 else ""
            found.append((span[0], str(span[0]) if len(span) == 1 else f"{span[0]}-{span[-1]}{step}"))
    return found


def _in_words(text: str) -> str:
    return _NEGATIVE.sub(r"\1 to \2", text)


def _stepped(spans: Sequence[range]) -> Iterator[range]:
    """Yield the ranges, with at least `_STEPPED` single numbers at equal distances as one range."""
    start = 0
    while start < len(spans):
        end = start + 1
        while (
            end < len(spans)
            and len(spans[end - 1]) == len(spans[end]) == 1
            and spans[end].start - spans[end - 1].start == spans[start + 1].start - spans[start].start
        ):
            end += 1
        if end - start >= _STEPPED:
            yield range(spans[start].start, spans[end - 1].stop, spans[start + 1].start - spans[start].start)
            start = end
        else:
            yield spans[start]
            start += 1


def joined_ranges(numbers: Iterable[int]) -> str:
    """Format numbers in any order as ranges for a message: `1-4, 7, 9-12`."""
    return FrameNumbers.of(numbers).words
