"""Errors of DuckDB about queries become messages that name tables and columns of the catalog."""

from __future__ import annotations

import duckdb
import pytest

from exr_inspector.catalog.queries.faults import query_fault
from exr_inspector.catalog.schema import BY_NAME


@pytest.fixture(scope="module")
def tables() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"enable_external_access": "false"})
    for name in ("files", "parts", "sweeps"):
        connection.register(name, BY_NAME[name].arrow.empty_table())
    return connection


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("select * from filess", "there is no table filess: did you mean files?"),
        ("select * from findings", "findings are in validation and sequence_validation; docs/tables.md"),
        ("select * from findings", "`query findings` runs the query"),
        ("select * from row", "there is no table row: docs/tables.md lists"),
        ("select * from zzz", "there is no table zzz: docs/tables.md lists"),
        ("select heigth from files", "there is no column heigth in the table files: did you mean height?"),
        ("select f.heigth from files f", "there is no column heigth in the table files: did you mean height?"),
        ("select zzz from files", "there is no column zzz in the table files: docs/tables.md lists"),
        ("select x.compresion from files x, parts y", "in the table"),
        (
            "select part_name from files",
            "there is no column part_name in the table files, but in parts: join it by file_id",
        ),
        ("select root from files", "there is no column root in the table files, but in sweeps: docs/tables.md lists"),
        ("select part_name from sweeps", "in the table sweeps, but in parts: docs/tables.md lists"),
        (
            "with t as (select path p from files) select q from t",
            "there is no column q in the tables of this query: docs",
        ),
        (
            "select part_name from (select path from files)",
            "the tables of this query, but in parts: docs/tables.md lists",
        ),
        (
            "with t as (select path from files) select height from t",
            "in the table that this query takes it from, but in files:",
        ),
        (
            "select p.path from files join parts p using (file_id)",
            "in the table that this query takes it from, but in files:",
        ),
        (
            "select * from exr_inspector.files",
            "there is no table exr_inspector.files: a query names tables without their schema",
        ),
        ("select * from other.fils", "there is no table other.fils: did you mean files?"),
        ('select * from "two words"', "there is no table two words: docs/tables.md lists"),
        ("select * from read_csv('/etc/hostname')", "a query reads the tables of its catalog alone"),
        ("select * from files where", "the query fails: Parser Error: syntax error"),
        ("select path from files where path = :p", "parameters are written $name"),
        ("select no_such(path) from files", "the query fails: Catalog Error: Scalar Function"),
    ],
)
def test_what_is_said_of_a_query(tables: duckdb.DuckDBPyConnection, sql: str, words: str) -> None:
    with pytest.raises(duckdb.Error) as failed:
        tables.execute(sql)
    said = query_fault(str(failed.value), sql)
    assert words in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("delete from files", "DELETE"),
        ("update files set path = 'x'", "UPDATE"),
        ("insert into files select * from files", "INSERT"),
        ("drop table files", "DROP"),
        ("create table parts as select 1", "CREATE"),
        ("create type files as enum ('a')", "CREATE"),
        ("alter table files drop path", "ALTER"),
        ("truncate files", "TRUNCATE"),
        ("merge into files using parts on true when matched then delete", "MERGE"),
        ("copy files to 'files.csv'", "COPY"),
        ("with t as (select 1) delete from files", "DELETE"),
    ],
)
def test_a_statement_that_writes_is_named(sql: str, kind: str) -> None:
    assert query_fault("DuckDB's words", sql) == (
        f"a query only reads, and this is a statement of type {kind}: expected SELECT"
    )
