"""Record the requests to the local server, and find for each one the column whose filter can exclude row groups of a table."""

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
    """The rows of a table that a request reads, selected by a filter on one column or by row ids.

    Attributes:
        column: The column whose filter can exclude row groups; empty if there is none.
        is_range: Whether the filter is a range (a prefix) instead of one value.
        rows: Number of rows selected by row id; 0 for a filter.
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
    """The read of a filter, given the comparisons that every row must pass: column and `=`, `<` or `>`."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for column, operator in tests:
        found[column].add(operator)
    keys = BY_PATH if table is not CRYPTOMATTE_MANIFESTS else ("manifest_hash",)
    for column in keys:
        if "=" in found[column]:
            # `inspections` is sorted by time, so a filter on the path excludes no row group of it.
            return Read(table, "" if table is INSPECTIONS else column)
    for column in keys:
        if found[column] >= {"<", ">"} and table is not INSPECTIONS:
            return Read(table, column, is_range=True)
    return Read(table)


_WIRE = {"equal": "=", "less": "<", "less_equal": "<", "greater": ">", "greater_equal": ">"}


def wire_tests(predicate: Expression) -> Iterator[tuple[str, str]]:
    """Yield the comparisons of an SDK predicate that every row must pass; the SDK sends `isin` as an `or` of equalities."""
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
    """The conditions joined by AND in a condition."""
    return [*conjuncts(condition.left), *conjuncts(condition.right)] if isinstance(condition, exp.And) else [condition]


def sql_reads(sql: str) -> Iterator[Read]:
    """Yield a read for each table of a SQL statement, from the comparisons of its columns with constants."""
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
    """Yield the reads of one request."""
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
    """Record all requests that local servers of this process answer inside the `with` block."""
    seen: list[Request] = []
    answer = Service.answer

    def noting(service: Service, request: Request) -> Answer:
        seen.append(request)
        return answer(service, request)

    Service.answer = noting  # type: ignore[assignment,method-assign]  # the server has no hook for this
    try:
        yield seen
    finally:
        Service.answer = answer  # type: ignore[method-assign]
