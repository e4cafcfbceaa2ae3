"""Every query of the cookbook is written for Trino and Spark: it parses there, and uses only what these engines support."""

from __future__ import annotations

import pytest
import sqlglot
from sqlglot import exp

from exr_inspector.catalog.queries.cookbook import cookbook
from exr_inspector.catalog.queries.dialects import Dialect, written_for

OTHERS = (Dialect.TRINO, Dialect.SPARK)


@pytest.mark.slow
@pytest.mark.parametrize("dialect", OTHERS, ids=lambda dialect: dialect.value)
@pytest.mark.parametrize("name", sorted(cookbook()))
def test_every_query_parses_with_the_same_columns_tables_and_parameters(name: str, dialect: Dialect) -> None:
    query = cookbook()[name]
    original = sqlglot.parse_one(query.for_duckdb(), dialect="duckdb")
    written = sqlglot.parse_one(written_for(query, dialect), dialect=dialect.value)
    assert written.named_selects == original.named_selects
    for kinds in (
        (exp.Table,),
        (exp.CTE,),
        (exp.Join, exp.Lateral),
        (exp.Where,),
    ):  # Spark splits lists by LATERAL VIEW
        assert len(list(written.find_all(*kinds))) == len(list(original.find_all(*kinds)))
    parameters = {node.name for node in written.find_all(exp.Placeholder, exp.Parameter)}
    assert parameters == {item.name for item in query.parameters}


@pytest.mark.parametrize("name", sorted(cookbook()))
def test_spark_gets_no_order_within_an_aggregate(name: str) -> None:
    text = written_for(cookbook()[name], Dialect.SPARK)
    written = sqlglot.parse_one(text, dialect="spark")
    assert not [node for node in written.find_all(exp.ArrayAgg, exp.GroupConcat) if isinstance(node.this, exp.Order)]
    for unknown in ("VARCHAR", "STARTS_WITH(", "LISTAGG", "STRING_AGG", "STRPOS"):
        assert unknown not in text.upper()


def test_ordered_arrays_keep_their_order_in_spark() -> None:
    text = " ".join(written_for(cookbook()["file_layers"], Dialect.SPARK).split())
    assert "TRANSFORM(ARRAY_SORT(COLLECT_LIST(STRUCT(channel_index AS k0, component AS v))), x -> x.v)" in text
    assert "ARRAY_SORT(COLLECT_SET(type))" in text


def test_trino_is_told_how_many_bits_there_are() -> None:
    text = " ".join(written_for(cookbook()["near_duplicates"], Dialect.TRINO).split())
    assert "BIT_COUNT(BITWISE_XOR(a.difference_hash, b.difference_hash), 64) <= :bits" in text


def test_every_match_is_replaced_in_each() -> None:
    query = cookbook()["sequence_duplicates"]
    assert "'g'" in query.statement
    for dialect in OTHERS:
        assert "'g'" not in written_for(query, dialect)


@pytest.mark.parametrize("name", sorted(cookbook()))
def test_prefixes_are_ranges(name: str) -> None:
    """A range of a sorted column lets a server skip rows; with a function of the column, not every engine does."""
    query = cookbook()[name]
    assert "starts_with(path" not in query.statement
    assert (":prefix_end" in query.statement) == (":prefix" in query.statement.replace(":prefix_end", ""))
