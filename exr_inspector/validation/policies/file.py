"""Parse policy files: YAML that is validated by pydantic, with the line of every key for error messages.

Profiles, paths and rule levels are resolved in `policy`.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema
from pydantic_core import ErrorDetails

from exr_inspector.errors import PolicyError
from exr_inspector.texts import did_you_mean, program_command
from exr_inspector.validation.registry import LEFT_OUT, OF_IMAGES, RULES, Parameters
from exr_inspector.validation.rules.show import AttributeDemand

PROFILES = ("default", "strict", "comp", "texture", "aces-container", "netflix-vfx", "netflix-nam", "archive")
MAX_POLICY_CHARACTERS = 1 << 17  # PyYAML takes seconds to parse as much
_MAX_DEPTH = 16
_ERRORS_SHOWN = 10
_SHOWN = 60  # characters of what was found

# Use libyaml if PyYAML was built with it, as its wheels are: it is ten times as fast.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Position = tuple[str, ...]
LEVELS = ("off", "on", "info", "warning", "error")
LEVEL_GLOB = r"^[A-Z0-9?*-]*[?*][A-Z0-9?*-]*$"
# A path of a bucket and a key: no slash at the beginning, no URL scheme.
_PLACE = r"^(?!/)(?![A-Za-z][A-Za-z0-9+.-]*://)"
_WORD = r"^[^\s@]+$"
_PYTHON_FILE = r"^[^/\\\\]+\.py$"
_PATTERN_WORDS = {_WORD: "a word without spaces and @", _PYTHON_FILE: "the name of a .py file beside the policy"}
_NAME_CHARACTERS = 200


def _word(value: object) -> object:
    """Convert booleans back to `on` and `off`, which YAML reads as booleans."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return value


def _text(value: object) -> object:
    """Convert a version such as 1 or 1.2, which YAML reads as a number, to text."""
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def _list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _of_place(pattern: str) -> str:
    if not re.match(_PLACE, pattern):
        raise ValueError("a path is <bucket>/<key>, without s3:// and without a slash before it")
    return pattern


_Level = Annotated[Literal["off", "on", "info", "warning", "error"], BeforeValidator(_word)]
Profile = Literal["default", "strict", "comp", "texture", "aces-container", "netflix-vfx", "netflix-nam", "archive"]
_Glob = Annotated[str, Field(min_length=1), AfterValidator(_of_place)]
_PATTERN_SCHEMA = {"type": "string", "minLength": 1, "pattern": _PLACE}
Patterns = Annotated[
    list[_Glob],
    Field(min_length=1),
    BeforeValidator(_list),
    WithJsonSchema({"anyOf": [_PATTERN_SCHEMA, {"type": "array", "items": _PATTERN_SCHEMA, "minItems": 1}]}),
]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class PathEntry(_Strict):
    """Rules and parameters for some paths."""

    match: Patterns = Field(
        description="Glob over `<bucket>/<key>`: `*` stays within a folder, `**` does not, `?` is one character."
    )
    extends: Profile | None = Field(None, description="Profile to start from instead of the policy's own.")
    rules: dict[str, _Level] = Field(default_factory=dict, description="Levels that override those of the policy.")
    parameters: Parameters = Field(
        default_factory=Parameters, description="Parameters that override those of the policy."
    )


class PolicyFile(_Strict):
    """A validation policy of exr-inspector."""

    name: Annotated[str, Field(min_length=1, max_length=80, pattern=_WORD)] = Field(
        description="Name of the policy, without spaces and not a profile's; stored with every finding."
    )
    version: Annotated[str, Field(min_length=1, max_length=40, pattern=_WORD), BeforeValidator(_text)] = Field(
        "1", description="Version of the policy, without spaces; stored with every finding."
    )
    description: str = Field("", description="Purpose of the policy.")
    extends: Profile | None = Field(
        "default", description="Profile to start from; null: all rules, each with its own severity."
    )
    rules: dict[str, _Level] = Field(
        default_factory=dict,
        description="Level by rule code or glob over codes such as `PIX-*`: off, on (the rule's own severity), info, warning "
        "or error. Later lines override earlier ones.",
    )
    parameters: Parameters = Field(default_factory=Parameters, description="Values that rules compare with.")
    python_rules: Annotated[str, Field(min_length=1, max_length=_NAME_CHARACTERS, pattern=_PYTHON_FILE)] | None = Field(
        None,
        description="Python file with custom rules, in the policy's folder; only for policies that are local files.",
    )
    paths: list[PathEntry] = Field(
        default_factory=list, description="Exceptions by path; all matching entries apply, in order."
    )


def _record_lines(node: yaml.Node, at: Position, lines: dict[Position, int], origin: str) -> None:
    """Record the line of every key and item, and refuse duplicate keys."""
    lines[at] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inside = (*at, str(key.value))
            line = key.start_mark.line + 1
            if inside in lines:
                raise PolicyError(
                    f"{origin}:{line}: {'.'.join(inside)}: duplicate key, first in line {lines[inside]}; remove one"
                )
            _record_lines(value, inside, lines, origin)
            lines[inside] = line
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _record_lines(item, (*at, str(index)), lines, origin)


def _check_shape(text: str, origin: str) -> None:
    """Refuse aliases, which can expand a few lines to a huge document, and deep nesting, which PyYAML parses very slowly."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
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
    """Parse the YAML document. Returns it as Python values, and the line of every key."""
    try:
        _check_shape(text, origin)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            lines: dict[Position, int] = {}
            if node is None:
                return {}, lines
            _record_lines(node, (), lines, origin)
            return loader.construct_document(node), lines
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise PolicyError(_yaml_fault(error, text, origin)) from error
    except (ValueError, RecursionError) as error:
        raise PolicyError(f"{origin}: {type(error).__name__}: {error}") from error


def _yaml_fault(error: yaml.YAMLError, text: str, origin: str) -> str:
    """The message for invalid YAML, with its line."""
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return f"{origin}:{line}: the character U+{int(error.character):04X} is not allowed in YAML"
    mark = getattr(error, "problem_mark", None)
    where = f"{origin}:{mark.line + 1}" if mark else origin
    problem = getattr(error, "problem", None)
    return f"{where}: this is not valid YAML{f': {problem}' if problem else ''}"


def _line(lines: dict[Position, int], at: Position) -> int:
    """The line of the innermost key on this position that the file has."""
    while at and at not in lines:
        at = at[:-1]
    return lines.get(at, 1)


def _unknown_codes(rules: dict[str, Any], at: Position) -> list[tuple[Position, str]]:
    """Errors for codes and globs that match no rule."""
    found = []
    known = RULES.keys() | OF_IMAGES
    for code in map(str, rules):
        if code in known or (re.match(LEVEL_GLOB, code) and any(fnmatchcase(rule, code) for rule in known)):
            continue
        if code in LEFT_OUT:
            found.append(((*at, code), f"this rule is not checked: {LEFT_OUT[code]}"))
            continue
        hint = did_you_mean(code.upper(), RULES, 1) or f"{program_command('rules')} lists all codes"
        found.append(((*at, code), f"no rule has this code; {hint}"))
    return found


def _unknown_in(values: dict[str, Any]) -> list[tuple[Position, str]]:
    """Errors for codes and globs of the document that match no rule. Values of a wrong type are reported by pydantic."""
    rules, paths = values.get("rules"), values.get("paths")
    found = _unknown_codes(rules, ("rules",)) if isinstance(rules, dict) else []
    for index, entry in enumerate(paths if isinstance(paths, list) else ()):
        if isinstance(entry, dict) and isinstance(entry.get("rules"), dict):
            found += _unknown_codes(entry["rules"], ("paths", str(index), "rules"))
    return found


# pydantic's error type -> the requirement, in terms of YAML instead of Python.
_MUST_BE = {
    "missing": "is required",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "model_type": "must be a mapping of keys",
    "dict_type": "must be a mapping of keys",
}
_KEYS: dict[str, type[BaseModel]] = {
    "": PolicyFile,
    "parameters": Parameters,
    "paths": PathEntry,
    "attributes": AttributeDemand,
}


def _message(fault: ErrorDetails) -> str:
    """The message for one of pydantic's errors, with the value that was found."""
    kind, value = fault["type"], fault["input"]
    if kind == "missing":
        return _MUST_BE[kind]
    if kind == "extra_forbidden":
        *outer, key = (step for step in fault["loc"] if isinstance(step, str))
        near = did_you_mean(str(key), _KEYS[outer[-1] if outer else ""].model_fields, 1)
        return f"unknown key{near and f'; {near}'}"
    found = "nothing" if value is None else repr(list(value) if isinstance(value, tuple) else value)
    shown = found if len(found) <= _SHOWN else f"{found[:_SHOWN]}..."
    if kind == "literal_error":
        return f"must be {fault['ctx']['expected']}, not {shown}"
    if kind in _MUST_BE:
        return f"{_MUST_BE[kind]}, not {shown}"
    if kind == "string_pattern_mismatch":
        pattern = fault["ctx"]["pattern"]
        return f"must be {_PATTERN_WORDS.get(pattern, f'text that matches {pattern}')}, not {shown}"
    words = fault["msg"].removeprefix("Value error, ").replace("Tuple", "List")
    return f"{words.partition(' after validation')[0]} (found {shown})"


def _position(fault: ErrorDetails) -> Position:
    """The position of an error in the document, without the step that pydantic adds for keys of mappings."""
    return tuple(str(step) for step in fault["loc"] if step != "[key]")


def parse_policy(text: str, *, origin: str, is_profile: bool = False, folder: Path | None = None) -> PolicyFile:
    """Read and check a policy file.

    Args:
        text: The YAML text.
        origin: Path or URL of the file, for messages.
        is_profile: Whether it is a profile of this package; other policies may not have the name of a profile.
        folder: Folder of the file, where its Python rules are; None for policies that may not have any.

    Raises:
        PolicyError: The file is invalid; the message gives file, line and key of every error.
    """
    if len(text) > MAX_POLICY_CHARACTERS:
        raise PolicyError(f"{origin}: {len(text)} characters; at most {MAX_POLICY_CHARACTERS} are read")
    values, lines = _compose(text, origin)
    if not isinstance(values, dict):
        found = "nothing" if values is None else repr(values)[:_SHOWN]
        raise PolicyError(f"{origin}:1: a policy is a mapping of keys, not {found}")
    faults = _load_python_rules(values.get("python_rules"), folder)
    if faults is None:
        faults = _unknown_in(values)
    if values.get("name") in PROFILES and not is_profile:
        faults.append((("name",), "is the name of a profile; choose another, so that stored findings are unambiguous"))
    try:
        policy = PolicyFile.model_validate(values)
    except ValidationError as error:
        # pydantic also reports a list as too short if its items have errors; drop this one.
        items = error.errors(include_url=False)
        wrong = {fault["loc"][:length] for fault in items for length in range(len(fault["loc"]))}
        faults += [(_position(f), _message(f)) for f in items if f["type"] != "too_short" or f["loc"] not in wrong]
        raise _error(origin, lines, faults) from error
    if faults:
        raise _error(origin, lines, faults)
    return policy


_Faults = list[tuple[Position, str]]


def _load_python_rules(name: object, folder: Path | None) -> _Faults | None:
    """Load the Python rules that a policy names; None if all rules are known then, else why they are not.

    A name that is not one of a Python file is reported by pydantic.
    """
    if name is None:
        return None
    if not isinstance(name, str) or not re.match(_PYTHON_FILE, name) or len(name) > _NAME_CHARACTERS:
        return []
    if folder is None:
        return [(("python_rules",), "only policies that are files on this machine may name Python rules")]
    path = folder / name
    if not path.is_file():
        return [(("python_rules",), f"there is no file {path}")]
    from exr_inspector.validation.policies.python_rules import add_rules_of_file  # noqa: PLC0415 - not in the function's folder

    add_rules_of_file(path)
    return None


def _error(origin: str, lines: dict[Position, int], faults: list[tuple[Position, str]]) -> PolicyError:
    """Create the error that lists all faults, each with its line, in the order of the file."""
    placed = sorted((_line(lines, at), ".".join(at) or "the document", message) for at, message in faults)
    shown = list(dict.fromkeys(f"{origin}:{line}: {key}: {message}" for line, key, message in placed))
    if (more := len(shown) - _ERRORS_SHOWN) > 0:
        shown = [*shown[:_ERRORS_SHOWN], f"and {more} more"]
    return PolicyError("\n".join(shown))
