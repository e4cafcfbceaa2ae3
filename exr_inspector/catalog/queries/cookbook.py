"""The SQL cookbook: every file of `queries/` with its description and parameters. Reads package files, no database.

A query starts with comment lines: sentences that describe it, `-- question: ...`, and one `-- param NAME TYPE DEFAULT MEANING`
for each `:name` in its text. `./run docs` writes docs/queries.md from them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from exr_inspector.errors import CatalogError

_PARAM = re.compile(r"-- param (\w+) (text|int|number) (?:'([^']*)'|(\S+)) (.+)")
_NAMED = re.compile(r"(?<![:\w]):([a-z]\w*)")
_KINDS = {"text": str, "int": int, "number": float}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a query.

    Attributes:
        name: As in the text, without the colon.
        kind: `text`, `int` or `number`.
        default: What holds when it is not given.
        meaning: What it is.
    """

    name: str
    kind: str
    default: str | float
    meaning: str

    def value(self, text: str) -> str | float:
        """`text` as the parameter's kind.

        Raises:
            CatalogError: It is no such number.
        """
        try:
            made: str | float = _KINDS[self.kind](text)
        except ValueError as error:
            raise CatalogError(f"parameter {self.name} is no {self.kind}: {text!r}") from error
        return made


@dataclass(frozen=True, slots=True)
class Query:
    """One query of the cookbook.

    Attributes:
        name: What `./run query` calls it.
        question: Number of the question it answers, or `panels`.
        description: Sentences for people.
        parameters: In the order of the comments.
        sql: The text, comments included.
    """

    name: str
    question: str
    description: str
    parameters: tuple[Parameter, ...]
    sql: str

    @property
    def statement(self) -> str:
        """The text without its comments."""
        return "\n".join(line for line in self.sql.splitlines() if not line.startswith("--"))

    def for_duckdb(self) -> str:
        """The statement with DuckDB's spelling of named parameters."""
        return _NAMED.sub(r"$\1", self.statement)


def _parameter(line: str, name: str) -> Parameter:
    match = _PARAM.fullmatch(line)
    if match is None:
        raise CatalogError(f"query {name}: cannot read {line!r}")
    name, kind, quoted, bare, meaning = match.groups()
    return Parameter(name, kind, _KINDS[kind](bare or quoted), meaning)


def _read(name: str, sql: str) -> Query:
    sentences, parameters, question = [], [], ""
    for line in sql.splitlines():
        if line.startswith("-- param "):
            parameters.append(_parameter(line, name))
        elif line.startswith("-- question: "):
            question = line.removeprefix("-- question: ")
        elif line.startswith("-- "):
            sentences.append(line.removeprefix("-- "))
        else:
            break
    return Query(name, question, " ".join(sentences), tuple(parameters), sql)


@cache
def cookbook() -> dict[str, Query]:
    """All queries by name."""
    folder = files("exr_inspector.catalog") / "queries"
    found = sorted(item.name for item in folder.iterdir() if item.name.endswith(".sql"))
    return {
        name.removesuffix(".sql"): _read(name.removesuffix(".sql"), (folder / name).read_text(encoding="utf-8"))
        for name in found
    }
