"""`open_catalog`: opens the tables. The packages that only tables need are imported when it is called."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from exr_inspector.library.arguments import instance, path_text, settings_by_name
from exr_inspector.settings import DATABASE, load_settings
from exr_inspector.texts import missing_package

if TYPE_CHECKING:
    from exr_inspector.library.tables import OpenCatalog


def open_catalog(
    file: str | os.PathLike[str] | None = None,
    *,
    schema: str = "exr_inspector",
    settings: Mapping[str, str] | None = None,
) -> OpenCatalog:
    """Open the tables.

    Args:
        file: DuckDB file of the local database, created with its tables if it does not exist; None for the VAST DataBase of the
            settings VAST_DB_*.
        schema: Schema of the tables in a DuckDB file.
        settings: As in `inspect`.

    Raises:
        SettingsError: VAST DataBase is not configured, or a package is missing (extra `local` for a file, else `catalog`).
        CatalogError: The file is in use by another process, or is not a DuckDB file.
        ArgumentError: An argument is wrong.
    """
    instance("schema", schema, str, "the name of a schema")
    given = settings_by_name(settings)
    path = None if file is None else Path(path_text("file", file))
    try:
        from exr_inspector.library import tables  # noqa: PLC0415 - brings vastdb
    except ModuleNotFoundError as error:
        extra = "catalog" if path is None else "local"
        raise missing_package("open_catalog", error.name or "vastdb", extra) from error
    if path is not None:
        return tables.open_file(path, schema)
    return tables.open_database(load_settings(os.environ, given=given, need=("catalog",), use=(DATABASE,)))
