"""SHOW: requirements of a show's own policy on attributes and file names. Without such a policy these rules find nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from exr_inspector.exr.header.as_json import code_text
from exr_inspector.exr.header.attributes import KNOWN_TYPES, readable_text
from exr_inspector.exr.header.values import Attribute, Rational
from exr_inspector.model import ProvenanceColumn, Severity
from exr_inspector.texts import did_you_mean
from exr_inspector.validation.facts.facts import FileFacts
from exr_inspector.validation.facts.sequences import SequenceFacts
from exr_inspector.validation.frames import FrameSummary, Scalar, scalar
from exr_inspector.validation.parameters import RuleParameters, as_names, as_tuple
from exr_inspector.validation.rule import NOTHING, Found, Remedy, Results, file_rule, listed, sequence_rule
from exr_inspector.validation.rules.sequences.comparison import drift

_POLICY = "the show's policy"
_MOST_VALUES = 4  # of an attribute that must be steady; more are one finding
_COMPARED_CHARACTERS = 1_000  # of a text that is matched against a pattern


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from error
    return text


def _pattern_with_group(text: str) -> str:
    if re.compile(_pattern(text)).groups != 1:
        raise ValueError("the pattern needs exactly one group, which is compared with the value")
    return text


def _type_name(name: str) -> str:
    if name not in KNOWN_TYPES:
        near = did_you_mean(name, sorted(KNOWN_TYPES), 1) or "leave type out if your software defines it"
        raise ValueError(f"no attribute type of OpenEXR; {near}")
    return name


TypeName = Annotated[str, AfterValidator(_type_name), WithJsonSchema({"enum": sorted(KNOWN_TYPES)})]
AttributeName = Annotated[str, Field(min_length=1, max_length=255)]
_NAME_SCHEMA = {"type": "string", "minLength": 1, "maxLength": 255}
AttributeNames = Annotated[
    tuple[AttributeName, ...],
    Field(min_length=1),
    BeforeValidator(as_names),
    WithJsonSchema({"anyOf": [_NAME_SCHEMA, {"type": "array", "items": _NAME_SCHEMA, "minItems": 1}]}),
]
_Regex = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_pattern)]


class AttributeDemand(BaseModel):
    """The requirements of a show on one attribute."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: AttributeName = Field(description="Exact name of the attribute.")
    required: bool = Field(
        True, description="Whether the attribute must exist; if false, it is checked only if it exists."
    )
    type: TypeName | None = Field(
        None, description="One of OpenEXR's types, such as string, int, float, rational, timecode."
    )
    value: Scalar | None = Field(
        None, description="The value; rationals as their quotient, codes by their name (compression: ZIP) or number."
    )
    one_of: Annotated[tuple[Scalar, ...], Field(min_length=1), BeforeValidator(as_tuple)] | None = Field(
        None, description="Allowed values."
    )
    minimum: float | None = Field(None, description="Least number.")
    maximum: float | None = Field(None, description="Greatest number.")
    pattern: _Regex | None = Field(None, description="Regular expression that the whole text must match.")
    path: Annotated[_Regex, AfterValidator(_pattern_with_group)] | None = Field(
        None, description="Regular expression over `<bucket>/<key>` with one group: the value must equal what it finds."
    )
    steady: bool = Field(False, description="Whether the value must be the same in all frames of a sequence.")
    severity: Literal["info", "warning", "error"] = Field("error", description="Severity of a violation.")

    @model_validator(mode="after")
    def _in_order(self) -> AttributeDemand:
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"the minimum {self.minimum:g} is above the maximum {self.maximum:g}")
        return self


class ShowParameters(RuleParameters):
    """Parameters of the rules on a show's requirements."""

    attributes: Annotated[tuple[AttributeDemand, ...], Field(min_length=1), BeforeValidator(as_tuple)] | None = Field(
        None, description="Requirements on attributes of the first part (SHOW-ATTRIBUTE, SHOW-STEADY)."
    )
    attribute_map: dict[ProvenanceColumn, AttributeNames] = Field(
        default_factory=dict,
        description="Column of `files` -> the show's own attributes for it, of which the first that is there counts. They go "
        "before those that are known of public software; `provenance` names the attribute.",
    )
    file_name: _Regex | None = Field(
        None, description="Regular expression that the whole file name must match (SHOW-NAME)."
    )


def _equals(attribute: Attribute, wanted: Scalar) -> bool:
    """Whether a value is the wanted one; fractions to six digits, rationals to four: 24000/1001 is 23.976."""
    value, name = _value(attribute), code_text(attribute)
    if name is not None and isinstance(wanted, str):
        return name == wanted.upper()
    if isinstance(value, (int, float)) and isinstance(wanted, (int, float)):
        return abs(value - wanted) <= _tolerance(attribute) * max(1.0, abs(wanted))
    return value == wanted


def _tolerance(attribute: Attribute) -> float:
    """The largest error of a number, as a share of it; integers are exact."""
    if isinstance(attribute.value, int):
        return 0.0
    return 1e-4 if isinstance(attribute.value, Rational) else 1e-6


def _value(attribute: Attribute) -> Scalar | None:
    """A single value to compare; texts that are not UTF-8 with their bytes escaped, as in the tables."""
    text = readable_text(attribute)
    return scalar(attribute.value) if text is None else text


def _requirements(attribute: Attribute, demand: AttributeDemand, path: str) -> Iterator[tuple[bool, str]]:
    """Check a value against each requirement; yields whether it is met, and the expected value."""
    value, name = _value(attribute), code_text(attribute)
    text = name or ("" if value is None else str(value)[:_COMPARED_CHARACTERS])
    number = value if isinstance(value, (int, float)) else math.nan
    slack = _tolerance(attribute) * abs(number)
    if demand.value is not None:
        yield _equals(attribute, demand.value), str(demand.value)
    if demand.one_of is not None:
        yield any(_equals(attribute, each) for each in demand.one_of), f"one of {', '.join(map(str, demand.one_of))}"
    if demand.minimum is not None:
        yield number + slack >= demand.minimum, f"at least {demand.minimum:.9g}"
    if demand.maximum is not None:
        yield number - slack <= demand.maximum, f"at most {demand.maximum:.9g}"
    if demand.pattern is not None:
        yield re.fullmatch(demand.pattern, text) is not None, f"text like {demand.pattern}"
    if demand.path is not None:
        match = re.search(demand.path, path[:_COMPARED_CHARACTERS])
        yield match is not None and match[1] == text, (match[1] or "") if match else f"a path like {demand.path}"


def _checks_texts(demand: AttributeDemand) -> bool:
    """Whether a requirement states itself which texts are right, and whether an empty one is."""
    return any(each is not None for each in (demand.value, demand.one_of, demand.pattern, demand.path))


def _fault(attribute: Attribute, demand: AttributeDemand, path: str) -> tuple[str, str] | None:
    """The found and the expected value of the first violated requirement; None if all are met."""
    if demand.type is not None and attribute.type_name != demand.type:
        return f"of type {attribute.type_name}", f"type {demand.type}"
    value = _value(attribute)
    if demand.required and isinstance(value, str) and not value.strip() and not _checks_texts(demand):
        return "an empty text", "a text"
    if isinstance(value, str) and (demand.minimum is not None or demand.maximum is not None):
        return f"the text {value[:_COMPARED_CHARACTERS]!r}", "a number"
    shown = f"of type {attribute.type_name}" if value is None else str(value)[:_COMPARED_CHARACTERS]
    shown = code_text(attribute) or shown or "an empty text"
    return next(((shown, expected) for holds, expected in _requirements(attribute, demand, path) if not holds), None)


@file_rule(
    "SHOW-ATTRIBUTE",
    Severity.ERROR,
    "Attributes meet the requirements of the show's policy",
    why="The next department, or the client's ingest, relies on them.",
    source=f"{_POLICY} (attributes)",
    fix="Write the attribute in the software that makes the file. Beside -string there are -int and -float.",
    command='exrstdattr -string NAME "VALUE" IN.exr OUT.exr',
    remedy=Remedy.EDIT,
    needs=("attributes",),
)
def attribute(file: FileFacts, parameters: ShowParameters) -> Results:
    part = file.header.parts[0]
    found = []
    for demand in parameters.attributes or ():
        severity = Severity[demand.severity.upper()]
        present = part.by_name.get(demand.name)
        if present is None:
            if demand.required:
                expected = " ".join(filter(None, (demand.type, "" if demand.value is None else str(demand.value))))
                message = f"Attribute {demand.name} is missing{_near(demand.name, part.by_name)}"
                found.append(Found(message, "absent", expected or "the attribute", part=0, severity=severity))
        elif (fault := _fault(present, demand, file.inspection.path)) is not None:
            message = f"Attribute {demand.name} is {fault[0]}; expected {fault[1]}"
            found.append(Found(message, *fault, part=0, offset=present.offset, severity=severity))
    return found


def _near(name: str, others: Iterable[str]) -> str:
    """What the file has instead of a missing attribute, if a name differs by case or namespace alone; empty otherwise."""
    near = [other for other in others if other.rpartition("/")[2].lower() == name.rpartition("/")[2].lower()]
    return f"; the file has {listed(near)}" if near else ""


@sequence_rule(
    "SHOW-STEADY",
    Severity.ERROR,
    "Attributes that the show's policy declares steady have the same value in all frames",
    why="Frames of two versions or two shots were mixed.",
    source=f"{_POLICY} (attributes, steady)",
    fix="Find out which value is right, and render or copy the other frames again.",
    needs=("attributes",),
)
def steady(sequence: SequenceFacts, parameters: ShowParameters) -> Results:
    found: list[Found] = []
    for demand in parameters.attributes or ():
        if demand.steady:
            severity = Severity[demand.severity.upper()]
            drifted = drift(sequence, f"attribute {demand.name}", _value_of(demand.name))
            if len(drifted) > _MOST_VALUES:
                values = (
                    f"{len(drifted) + 1} values: {listed([*(each.found for each in drifted), drifted[0].expected])}"
                )
                frames = [number for each in drifted for number in each.frames]
                drifted = [Found(f"Attribute {demand.name} has {values}", values, "one value", frames=frames)]
            found += [each._replace(severity=severity) for each in drifted]
    return found


def _value_of(name: str) -> Callable[[FrameSummary], str | None]:
    return lambda frame: frame.attributes.get(name) if frame.attributes is not None else None


@file_rule(
    "SHOW-NAME",
    Severity.ERROR,
    "The file name matches the pattern in the show's policy",
    why="Software that parses the names puts the file in the wrong place, or refuses it.",
    source=f"{_POLICY} (file_name)",
    fix="Rename the file; the message shows the pattern.",
    remedy=Remedy.NAME,
    needs=("file_name",),
)
def file_name(file: FileFacts, parameters: ShowParameters) -> Results:
    name = file.inspection.name.file_name
    if parameters.file_name is None or re.fullmatch(parameters.file_name, name[:_COMPARED_CHARACTERS]):
        return NOTHING
    return [Found(f"The file name is {name}; expected a name like {parameters.file_name}", name, parameters.file_name)]
