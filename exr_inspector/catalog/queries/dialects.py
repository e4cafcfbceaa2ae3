"""The cookbook's SQL for other engines: DuckDB's dialect, which the queries are written in, turned into Trino's and Spark's."""

from __future__ import annotations

from enum import Enum

import sqlglot
from sqlglot import exp

from exr_inspector.catalog.queries.cookbook import Query


class Dialect(Enum):
    """A dialect of SQL, with the release that the queries are written for."""

    DUCKDB = "duckdb"  # also that of VAST's own query engine
    TRINO = "trino"  # 478
    SPARK = "spark"  # 3.5


def written_for(query: Query, dialect: Dialect) -> str:
    """The statement of a query in a dialect, with `:name` for its parameters."""
    if dialect is Dialect.DUCKDB:
        return query.statement
    tree = sqlglot.parse_one(query.for_duckdb(), dialect=Dialect.DUCKDB.value)
    tree = tree.transform(_named).transform(_replace_all)
    tree = tree.transform(_collected if dialect is Dialect.SPARK else _counted)
    return tree.sql(dialect=dialect.value, pretty=True)


def _named(node: exp.Expression) -> exp.Expression:
    return exp.Placeholder(this=node.name) if isinstance(node, exp.Parameter | exp.Placeholder) else node


def _replace_all(node: exp.Expression) -> exp.Expression:
    """Drop the flag by which DuckDB replaces every match, as the other two do unasked."""
    if isinstance(node, exp.RegexpReplace):
        return exp.RegexpReplace(this=node.this, expression=node.expression, replacement=node.args["replacement"])
    return node


def _counted(node: exp.Expression) -> exp.Expression:
    """Trino counts the bits of a number whose size it is given."""
    if isinstance(node, exp.Anonymous) and node.name.lower() == "bit_count":
        return exp.Anonymous(this=node.this, expressions=[*node.expressions, exp.Literal.number(64)])
    return node


def _collected(node: exp.Expression) -> exp.Expression:
    """An ordered array for Spark 3.5, whose aggregates know no order: sorted structs of the order's columns and the value."""
    if not isinstance(node, exp.ArrayAgg) or not isinstance(node.this, exp.Order):
        return node
    value = node.this.this
    if isinstance(value, exp.Distinct):
        return exp.func("array_sort", exp.func("collect_set", value.expressions[0]))
    keys = [exp.alias_(part.this, f"k{index}") for index, part in enumerate(node.this.expressions)]
    pairs = exp.func("collect_list", exp.func("struct", *keys, exp.alias_(value, "v")))
    pick = exp.Lambda(this=exp.column("v", table="x"), expressions=[exp.to_identifier("x")])
    return exp.func("transform", exp.func("array_sort", pairs), pick)
