"""What a rule is: a small pure function over the facts of a part or a file, with what people need to know of it.

Everything about a rule stands at its function. Rules are values, made by the decorators here and collected by `registry`;
nothing registers itself anywhere:

    @part_rule(
        "WIN-DISPLAY-ORIGIN",
        Severity.WARNING,
        "The display window starts at (0, 0)",
        why="Several applications ignore or misread the offset of the display window.",
        source="OpenEXR technical introduction (Display Window and Data Window)",
        fix="Move the image so that its display window starts at (0, 0).",
    )
    def display_origin(part: PartFacts, parameters: WindowParameters) -> Results: ...

Its parameters are fields of the module's parameter class, its failing and passing files stand in the file of the same name
in `tests/unit/validation/cases`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any, Literal, NamedTuple

from exr_inspector.exr.problems import ProblemKind
from exr_inspector.model import Severity
from exr_inspector.validation.facts.traits import ALWAYS


class Stage(str, Enum):
    """What a rule needs to have been read."""

    HEADER = "header"
    TABLE = "table"
    PIXELS = "pixels"
    SEQUENCE = "sequence"


class Scope(str, Enum):
    """What one call of a rule looks at; a reported rule is found by other code and has no function of its own.

    Rules of scope CHANNELS see nothing but a part's channel list and compression, and are judged once for equal ones.
    """

    CHANNELS = "channels"
    PART = "part"
    FILE = "file"
    SEQUENCE = "sequence"
    REPORTED = "reported"


class Found(NamedTuple):
    """One violation, before the policy has its say.

    Attributes:
        message: What was found and what was expected, for people.
        found: What was found, short.
        expected: What was expected, short.
        channel: Channel name, where it concerns one.
        part: Index of the part; a part's rule leaves it None and the engine fills it in.
        offset: Byte offset in the file, where it has one.
        severity: How bad this case is, where the rule knows degrees; None for the rule's own.
        frames: Frames that it concerns; only of sequences.
    """

    message: str
    found: str = ""
    expected: str = ""
    channel: str | None = None
    part: int | None = None
    offset: int | None = None
    severity: Severity | None = None
    frames: Sequence[int] = ()


def counted(number: int, noun: str) -> str:
    """`1 file`, `2 files`: every count in a message and on a page."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


Results = tuple[Found, ...] | list[Found]
Check = Callable[[Any, Any], Results]  # (facts of the rule's scope, the parameters) -> violations
NOTHING: tuple[Found, ...] = ()
When = int | Callable[[Any], int]
Level = Literal["off", "on", "info", "warning", "error"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Rule:
    """One rule.

    Attributes:
        code: Stable name.
        severity: What a violation is unless a policy says otherwise.
        stage: What must have been read.
        scope: What one call looks at.
        title: What must hold, in a few words.
        why: What goes wrong otherwise.
        source: Documents that the requirement comes from, split by semicolons.
        fix: What to do about a violation.
        command: A command of a public tool that does it, with IN.exr and OUT.exr; empty where there is none.
        check: The function; None for rules that are reported by the format's own checks.
        problem: Kind of problem that `exr` reports for a violation; its uses lead to the function that finds it.
        when: Traits of which a part or file must have at least one for the rule to be called, or what gives them by parameters.
        needs: Parameters of which at least one must be set for the rule to demand anything; empty: none.
        yields_to: Rules that say the same more exactly: where one of them found the same in the same part, this one is silent.
        profiles: Profile -> level, where a profile sets another one than the rule's own.
        limits: What the rule looks at where its title says more; empty where it looks at all of it.
        origin: File that a policy added the rule from; empty for rules of this package and of entry points.
    """

    code: str
    severity: Severity
    title: str
    stage: Stage
    scope: Scope
    why: str
    source: str
    fix: str
    command: str = ""
    check: Check | None = None
    problem: ProblemKind | None = None
    when: When = ALWAYS
    needs: tuple[str, ...] = ()
    yields_to: tuple[str, ...] = ()
    profiles: Mapping[str, Level] = field(default_factory=dict)
    limits: str = ""
    origin: str = ""

    @property
    def edits_header(self) -> bool:
        """Whether the command changes attributes alone: the pixels of the file are right, and need no new render."""
        return self.command.startswith("exrstdattr") or "--eraseattrib" in self.command

    @property
    def group(self) -> str:
        """The first word of the code."""
        return self.code.partition("-")[0]


def _declare(
    scope: Scope,
    code: str,
    severity: Severity,
    title: str,
    *,
    stage: Stage = Stage.HEADER,
    **described: Any,
) -> Callable[[Check], Rule]:
    return lambda check: Rule(
        code=code, severity=severity, title=title, stage=stage, scope=scope, check=check, **described
    )


channel_rule = partial(
    _declare, Scope.CHANNELS
)  # about the channel list and compression of a part, and nothing else of it
part_rule = partial(_declare, Scope.PART)  # called once a part
file_rule = partial(_declare, Scope.FILE)  # called once a file
sequence_rule = partial(_declare, Scope.SEQUENCE, stage=Stage.SEQUENCE)  # called once a sequence


def reported(
    code: str,
    severity: Severity,
    title: str,
    *,
    stage: Stage = Stage.HEADER,
    **described: Any,
) -> Rule:
    """A rule whose violations other code finds (`exr.conformance`, the reader's errors): only its description is here."""
    return Rule(code=code, severity=severity, title=title, stage=stage, scope=Scope.REPORTED, **described)
