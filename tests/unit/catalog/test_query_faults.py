"""Queries that fail, by what DuckDB itself says: what a query names is answered in words of the catalog."""

from __future__ import annotations

import duckdb
import pytest

from exr_inspector.catalog.queries.faults import query_fault
from exr_inspector.catalog.schema import BY_NAME


@pytest.fixture(scope="module")
def tables() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"enable_external_access": "false"})
    for name in ("files", "parts"):
        connection.register(name, BY_NAME[name].arrow.empty_table())
    return connection


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("select * from filess", "there is no table filess: did you mean files?"),
        ("select * from zzz", "there is no table zzz: docs/tables.md lists"),
        ("select heigth from files", "there is no column heigth in the table files: did you mean height?"),
        ("select f.heigth from files f", "there is no column heigth in the table files: did you mean height?"),
        ("select zzz from files", "there is no column zzz in the table files: docs/tables.md lists"),
        ("select x.compresion from files x, parts y", "in the table"),
        ("select part_name from files", "there is no column part_name in the table files, but in parts"),
        ("select * from read_csv('/etc/hostname')", "a query reads the tables of its catalog alone"),
        ("select * from files where", "the query fails: Parser Error: syntax error"),
        ("select no_such(path) from files", "the query fails: Catalog Error: Scalar Function"),
    ],
)
def test_what_is_said_of_a_query(tables: duckdb.DuckDBPyConnection, sql: str, words: str) -> None:
    with pytest.raises(duckdb.Error) as failed:
        tables.execute(sql)
    said = query_fault(str(failed.value), sql)
    assert words in said
    assert "\n" not in said


def test_a_statement_that_writes_is_named(tmp_path: pytest.TempPathFactory) -> None:
    path = f"{tmp_path}/c.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("create table files (path text)")
    with duckdb.connect(path, read_only=True) as connection, pytest.raises(duckdb.Error) as failed:
        connection.execute("drop table files")
    assert "a query only reads, and this is a DROP statement" in query_fault(str(failed.value), "drop table files")
