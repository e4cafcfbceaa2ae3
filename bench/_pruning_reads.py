"""Record the requests to the local server, and determine for each the column that limits what it reads of a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlglot import exp, parse_one

from exr_inspector.catalog.schema import BY_NAME, CRYPTOMATTE_MANIFESTS, INSPECTIONS, Table
from vastdb_local.calls import Answer, Request
from vastdb_local.protobuf import read_fields
from vastdb_local.query.expressions import Expression, Function, Reference
from vastdb_local.query.request import parse_query
from vastdb_local.service import Service
from vastdb_local.wire import read_batch

BY_PATH = ("path", "file_path", "sequence")


@dataclass(frozen=True)
class Read:
    """What a request asks of a table: how it narrows the column that may exclude row groups, or the rows it names by id.

    Attributes:
        column: Empty where no column excludes anything.
        is_range: Whether it asks for a prefix instead of one value.
        rows: Rows named by id, 0 for a predicate.
    """

    table: Table
    column: str = ""
    is_range: bool = False
    rows: int = 0

    def __str__(self) -> str:
        if self.rows:
            return f"{self.table.name} by row id"
        return f"{self.table.name} " + (
            f"by {self.column} {'range' if self.is_range else '='}" if self.column else "whole"
        )


def narrowed(table: Table, tests: Iterable[tuple[str, str]]) -> Read:
    """The read of a predicate, given what every row passes: columns with `=`, `<` or `>`."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for column, operator in tests:
        found[column].add(operator)
    keys = BY_PATH if table is not CRYPTOMATTE_MANIFESTS else ("manifest_hash",)
    for column in keys:
        if "=" in found[column]:
            # The audit is sorted by time, so a path excludes nothing there.
            return Read(table, "" if table is INSPECTIONS else column)
    for column in keys:
        if found[column] >= {"<", ">"} and table is not INSPECTIONS:
            return Read(table, column, is_range=True)
    return Read(table)


_WIRE = {"equal": "=", "less": "<", "less_equal": "<", "greater": ">", "greater_equal": ">"}


def wire_tests(predicate: Expression) -> Iterator[tuple[str, str]]:
    """Columns and operators that every row passes, of a predicate of the SDK; it sends `isin` as an `or` of equalities."""
    if not isinstance(predicate, Function):
        return
    if predicate.name == "and":
        for part in predicate.arguments:
            yield from wire_tests(part)
    elif predicate.name == "or":
        alternatives = [set(wire_tests(part)) for part in predicate.arguments]
        yield from set.intersection(*alternatives) if alternatives else ()
    elif predicate.name in _WIRE and isinstance(predicate.arguments[0], Reference):
        yield predicate.arguments[0].path[0], _WIRE[predicate.name]


_SQL: dict[type[exp.Expression], str] = {exp.EQ: "=", exp.LT: "<", exp.LTE: "<", exp.GT: ">", exp.GTE: ">"}


def conjuncts(condition: exp.Expression) -> list[exp.Expression]:
    """The parts of a condition that all have to hold."""
    return [*conjuncts(condition.left), *conjuncts(condition.right)] if isinstance(condition, exp.And) else [condition]


def sql_reads(sql: str) -> Iterator[Read]:
    """A read for each table that a statement names, by the comparisons with constants beside it."""
    for table in parse_one(sql, dialect="duckdb").find_all(exp.Table):
        select = table.find_ancestor(exp.Select)
        if table.name not in BY_NAME or select is None:
            continue
        joins = select.args.get("joins") or []
        conditions = [select.args["where"].this] if select.args.get("where") else []
        conditions += [join.args["on"] for join in joins if join.args.get("on")]
        parts = [part for whole in conditions for part in conjuncts(whole)]
        tests = [
            (part.this.name, _SQL[type(part)])
            for part in parts
            if type(part) in _SQL and isinstance(part.this, exp.Column) and isinstance(part.expression, exp.Literal)
            if part.this.table == table.alias or not joins
        ]
        yield narrowed(BY_NAME[table.name], tests)


def reads_of(request: Request) -> Iterator[Read]:
    """What one request reads of the tables."""
    if request.command == "vastdb-run-query" and request.method == "POST":
        yield from sql_reads(read_fields(request.body).text(3))
    table = BY_NAME.get(request.path[-1]) if request.path else None
    if table is None:
        return
    if (request.method, request.command) == ("GET", "data"):
        yield narrowed(table, wire_tests(parse_query(request.body).predicate))
    elif request.command == "rows" and request.method in {"PUT", "DELETE"}:
        yield Read(table, rows=read_batch(request.body).num_rows)


@contextmanager
def recording() -> Iterator[list[Request]]:
    """All requests that local servers of this process answer meanwhile."""
    seen: list[Request] = []
    answer = Service.answer

    def noting(service: Service, request: Request) -> Answer:
        seen.append(request)
        return answer(service, request)

    Service.answer = noting  # type: ignore[assignment,method-assign]  # there is no hook
    try:
        yield seen
    finally:
        Service.answer = answer  # type: ignore[method-assign]
