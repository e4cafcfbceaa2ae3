"""Rules: pure functions over the facts of a part, a file or a sequence, with their documentation.

The decorators here create a Rule from a function, and `registry` collects the rules:

    @part_rule(
        "WIN-DISPLAY-ORIGIN",
        Severity.WARNING,
        "The display window starts at (0, 0)",
        why="Several applications ignore or misread the offset of the display window.",
        source="OpenEXR technical introduction (Display Window and Data Window)",
        fix="Move the image so that its display window starts at (0, 0).",
    )
    def display_origin(part: PartFacts, parameters: WindowParameters) -> Results: ...

Parameters are fields of the parameter class of the rule's module. Its failing and passing cases are in the file of the same
name in `tests/unit/validation/cases`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any, Literal, NamedTuple

from exr_inspector.exr.problems import ProblemKind
from exr_inspector.model import Severity
from exr_inspector.validation.facts.traits import ALWAYS


class Stage(str, Enum):
    """The part of a file that a rule needs."""

    HEADER = "header"
    TABLE = "table"
    PIXELS = "pixels"
    SEQUENCE = "sequence"


class Scope(str, Enum):
    """What one call of a rule checks.

    Rules of scope CHANNELS depend only on a part's channel list and compression, and are called once for equal ones. Rules of
    scope REPORTED have no function: other code reports their violations.
    """

    CHANNELS = "channels"
    PART = "part"
    FILE = "file"
    SEQUENCE = "sequence"
    REPORTED = "reported"


class Remedy(str, Enum):
    """What corrects a file that violates a rule. Checks of deliveries sort frames by it: to edit, to convert, to render again.

    A frame with an error of a rule on files is rendered again unless the remedies of all its errors are among NAME, BYTES, EDIT
    and CONVERSION. For a sequence rule, it is rendered again if the remedy is RENDER.
    """

    NONE = "none"  # only what the rule's `fix` says
    NAME = "name"  # another name of the file
    BYTES = "bytes"  # bytes overwritten in place, also in files that the OpenEXR library cannot open
    EDIT = "edit"  # other attributes; pixels and chunks are right
    CONVERSION = "conversion"  # a right file written from this one, whose pixel values and size are right
    RENDER = "render"  # a new render


class Found(NamedTuple):
    """One violation, before the policy is applied.

    Attributes:
        message: A sentence that says what was found and what was expected.
        found: The value that was found, short.
        expected: The expected value, short.
        channel: Name of the channel; None if it concerns no single channel.
        part: Index of the part; part rules leave it None and the engine sets it.
        offset: Byte offset in the file, if known.
        severity: Severity of this case, if the rule has degrees; None for the rule's own.
        frames: The frames concerned; only for sequences.
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
    """Format a count with its noun: `1 file`, `2 files`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def severity_counts(counts: Mapping[Severity, int]) -> list[str]:
    """Format counts of findings, worst first: `2 errors`, `1 warning`, `3 info`."""
    return [
        f"{counts[level]} {level.label}" if level is Severity.INFO else counted(counts[level], level.label)
        for level in sorted(counts, reverse=True)
    ]


def listed(names: Iterable[str], most: int = 6, separator: str = ", ") -> str:
    """List names for a message: the first `most`, and the number of the rest."""
    every = list(names)
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return separator.join(every[:most]) + more


Results = tuple[Found, ...] | list[Found]
CheckFunction = Callable[[Any, Any], Results]  # (facts of the rule's scope, the parameters) -> violations
NOTHING: tuple[Found, ...] = ()
# Command that overwrites a float of an attribute by 1, in files that no tool of the OpenEXR library can open, too.
WRITE_ONE = r"cp IN.exr OUT.exr; printf '\000\000\200\077' | dd of=OUT.exr bs=1 seek=OFFSET conv=notrunc"
WHERE_OFFSET = "OFFSET is the finding's file_offset in --format json"
When = int | Callable[[Any], int]
RuleLevel = Literal["off", "on", "info", "warning", "error"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Rule:
    """One rule.

    Attributes:
        code: Stable identifier.
        severity: Severity of a violation unless a policy sets another.
        stage: The part of a file that the rule needs.
        scope: What one call checks.
        title: The requirement, in a few words.
        why: What goes wrong if it is violated.
        source: Documents that state the requirement, separated by semicolons.
        fix: How to fix a violation.
        command: Command of a public tool that fixes it, with IN.exr and OUT.exr; empty if there is none.
        remedy: What corrects a file; see `Remedy`.
        check: The function; None for rules of scope REPORTED.
        problem: Kind of problem that `exr` reports for a violation; its uses lead to the function that finds it.
        when: Traits, or a function from parameters to traits: the rule is called if the part or file has at least one of them.
        needs: Parameters of which at least one must be set, or the rule is not called; empty if it needs none.
        yields_to: More specific rules: if one of them reports the same fact in the same part, this rule's finding is dropped.
            Checks of sequences drop it, unless it is an error, also where a sequence rule among them names the frame.
        profiles: Profile -> level, for profiles that set another level than the rule's own.
        of_textures: Whether a rule on sequences is called for textures, such as UDIM tiles, instead of frames.
        of_views: Whether a rule on sequences is also called for the images of the other views that each file holds.
        limits: What the rule leaves unchecked although its title covers it; empty if nothing.
        origin: Python file from which a policy added the rule; empty for rules of this package and of entry points.
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
    remedy: Remedy = Remedy.NONE
    check: CheckFunction | None = None
    problem: ProblemKind | None = None
    when: When = ALWAYS
    needs: tuple[str, ...] = ()
    yields_to: tuple[str, ...] = ()
    profiles: Mapping[str, RuleLevel] = field(default_factory=dict)
    of_textures: bool = False
    of_views: bool = False
    limits: str = ""
    origin: str = ""

    @property
    def group(self) -> str:
        """The first word of the code."""
        return self.code.partition("-")[0]


def _declare(
    scope: Scope, code: str, severity: Severity, title: str, *, stage: Stage = Stage.HEADER, **described: Any
) -> Callable[[CheckFunction], Rule]:
    return lambda check: Rule(
        code=code, severity=severity, title=title, stage=stage, scope=scope, check=check, **described
    )


channel_rule = partial(_declare, Scope.CHANNELS)  # called once for equal channel lists and compressions
part_rule = partial(_declare, Scope.PART)  # called once for each part
pixel_rule = partial(part_rule, stage=Stage.PIXELS)  # called once for each part, if pixels were read
file_rule = partial(_declare, Scope.FILE)  # called once for each file
sequence_rule = partial(_declare, Scope.SEQUENCE, stage=Stage.SEQUENCE)  # called once for each sequence


def reported(code: str, severity: Severity, title: str, *, stage: Stage = Stage.HEADER, **described: Any) -> Rule:
    """Describe a rule whose violations other code reports (`exr.conformance`, the reader's errors)."""
    return Rule(code=code, severity=severity, title=title, stage=stage, scope=Scope.REPORTED, **described)
