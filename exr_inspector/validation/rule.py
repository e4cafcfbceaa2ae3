"""What a rule is: a small pure function over the facts of a part or a file, with what people need to know of it.

Rules are values, made by the decorators here and collected by `registry`; nothing registers itself anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from exr_inspector.model import Severity
from exr_inspector.validation.facts.channel_facts import ChannelFacts
from exr_inspector.validation.facts.facts import FileFacts, PartFacts
from exr_inspector.validation.facts.traits import ALWAYS
from exr_inspector.validation.parameters import Parameters


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
    """

    message: str
    found: str = ""
    expected: str = ""
    channel: str | None = None
    part: int | None = None
    offset: int | None = None
    severity: Severity | None = None


Results = tuple[Found, ...] | list[Found]
ChannelCheck = Callable[[ChannelFacts, Parameters], Results]
PartCheck = Callable[[PartFacts, Parameters], Results]
FileCheck = Callable[[FileFacts, Parameters], Results]
NOTHING: tuple[Found, ...] = ()
When = int | Callable[[Parameters], int]


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One rule.

    Attributes:
        code: Stable name.
        severity: What a violation is unless a policy says otherwise.
        stage: What must have been read.
        scope: What one call looks at.
        title: What must hold, in a few words.
        why: What goes wrong otherwise.
        source: Where the requirement comes from.
        check: The function; None for rules that are reported by the format's own checks.
        when: Traits of which a part or file must have at least one for the rule to be called, or what gives them by parameters.
        needs: Parameters of which at least one must be set for the rule to demand anything; empty: none.
        version: Raised when the rule judges differently than before.
    """

    code: str
    severity: Severity
    stage: Stage
    scope: Scope
    title: str
    why: str
    source: str
    check: Callable[[Any, Parameters], Results] | None = None
    when: When = ALWAYS
    needs: tuple[str, ...] = ()
    version: int = 1

    @property
    def group(self) -> str:
        """The first word of the code."""
        return self.code.partition("-")[0]


def channel_rule(
    code: str,
    severity: Severity,
    title: str,
    *,
    why: str,
    source: str,
    when: When = ALWAYS,
    needs: tuple[str, ...] = (),
    version: int = 1,
) -> Callable[[ChannelCheck], Rule]:
    """A rule about the channel list and compression of a part, and nothing else of it."""

    def decorate(check: ChannelCheck) -> Rule:
        return Rule(code, severity, Stage.HEADER, Scope.CHANNELS, title, why, source, check, when, needs, version)

    return decorate


def part_rule(
    code: str,
    severity: Severity,
    title: str,
    *,
    why: str,
    source: str,
    when: When = ALWAYS,
    needs: tuple[str, ...] = (),
    stage: Stage = Stage.HEADER,
    version: int = 1,
) -> Callable[[PartCheck], Rule]:
    """A rule that is called once a part."""

    def decorate(check: PartCheck) -> Rule:
        return Rule(code, severity, stage, Scope.PART, title, why, source, check, when, needs, version)

    return decorate


def file_rule(
    code: str,
    severity: Severity,
    title: str,
    *,
    why: str,
    source: str,
    when: When = ALWAYS,
    needs: tuple[str, ...] = (),
    stage: Stage = Stage.HEADER,
    version: int = 1,
) -> Callable[[FileCheck], Rule]:
    """A rule that is called once a file."""

    def decorate(check: FileCheck) -> Rule:
        return Rule(code, severity, stage, Scope.FILE, title, why, source, check, when, needs, version)

    return decorate


def reported(
    code: str,
    severity: Severity,
    title: str,
    *,
    why: str,
    source: str,
    stage: Stage = Stage.HEADER,
    version: int = 1,
) -> Rule:
    """A rule whose violations other code finds (`exr.conformance`, the reader's errors): only its description is here."""
    return Rule(code, severity, stage, Scope.REPORTED, title, why, source, None, ALWAYS, (), version)
