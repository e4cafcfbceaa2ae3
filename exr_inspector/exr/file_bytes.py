"""Reading without I/O: generators yield byte ranges and receive the bytes of these ranges.

Every function that needs bytes is a generator of type `RangeRequests`. It yields a tuple of ranges (start, end) and receives an
`Answer`, until it returns its result. The caller decides where the bytes come from:

    found = answer_requests(probe(), lambda ranges: Answer([data[start:end] for start, end in ranges], len(data)))
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import NamedTuple, TypeVar

from exr_inspector.errors import BudgetExceeded, ExrInspectorError

FIRST_READ_BYTES = 65_536
_READ_AHEAD_LIMIT = 128 << 20

Ranges = tuple[tuple[int, int], ...]
Result = TypeVar("Result")


class Answer(NamedTuple):
    """The bytes of the requested ranges.

    Attributes:
        pieces: The bytes of each range, in the order of the ranges; a piece is shorter if the file ends inside its range.
        file_size: Size of the whole file in bytes.
    """

    pieces: Sequence[bytes]
    file_size: int


RangeRequests = Generator[Ranges, Answer, Result]


def answer_requests(requests: RangeRequests[Result], read: Callable[[Ranges], Answer]) -> Result:
    """Answer a generator's requests with `read` until it returns. Errors of `read` are raised inside the generator."""
    try:
        ranges = next(requests)
        while True:
            try:
                answer = read(ranges)
            except ExrInspectorError as error:
                ranges = requests.throw(error)
            else:
                ranges = requests.send(answer)
    except StopIteration as done:
        result: Result = done.value
        return result


def run_in_memory(requests: RangeRequests[Result], data: bytes) -> Result:
    """Answer a generator's requests from `data`, the bytes of a complete file."""
    return answer_requests(requests, lambda ranges: Answer([data[start:end] for start, end in ranges], len(data)))


class FileBytes:
    """Reads a file from its start and keeps the bytes read so far.

    The size of a header is unknown until its last attribute is read. Each request therefore reads twice as far ahead as the
    previous one, so the number of requests grows with the logarithm of the header's size.

    Attributes:
        buffer: The file's first bytes.
        size: Size of the whole file in bytes; 0 before the first answer.
    """

    __slots__ = ("_ahead", "_ahead_limit", "_first_bytes", "buffer", "size")

    def __init__(self, first_bytes: int = FIRST_READ_BYTES, read_ahead_limit: int = _READ_AHEAD_LIMIT) -> None:
        self._first_bytes = first_bytes
        self._ahead = first_bytes
        self._ahead_limit = read_ahead_limit
        self.buffer = b""
        self.size = 0

    def open(self) -> RangeRequests[None]:
        """Request the first bytes; the answer also contains the file's size."""
        answer = yield ((0, self._first_bytes),)
        self.buffer, self.size = answer.pieces[0], answer.file_size

    def read_until(self, until: int) -> RangeRequests[bytes]:
        """The bytes before offset `until`, or the whole file if it is shorter."""
        have, end = len(self.buffer), min(until, self.size)
        if have < end:
            answer = yield ((have, end),)
            self.buffer += answer.pieces[0]
            if len(self.buffer) < end:
                self.size = len(self.buffer)  # the file is shorter than the size that the store returned
        return self.buffer

    def read_ahead(self, until: int) -> RangeRequests[bytes]:
        """As `read_until`, and request more bytes after `until` if any are missing."""
        ahead, self._ahead = self._ahead, 2 * self._ahead
        return (yield from self.read_until(max(until, min(until + ahead, self._ahead_limit))))

    def has(self, ranges: Ranges) -> bool:
        """Whether all of these ranges have been read."""
        have = len(self.buffer)
        return have >= self.size or all(end <= have for _, end in ranges)

    def read(self, ranges: Ranges) -> RangeRequests[list[bytes] | None]:
        """The bytes of each range; None if the request budget is used up. Requests only bytes that are not in the buffer."""
        have = len(self.buffer)
        beyond = tuple((max(start, have), end) for start, end in ranges if have < min(end, self.size))
        fetched: Sequence[bytes] = ()
        if beyond:
            try:
                fetched = (yield beyond).pieces
            except BudgetExceeded:
                return None
        rest = iter(fetched)
        return [self.buffer[start:end] + (next(rest) if have < min(end, self.size) else b"") for start, end in ranges]
