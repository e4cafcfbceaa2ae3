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

How the time grows with the tables is what `./run bench catalog` measures, on local databases of all three sizes side by side.
Processor time of client and local server together, ms a file; the last column is the ratio of the largest to the smallest when
the local server keeps no indexes of look-ups (`./run bench catalog --no-index --files 1000,1000000`):

| | 1,000 files | 100,000 | 1,000,000 | Ratio | without |
| --- | --- | --- | --- | --- | --- |
| New | 69 | 66 | 66 | 0.96 | 1.5 |
| Unchanged | 24 | 27 | 25 | 1.05 | 2.9 |
| Replaced, stored a moment ago | 125 | 132 | 136 | 1.09 | 2.9 |
| Replaced, stored long ago | 126 | 137 | 144 | 1.15 | 3.0 |
| New, one of a batch of 100 | 1.2 | 1.1 | 1.3 | 1.09 | 2.5 |
| Unchanged, one of 100 | 0.42 | 0.40 | 0.41 | 0.97 | 6.3 |
| Replaced, one of 100 stored a moment ago | 2.4 | 2.5 | 2.4 | 1.00 | 3.6 |
| Replaced, one of 100 strewn over all files | 2.4 | 3.2 | 7.3 | 3.0 | 4.3 |

The number of requests does not grow. Without indexes it is the look-up by `file_id` that grows: of `files` for a new file, of
all child tables (14 million rows at a million files) for a replaced one. The local server therefore indexes columns that are
looked up often ([how](local-vastdb.md#look-ups)). What still grows is the last line: DuckDB goes through a whole row group
(122,880 rows) for any row in it, and the rows of 100 files strewn over a million lie in all 74 groups of `attributes`. To find,
mark and delete those 900 rows there took 36, 29 and 34 ms of processor time; the nine rows of one file took 0.7, 8 and 3. Files
that are replaced together were mostly stored together.

On a cluster, look-ups by `file_id` go through that column of the whole table as well, unless `./run db setup --projections` has
made the projections that are VAST's indices; what they gain was not measured, for want of a cluster. They are off unless asked
for, since they cost space and writes. Trino reads tables that have projections; its connector has failed on the metadata of
sorted tables, so set-up makes none of these.
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
