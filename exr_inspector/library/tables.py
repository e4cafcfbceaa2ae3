"""`open_catalog`: the tables of VAST DataBase, or of a local DuckDB file, for reading and writing from Python."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa

from exr_inspector.catalog.catalog import Catalog
from exr_inspector.catalog.outcomes import UpsertResult
from exr_inspector.catalog.paths import catalog_prefix
from exr_inspector.catalog.read.reader import Reader
from exr_inspector.catalog.schema import BY_NAME
from exr_inspector.catalog.sdk.connection import CatalogConfig, has_prefix
from exr_inspector.errors import CatalogError, SettingsError
from exr_inspector.model import Inspection
from exr_inspector.settings import load_settings


class OpenCatalog(Reader):
    """The tables, until `close` or the end of a `with` block. Safe to share between threads."""

    def __init__(self, catalog: Catalog, close: Callable[[], None]) -> None:
        super().__init__(catalog.connection)
        self._catalog = catalog
        self._close = close

    def table(self, name: str, columns: Iterable[str] | None = None, *, prefix: str = "") -> pa.Table:
        """Rows of one table; the server filters and sends only the columns that are asked for.

        Args:
            name: Table, such as `files` or `validation`; `docs/tables.md` has all.
            columns: Columns, all if None.
            prefix: Only files below this prefix of `bucket/key`.

        Raises:
            CatalogError: There is no such table or column, or the database cannot be read.
        """
        if name not in BY_NAME:
            raise CatalogError(f"there is no table {name!r}; there are {', '.join(BY_NAME)}")
        table = BY_NAME[name]
        wanted = list(columns) if columns is not None else list(table.arrow.names)
        if unknown := [column for column in wanted if column not in table.arrow.names]:
            raise CatalogError(f"table {name} has no column {unknown[0]!r}")
        where = has_prefix("path" if "path" in table.arrow.names else "file_path", catalog_prefix(prefix))
        schema = pa.schema([table.arrow.field(column) for column in wanted])

        def read(work: Any) -> pa.Table:
            return pa.Table.from_batches([batch.select(wanted) for batch in work.select(table, wanted, where)], schema)

        return self._connection.run("read a table", read)

    def upsert(self, files: Iterable[Inspection]) -> list[UpsertResult]:
        """Store inspected files in one transaction; rows of an older version are replaced.

        Raises:
            CatalogError: Nothing was stored; with `retryable`, the same call may be made again.
        """
        return self._catalog.upsert(list(files))

    def close(self) -> None:
        """Close the connections, and the local database if one was opened."""
        self._catalog.close()
        self._close()

    def __enter__(self) -> OpenCatalog:  # noqa: PYI034 - typing.Self is not in Python 3.10
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_catalog(
    file: str | os.PathLike[str] | None = None,
    *,
    schema: str = "exr_inspector",
    settings: Mapping[str, str] | None = None,
) -> OpenCatalog:
    """Open the tables.

    Args:
        file: DuckDB file of the local database, made with its tables when it is not there; None for VAST DataBase, as the
            settings VAST_DB_ENDPOINT and so on say.
        schema: Schema of the tables in a DuckDB file.
        settings: As in `inspect`.

    Raises:
        SettingsError: VAST DataBase is not configured, or the local database (extra `local`) is not installed.
        VastDBLocalError: The file is in use by another process, or is no DuckDB file.
    """
    if file is None:
        told = load_settings({**os.environ, **(settings or {})}, need=("catalog",))
        catalog = Catalog(CatalogConfig.from_settings(told.require_catalog()))
        return OpenCatalog(catalog, lambda: None)
    return _open_local(Path(file), schema)


def _open_local(file: Path, schema: str) -> OpenCatalog:
    try:
        from vastdb_local import LocalVastDB  # noqa: PLC0415 - brings DuckDB, which only this needs
    except ModuleNotFoundError as error:
        raise SettingsError("a local catalog needs DuckDB: pip install 'exr-inspector[local]'") from error
    from exr_inspector.catalog.admin.setup import setup  # noqa: PLC0415 - only for local files

    database = LocalVastDB(file)
    database.start()
    try:
        catalog = Catalog(
            CatalogConfig(database.endpoint, database.access_key, database.secret_key, database.bucket, schema)
        )
        setup(catalog.connection)
    except BaseException:
        database.close()
        raise
    return OpenCatalog(catalog, database.close)
