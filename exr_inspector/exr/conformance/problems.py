"""Adds problems of one part, each with the offset of its attribute."""

from __future__ import annotations

from dataclasses import dataclass

from exr_inspector.exr.header.parts import PartHeader
from exr_inspector.exr.header.values import Attribute
from exr_inspector.exr.problems import Problem, ProblemKind, ProblemList


@dataclass(frozen=True, slots=True)
class PartProblems:
    """Adds problems of one part to the problem list of the file."""

    part: PartHeader
    problems: ProblemList

    def add(
        self,
        kind: ProblemKind,
        message: str,
        at: Attribute | str | None = None,
        found: str = "",
        expected: str = "",
        *,
        channel: str | None = None,
        fatal: bool = False,
        mild: bool = False,
    ) -> None:
        """Add a problem. The arguments are the fields of `Problem`, except for `at`.

        `at` is an attribute of the part or its name; the offset of the attribute's value becomes the offset of the problem.
        """
        attribute = self.part.by_name.get(at) if isinstance(at, str) else at
        offset = None if attribute is None else attribute.offset
        self.problems.add(Problem(kind, message, self.part.index, offset, found, expected, channel, fatal, mild))
