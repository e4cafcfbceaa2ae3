"""The SQL cookbook: every file of `queries/` with its description and parameters. Reads package files, no database.

A query starts with comment lines: sentences that describe it, `-- question: ...`, and one `-- param NAME TYPE DEFAULT MEANING`
for each `:name` in its text. `render` writes docs/queries.md from them.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from exr_inspector.catalog.results import Outcome
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

    def for_duckdb(self) -> str:
        """The text with DuckDB's spelling of named parameters."""
        return _NAMED.sub(r"$\1", _statement(self.sql))


def _statement(sql: str) -> str:
    return "\n".join(line for line in sql.splitlines() if not line.startswith("--"))


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


_QUESTIONS = {
    "1": "List by path prefix, page by page",
    "2": "One file in full by its path",
    "3": "Layers over a sequence",
    "4": "Typed attribute search",
    "5": "Distinct values of a column for a filter list",
    "6": "Sequences: gaps, drift, duplicates",
    "7": "Is it processed?",
    "8": "Is it whole and sane?",
    "9": "What happened to a file, and does reprocessing add rows?",
    "panels": "Panels and badges",
}
_HEAD = """# Queries

Generated from `exr_inspector/catalog/queries/*.sql` by `python -m exr_inspector.catalog.cookbook`; tests hold the two equal and
run every query. The columns are explained in [tables.md](tables.md).

## How to run them

- On a laptop: `./run query listing --param prefix=samples/ --catalog .local/demo.duckdb`, or any SQL text instead of the name.
  `--format json`, `csv` or `parquet` for programs. The file is opened read-only.
- With Trino or ADBC on a cluster: the same text; put values in place of `:name`. The tables are
  `vast."<bucket>|<schema>".files` and so on, or `"<bucket>/<schema>".files` in the database's own query engine.
- From Python: `Catalog(config).read` answers the same questions typed, with predicates that the server carries out: `file`,
  `list_files`, `layers`, `sequence`, `find_attributes`, `distinct`.

Join child tables on `file_id` and `content_key`: then rows of another version are never counted along, even on a server that
shows a replacement half done. The statements keep to what Trino and DuckDB both understand, except where a comment says so.
"""
_COST = """## What writing and reading costs

Requests to the database, which are what takes time; counted by the local server and held by
`tests/contract/test_catalog_store.py`. The first request of a process is one more: it asks the server for its version. Table
look-ups cost none, since the tables' metadata is known.

| | Header only | With statistics and findings |
| --- | --- | --- |
| New file | 10 | 12 |
| Unchanged file (its row in `inspections` included) | 4 | 4 |
| Replaced file | 19 | 23 |
| Removed file | 15 | 17 |
| 500 new files in one batch | 10 | 12 |
| 500 unchanged files in one batch | 4 | 4 |
| Is this version current? (one file or thousands) | 3 | 3 |
| One file in full | 8 | 8 |

A batch takes one request more for every 4 MB of rows of one table. A new file is: begin, look it up, read and touch its guard
row, one insert a table that has rows, the row in `inspections`, commit. Statements with `WHERE` and the typed questions send
their predicates to the server: a test counts the rows that come back.

How the time grows with the tables is what `./run bench catalog` measures. Processor time of client and local server together,
ms a file, on a machine that was busy with other work (the processor's time is what that distorts least):

| | 1,000 files | 100,000 | 1,000,000 | Ratio |
| --- | --- | --- | --- | --- |
| New | 108 | 105 | 170 | 1.6 |
| Unchanged | 36 | 35 | 92 | 2.5 |
| Replaced | 181 | 206 | 579 | 3.2 |
| New, one of a batch of 100 | 1.6 | 1.8 | 4.1 | 2.5 |
| Unchanged, one of 100 | 0.5 | 0.7 | 2.9 | 6.1 |
| Replaced, one of 100 | 3.3 | 3.6 | 12.2 | 3.6 |

The number of requests does not grow. What grows, as far as was found, is the look-up by `file_id` in the local server, which
keeps no index and reads that column: of `files` for a new file, of all child tables (14 million rows at the last size) for a
replaced one. The projections that `./run db setup --projections` makes are VAST's own answer to such look-ups; their effect was
not measured, for want of a cluster. The figures for a million files were taken on rows that SQL had generated in the local
server's file.
"""
_OUTCOMES = """## Outcomes in `inspections`

| Outcome | Meaning |
| --- | --- |
"""


def _section(query: Query) -> str:
    parameters = "".join(
        f"- `{item.name}` ({item.kind}, {item.default!r}): {item.meaning}\n" for item in query.parameters
    )
    return f"### {query.name}\n\n{query.description}\n\n{parameters}\n```sql\n{_statement(query.sql)}\n```\n"


def render() -> str:
    """docs/queries.md."""
    parts = [_HEAD]
    for number, title in _QUESTIONS.items():
        parts.append(f"## {title}\n" if number == "panels" else f"## {number}. {title}\n")
        parts += [_section(query) for query in cookbook().values() if query.question == number]
    parts.append(_COST)
    parts.append(_OUTCOMES + "\n".join(f"| `{item.value}` | {item.meaning} |" for item in Outcome) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.stdout.write(render())
