"""What is wrong with a file that can still be read: each oddity as a value with the code of the rule it breaks.

The codes are those of the rule catalogue (`./run rules`). The reader reports and repairs nothing; whether a problem is an
error, a warning or of no interest is for a policy to say.
"""

from __future__ import annotations

from typing import NamedTuple

MAX_PROBLEMS_PER_CODE = 100


class Problem(NamedTuple):
    """One observation.

    Attributes:
        code: Rule code, such as `STR-ATTR-DUP`.
        message: What is wrong, in words.
        part: Index of the part, None for the file as a whole.
        offset: Byte offset in the file where it shows, None where it has no place.
        found: What the bytes say.
        expected: What the format asks for.
        channel: Name of the channel, where it concerns one.
        fatal: True when the OpenEXR library cannot open the file because of it, or opens it only by luck since it loses its
            place in the header.
        mild: True for the harmless variant of what the code stands for: one degree below the rule's severity.
    """

    code: str
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
        text = self.message if self.offset is None else f"{self.message} at byte {self.offset}"
        if self.found:
            text += f": found {self.found}"
        if self.expected:
            text += f", expected {self.expected}" if self.found else f": expected {self.expected}"
        return text


class ProblemList:
    """Collects problems; of each code it keeps the first MAX_PROBLEMS_PER_CODE and counts the rest.

    A header can hold 100,000 attributes that are all wrong in one way: nobody reads as many findings, and no table should
    store them.
    """

    __slots__ = ("_counts", "_fatal", "_problems")

    def __init__(self) -> None:
        self._problems: list[Problem] = []
        self._counts: dict[str, int] = {}
        self._fatal: set[str] = set()

    def add(self, problem: Problem) -> None:
        """Keep or count one problem."""
        code = problem.code
        count = self._counts[code] = self._counts.get(code, 0) + 1
        if count <= MAX_PROBLEMS_PER_CODE:
            self._problems.append(problem)
        elif problem.fatal:
            self._fatal.add(code)

    def all(self) -> tuple[Problem, ...]:
        """What was kept, and for each code that occurred more often one problem that says how many more."""
        for code, count in self._counts.items():
            more = count - MAX_PROBLEMS_PER_CODE
            if more > 0:
                self._problems.append(
                    Problem(code, f"{more} more of this kind", found=str(count), fatal=code in self._fatal)
                )
        self._counts.clear()
        return tuple(self._problems)
