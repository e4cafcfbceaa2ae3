"""Translates the cookbook's queries, which are written in DuckDB's dialect, for Trino and Spark."""

from __future__ import annotations

from enum import Enum

import sqlglot
from sqlglot import exp

from exr_inspector.catalog.queries.cookbook import Query


class Dialect(Enum):
    """Dialects of SQL; queries are tested with the releases in the comments."""

    DUCKDB = "duckdb"  # also the dialect of VAST's query engine
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
    """Drop DuckDB's flag for replacing all matches, which the other two always do."""
    if isinstance(node, exp.RegexpReplace):
        return exp.RegexpReplace(this=node.this, expression=node.expression, replacement=node.args["replacement"])
    return node


def _counted(node: exp.Expression) -> exp.Expression:
    """Add the size of the number, which Trino's bit_count needs."""
    if isinstance(node, exp.Anonymous) and node.name.lower() == "bit_count":
        return exp.Anonymous(this=node.this, expressions=[*node.expressions, exp.Literal.number(64)])
    return node


def _collected(node: exp.Expression) -> exp.Expression:
    """Spark 3.5 has no ORDER BY in aggregates: sort structs of the order's columns and the value, then take the values."""
    if not isinstance(node, exp.ArrayAgg) or not isinstance(node.this, exp.Order):
        return node
    value = node.this.this
    if isinstance(value, exp.Distinct):
        return exp.func("array_sort", exp.func("collect_set", value.expressions[0]))
    keys = [exp.alias_(part.this, f"k{index}") for index, part in enumerate(node.this.expressions)]
    pairs = exp.func("collect_list", exp.func("struct", *keys, exp.alias_(value, "v")))
    pick = exp.Lambda(this=exp.column("v", table="x"), expressions=[exp.to_identifier("x")])
    return exp.func("transform", exp.func("array_sort", pairs), pick)
