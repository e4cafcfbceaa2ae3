"""The SQL cookbook: the files of `queries/` with their descriptions and parameters.

A query starts with comment lines: sentences that describe it, `-- empty: ...` (what must be stored before),
`-- question: ...`, and one `-- param NAME TYPE DEFAULT MEANING` for each `:name` in its text. DEFAULT is a number, a text in
quotes, `required`, or `=NAME` for the end of the texts that begin with another parameter. `./run docs` writes
docs/queries.md from them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from exr_inspector.catalog.paths import prefix_end
from exr_inspector.errors import CatalogError

_PARAM = re.compile(r"-- param (\w+) (text|int|number) (?:'([^']*)'|(\S+)) (.+)")
_NAMED = re.compile(r"(?<![:\w]):([a-z]\w*)")
_KINDS = {"text": str, "int": int, "number": float}
_REQUIRED = "required"
_LAST = chr(sys.maxunicode)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a query.

    Attributes:
        name: Its name in the SQL, without the colon.
        kind: `text`, `int` or `number`.
        default: Its value if it is not given; None if it must be given, or is derived.
        meaning: What it is.
        prefix: Name of the parameter that has a prefix, if this one is the end of the texts with that prefix; empty for others.
    """

    name: str
    kind: str
    default: str | float | None
    meaning: str
    prefix: str = ""

    @property
    def is_required(self) -> bool:
        """Whether it must be given."""
        return self.default is None and not self.prefix

    def value(self, text: str) -> str | float:
        """The value of a text, in the parameter's kind.

        Raises:
            CatalogError: The text is not a number of this kind.
        """
        try:
            made: str | float = _KINDS[self.kind](text)
        except ValueError as error:
            raise CatalogError(
                f"parameter {self.name}: found {text!r}, expected a value of type {self.kind}"
            ) from error
        return made


@dataclass(frozen=True, slots=True)
class Query:
    """One query of the cookbook.

    Attributes:
        name: Its name for `./run query`.
        question: Number of the question it answers, or `panels`.
        description: Sentences for people.
        parameters: In the order of the comments.
        sql: The text, comments included.
        when_empty: What must have been stored for it to find anything; empty for what is always stored.
    """

    name: str
    question: str
    description: str
    parameters: tuple[Parameter, ...]
    sql: str
    when_empty: str = ""

    @property
    def statement(self) -> str:
        """The text without its comments."""
        return "\n".join(line for line in self.sql.splitlines() if not line.startswith("--"))

    def for_duckdb(self) -> str:
        """The statement with DuckDB's spelling of named parameters."""
        return _NAMED.sub(r"$\1", self.statement)

    def bind(self, given: Mapping[str, str | float]) -> dict[str, str | float]:
        """The value of each parameter, given or by default.

        Raises:
            CatalogError: A parameter is unknown, or must be given and is not.
        """
        known = ", ".join(parameter.name for parameter in self.parameters) or "none"
        if unknown := sorted(given.keys() - {parameter.name for parameter in self.parameters}):
            raise CatalogError(f"query {self.name} has no parameter {unknown[0]!r}; it has: {known}")
        values = dict(given)
        for parameter in self.parameters:
            if parameter.name in values:
                continue
            if parameter.is_required:
                raise CatalogError(
                    f"query {self.name} needs the parameter {parameter.name} ({parameter.meaning}):"
                    f" --param {parameter.name}=..., in Python {parameter.name}=..."
                )
            if parameter.prefix:
                values[parameter.name] = prefix_end(str(values[parameter.prefix])) or _LAST
            elif parameter.default is not None:
                values[parameter.name] = parameter.default
        return values


def _parameter(line: str, query: str) -> Parameter:
    match = _PARAM.fullmatch(line)
    if match is None:
        raise CatalogError(f"query {query}: cannot read {line!r}")
    name, kind, quoted, bare, meaning = match.groups()
    if bare == _REQUIRED:
        return Parameter(name, kind, None, meaning)
    if bare is not None and bare.startswith("="):
        return Parameter(name, kind, None, meaning, prefix=bare[1:])
    return Parameter(name, kind, _KINDS[kind](bare or quoted), meaning)


def _read(name: str, sql: str) -> Query:
    sentences, parameters, question, when_empty = [], [], "", ""
    for line in sql.splitlines():
        if line.startswith("-- param "):
            parameters.append(_parameter(line, name))
        elif line.startswith("-- question: "):
            question = line.removeprefix("-- question: ")
        elif line.startswith("-- empty: "):
            when_empty = line.removeprefix("-- empty: ")
        elif line.startswith("-- "):
            sentences.append(line.removeprefix("-- "))
        else:
            break
    return Query(name, question, " ".join(sentences), tuple(parameters), sql, when_empty)


@cache
def cookbook() -> dict[str, Query]:
    """All queries by name."""
    folder = files("exr_inspector.catalog") / "queries"
    found = sorted(item.name for item in folder.iterdir() if item.name.endswith(".sql"))
    return {
        name.removesuffix(".sql"): _read(name.removesuffix(".sql"), (folder / name).read_text(encoding="utf-8"))
        for name in found
    }
