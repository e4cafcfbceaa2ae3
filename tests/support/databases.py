"""Database files with empty tables, copied from one file, because creating tables takes longer than most tests.

Each process creates one database of each kind, and every test gets a copy of its file::

    with LocalVastDB(empty_tables(tmp_path / "catalog.duckdb")) as server:
        ...
"""

import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pyarrow as pa

from exr_inspector.catalog import Catalog, CatalogConfig
from exr_inspector.catalog.admin.setup import SetupOptions, setup
from exr_inspector.catalog.schema import DEFAULT_GUARDS, DOCUMENT, LEAST_GUARDS, Table
from exr_inspector.catalog.sdk.work import ROW_ID, Work
from vastdb_local import LocalVastDB
from vastdb_local.metadata import get_table
from vastdb_local.refusals import Refusal


class DatabaseServer(Protocol):
    """What a client needs of a database server, in this process or another one."""

    @property
    def endpoint(self) -> str:
        """URL."""
        ...

    @property
    def access_key(self) -> str:
        """Access key."""
        ...

    @property
    def secret_key(self) -> str:
        """Secret key."""
        ...

    @property
    def bucket(self) -> str:
        """Bucket of the tables."""
        ...


def empty_tables(
    path: Path, *, schema: str = "exr", guards: int = DEFAULT_GUARDS, server_version: str = "5.5.0"
) -> Path:
    """Write a database file with empty tables and guard rows, as `db setup` creates them; returns `path`."""
    path.write_bytes(_set_up(schema, guards, server_version))
    return path


def empty_catalog(path: Path) -> Path:
    """Write a catalog file as `--catalog` creates it, but with few guard rows; returns `path`."""
    return empty_tables(path, schema="exr_inspector", guards=LEAST_GUARDS)


def database_environ(server: DatabaseServer, schema: str = "exr_inspector") -> dict[str, str]:
    """The settings that name a server's tables."""
    return CatalogConfig(server.endpoint, server.access_key, server.secret_key, server.bucket, schema).environ


@cache
def _set_up(schema: str, guards: int, server_version: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "catalog.duckdb"
        # DuckDB fills a block for each column at a checkpoint: with its default of 256 KiB, a tenth of a short command's CPU.
        duckdb.connect(str(path), config={"default_block_size": "16384"}).close()
        with LocalVastDB(path, server_version=server_version) as server:
            config = CatalogConfig(server.endpoint, server.access_key, server.secret_key, server.bucket, schema)
            catalog = Catalog(config)
            setup(catalog.connection, SetupOptions(guards=guards))
            catalog.close()
        return path.read_bytes()


def wipe_of(server: LocalVastDB, catalog: Catalog) -> None:
    """Empty the file tables within their server, which takes a tenth of the time that requests take."""
    config, database = catalog.connection.config, server._database
    try:
        with database.alone() as transaction:
            for table in DOCUMENT:
                stored = get_table(transaction, config.bucket, config.schema, table.name)
                ((count,),) = transaction.rows(f"DELETE FROM {stored.stored}")
                database.lookups.delete(stored.id, count)
    except Refusal:  # a conflict with a transaction that a test has left open
        wipe(catalog)


def rows_within(
    server: LocalVastDB, catalog: Catalog, columns: Mapping[Table, Sequence[str]]
) -> dict[str, list[dict[str, Any]]]:
    """Columns of all rows of tables, by the table's name, read within their server, which takes a fifth of the time."""
    config, found = catalog.connection.config, {}
    with server._database.alone() as transaction:
        for table, names in columns.items():
            stored = get_table(transaction, config.bucket, config.schema, table.name)
            selected = ", ".join(f'{stored.column(name).stored} AS "{name}"' for name in names)
            rows = transaction.run(f"SELECT {selected} FROM {stored.stored}").to_arrow_table()
            found[table.name] = rows.cast(pa.schema([table.arrow.field(name) for name in names])).to_pylist()
    return found


def wipe(catalog: Catalog) -> None:
    """Empty the file tables."""

    def body(work: Work) -> None:
        for table in DOCUMENT:
            batches = work.select(table, ["file_id"], row_ids=True)
            work.delete(table, [row_id for batch in batches for row_id in batch[ROW_ID].to_pylist()])

    catalog.connection.run("empty the tables", body)


def rows_of_catalog(catalog: Path, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a SELECT on a catalog file; it names tables without their schema."""
    with duckdb.connect(str(catalog), read_only=True) as connection:
        (schema,) = connection.execute("select view_schema from _vast.schemas").fetchall()[0]
        connection.execute(f"set schema = '\"{schema}\"'")
        return connection.execute(sql).fetchall()
