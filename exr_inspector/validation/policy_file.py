"""What a policy file may hold, and reading one: YAML with the line of every key, checked by pydantic.

It resolves nothing: profiles, paths and rule levels are put together by `policy`.
"""

from __future__ import annotations

from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from exr_inspector.errors import PolicyError
from exr_inspector.validation.parameters import Parameters
from exr_inspector.validation.registry import RULES

PROFILES = ("default", "strict", "comp", "texture", "aces-container", "netflix-vfx", "netflix-nam", "archive")
MAX_POLICY_CHARACTERS = 1 << 20
_MAX_DEPTH = 16
_ERRORS_SHOWN = 10

Position = tuple[str | int, ...]


def _word(value: object) -> object:
    """YAML reads the bare words off and on as booleans."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return value


def _text(value: object) -> object:
    """YAML reads 1 and 1.2 as numbers; as a version they are text."""
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


Level = Annotated[Literal["off", "on", "info", "warning", "error"], BeforeValidator(_word)]
Profile = Literal["default", "strict", "comp", "texture", "aces-container", "netflix-vfx", "netflix-nam", "archive"]
Pattern = Annotated[str, Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PathEntry(_Strict):
    """What holds for some paths only."""

    match: Pattern | list[Pattern] = Field(
        description="Glob over `<bucket>/<key>`: `*` stays within a folder, `**` does not, `?` is one character."
    )
    extends: Profile | None = Field(None, description="Profile to start from instead of the policy's own.")
    rules: dict[str, Level] = Field(default_factory=dict, description="As at the top, laid over it.")
    parameters: Parameters = Field(default_factory=Parameters, description="As at the top, laid over them.")


class PolicyFile(_Strict):
    """A validation policy of exr-inspector."""

    name: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\s@]+$")] = Field(
        description="Name of the policy, without spaces; stored with every finding."
    )
    version: Annotated[str, BeforeValidator(_text), Field(min_length=1, max_length=40)] = Field(
        "1", description="Version of the policy; stored with every finding."
    )
    description: str = Field("", description="What it is for.")
    extends: Profile | None = Field(
        "default", description="Profile to start from; null: every rule, as it is registered."
    )
    rules: dict[str, Level] = Field(
        default_factory=dict,
        description="Rule code, or a glob over codes such as `PIX-*`, to off, on (its own severity), info, warning, error. "
        "Later lines win.",
    )
    parameters: Parameters = Field(default_factory=Parameters, description="What rules compare with.")
    paths: list[PathEntry] = Field(
        default_factory=list, description="Exceptions by path; all that match apply, in order."
    )


def _walk(node: yaml.Node, at: Position, lines: dict[Position, int], origin: str) -> None:
    """Note the line of every key and item; refuse keys that are there twice."""
    lines[at] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inside = (*at, str(key.value))
            line = key.start_mark.line + 1
            if inside in lines:
                raise PolicyError(f"{origin}:{line}: {key.value}: the key is there twice")
            _walk(value, inside, lines, origin)
            lines[inside] = line
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, (*at, index), lines, origin)


def _check_shape(text: str, origin: str) -> None:
    """Refuse aliases, which a few lines can multiply without end, and nesting, on which PyYAML's time grows steeply."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            raise PolicyError(f"{origin}:{line}: aliases (*name) are not allowed in policies")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH:
            raise PolicyError(f"{origin}:{line}: nested too deeply")


def _compose(text: str, origin: str) -> tuple[object, dict[Position, int]]:
    """The YAML document as Python values, and the line of every key."""
    try:
        _check_shape(text, origin)
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            lines: dict[Position, int] = {}
            if node is None:
                return {}, lines
            _walk(node, (), lines, origin)
            return loader.construct_document(node), lines
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{origin}:{mark.line + 1}" if mark else origin
        problem = getattr(error, "problem", None) or "no YAML"
        raise PolicyError(f"{where}: {problem}") from error
    except (ValueError, RecursionError) as error:
        raise PolicyError(f"{origin}: {type(error).__name__}: {error}") from error


def _line(lines: dict[Position, int], at: Position) -> int:
    """The line of the nearest key that the file has."""
    while at and at not in lines:
        at = at[:-1]
    return lines.get(at, 1)


def _told(origin: str, lines: dict[Position, int], at: Position, message: str) -> str:
    key = ".".join(str(step) for step in at) or "the document"
    return f"{origin}:{_line(lines, at)}: {key}: {message}"


def _unknown_codes(rules: dict[str, Any], at: Position) -> list[tuple[Position, str]]:
    """Codes and globs that name no rule."""
    found = []
    for code in rules:
        if code in RULES or ("*" in code and any(fnmatchcase(rule, code) for rule in RULES)):
            continue
        near = get_close_matches(code, RULES, 1, 0.6)
        hint = f"; did you mean {near[0]}?" if near else "; ./run rules lists all codes"
        found.append(((*at, code), f"no rule has this code{hint}"))
    return found


def parse_policy(text: str, *, origin: str) -> PolicyFile:
    """Read and check a policy file.

    Args:
        text: YAML.
        origin: Where it comes from, for messages.

    Raises:
        PolicyError: With file, line and key of everything that is wrong.
    """
    if len(text) > MAX_POLICY_CHARACTERS:
        raise PolicyError(f"{origin}: {len(text)} characters; at most {MAX_POLICY_CHARACTERS} are read")
    values, lines = _compose(text, origin)
    if not isinstance(values, dict):
        raise PolicyError(f"{origin}:1: a policy is a mapping of keys, not a {type(values).__name__}")
    try:
        policy = PolicyFile.model_validate(values)
    except ValidationError as error:
        faults = [(tuple(fault["loc"]), fault["msg"]) for fault in error.errors(include_url=False)]
        raise _error(origin, lines, faults) from error
    unknown = _unknown_codes(policy.rules, ("rules",))
    for index, entry in enumerate(policy.paths):
        unknown += _unknown_codes(entry.rules, ("paths", index, "rules"))
    if unknown:
        raise _error(origin, lines, unknown)
    return policy


def _error(origin: str, lines: dict[Position, int], faults: list[tuple[Position, str]]) -> PolicyError:
    told = list(dict.fromkeys(_told(origin, lines, at, message) for at, message in faults))
    if more := len(told) - _ERRORS_SHOWN:
        told = [*told[:_ERRORS_SHOWN], f"and {more} more"] if more > 0 else told
    return PolicyError("\n".join(told))


def json_schema() -> dict[str, Any]:
    """The JSON schema of a policy file, for editors."""
    schema = PolicyFile.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["properties"]["version"]["type"] = ["string", "number"]
    # YAML reads the bare words off and on as booleans, and editors check what YAML reads.
    schema["$defs"]["Level"] = {"enum": ["off", "on", "info", "warning", "error", True, False]}
    level = {"$ref": "#/$defs/Level"}
    schema["$defs"]["Rules"] = {
        "type": "object",
        "properties": {code: {"description": rule.title, **level} for code, rule in RULES.items()},
        "additionalProperties": level,
    }
    for holder in (schema, schema["$defs"]["PathEntry"]):
        holder["properties"]["rules"] = {
            "description": holder["properties"]["rules"]["description"],
            "$ref": "#/$defs/Rules",
        }
    return schema
