"""`OpenCatalog`: reads and writes the tables of VAST DataBase or of a local DuckDB file."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from exr_inspector.catalog.admin.setup import ensure_tables
from exr_inspector.catalog.catalog import Catalog
from exr_inspector.catalog.outcomes import UpsertResult
from exr_inspector.catalog.paths import catalog_prefix
from exr_inspector.catalog.queries.cookbook import cookbook
from exr_inspector.catalog.read.reader import FullFile, Reader
from exr_inspector.catalog.schema import BY_NAME, FILES
from exr_inspector.catalog.sdk.config import CatalogConfig
from exr_inspector.catalog.sdk.errors import translated
from exr_inspector.catalog.sdk.predicates import has_prefix
from exr_inspector.catalog.sdk.work import Work
from exr_inspector.errors import ArgumentError, CatalogError, SettingsError
from exr_inspector.ingest.roots import recorded_roots
from exr_inspector.library.arguments import instance, one_of, wrong
from exr_inspector.library.results import InspectedFile
from exr_inspector.model import Inspection
from exr_inspector.settings import Mount, Settings
from exr_inspector.storage import FILE_BUCKET
from exr_inspector.storage.keys import file_path
from exr_inspector.storage.mounts import key_of, mount_of
from exr_inspector.storage.sequences import sequence_name
from exr_inspector.texts import missing_package, program_command, visible


class OpenCatalog(Reader):
    """The tables, until `close` or the end of a `with` block. Safe to share between threads. `repr` is one line."""

    def __init__(self, catalog: Catalog, close: Callable[[], None], *, name: str, is_local: bool) -> None:
        super().__init__(catalog.connection)
        self._name = name
        self._catalog = catalog
        self._close = close
        self._is_local = is_local
        self._is_closed = False

    def __repr__(self) -> str:
        """`<OpenCatalog NAME: open>`, or `closed`."""
        return f"<OpenCatalog {visible(self._name)}: {'closed' if self._is_closed else 'open'}>"

    def file(self, path: str) -> FullFile | None:
        """As `Reader.file`; its `inspection` is an `InspectedFile`.

        Raises:
            ArgumentError: `path` is not a text.
            CatalogError: The database cannot be read, or `path` is empty.
        """
        self._require_open()
        found = super().file(instance("path", path, str, "a path in the tables, such as bucket/key"))
        return found and replace(found, inspection=InspectedFile.of(found.inspection))

    def table(self, name: str, columns: Iterable[str] | None = None, *, prefix: str = "") -> pa.Table:
        """Rows of one table; the server filters and sends only the requested columns.

        Args:
            name: Table, such as `files` or `validation`; `docs/tables.md` has all.
            columns: Columns; None for all.
            prefix: Only files below this prefix of `bucket/key`.

        Raises:
            ArgumentError: There is no such table or column.
            CatalogError: The database cannot be read.
        """
        self._require_open()
        table = BY_NAME[one_of("name", name, BY_NAME)]
        if isinstance(columns, str) or (columns is not None and not isinstance(columns, Iterable)):
            raise wrong("columns", "several names of columns, such as ['path']", columns)
        wanted = [
            one_of("columns", each, table.arrow.names) for each in (table.arrow.names if columns is None else columns)
        ]
        instance("prefix", prefix, str, "a prefix of bucket/key")
        where = has_prefix("path" if "path" in table.arrow.names else "file_path", catalog_prefix(prefix))
        schema = pa.schema([table.arrow.field(column) for column in wanted])

        def read(work: Any) -> pa.Table:
            return pa.Table.from_batches([batch.select(wanted) for batch in work.select(table, wanted, where)], schema)

        return self._connection.run("read a table", read)

    def query(self, query: str, **parameters: str | float) -> pa.Table:
        """The rows of a query of the cookbook, or of any SELECT in DuckDB's dialect.

        Args:
            query: A name such as `sequence_gaps`, or SQL with bare table names and `$name` parameters.
            parameters: Values by name.

        Raises:
            ArgumentError: There is no query of this name.
            CatalogError: The query fails, or a parameter is missing or unknown.
            SettingsError: DuckDB (extra `local`) is not installed.
        """
        self._require_open()
        try:
            from exr_inspector.catalog.queries import engines  # noqa: PLC0415 - brings the parser of SQL
        except ModuleNotFoundError as error:
            raise _needs_local(error) from error
        if len(instance("query", query, str, "the name of a query, or SQL").split()) < 2:
            one_of("query", query, cookbook())
        named = cookbook().get(query)
        sql, values = (named.for_duckdb(), named.bind(parameters)) if named else (query, parameters)
        return engines.database_engine(self._connection, joins=self._is_local).ask(sql, values)

    def upsert(self, files: Iterable[Inspection]) -> list[UpsertResult]:
        """Store inspected files in one transaction; rows of an older version are replaced.

        In a catalog file, a local file of a folder that the table `roots` records gets the path `<bucket>/<key>` that `ingest`,
        `watch` and `check --catalog` give it; one of any other folder keeps the bucket `file:`.

        Raises:
            CatalogError: Nothing was stored; if `retryable`, the same call may be repeated.
        """
        self._require_open()
        given = [files] if isinstance(files, Inspection) or not isinstance(files, Iterable) else list(files)
        expected = "inspected files, as `inspect` and `inspect_all` return them"
        inspections = [instance("files", each, Inspection, expected) for each in given]
        if self._is_local and any(each.bucket == FILE_BUCKET for each in inspections):
            recorded = recorded_roots(self._connection)
            roots = [replace(root, folder=root.folder.resolve()) for root in recorded]
            inspections = [_in_bucket(each, roots) for each in inspections]
        return self._catalog.upsert(inspections)

    def close(self) -> None:
        """Close the connections, and the local database if one was opened. Later calls raise `CatalogError`."""
        self._is_closed = True
        self._catalog.close()
        self._close()

    def _require_open(self) -> None:
        if self._is_closed:
            raise CatalogError("the catalog was closed: open it again with open_catalog")

    def __enter__(self) -> OpenCatalog:  # noqa: PYI034 - typing.Self is not in Python 3.10
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _in_bucket(inspection: Inspection, roots: Iterable[Mount]) -> Inspection:
    """A local file as one of the bucket whose folder holds it; unchanged if none does."""
    path = Path("/", file_path(inspection.key))
    if inspection.bucket == FILE_BUCKET:
        path = path.parent.resolve() / path.name
        root = mount_of(roots, path)
        if root is not None:
            key = key_of(root, path)
            return replace(inspection, bucket=root.bucket, key=key, name=sequence_name(root.bucket, key))
    return inspection


def _needs_local(error: ModuleNotFoundError) -> SettingsError:
    return missing_package("a local catalog", error.name or "duckdb", "local")


def open_database(settings: Settings) -> OpenCatalog:
    """Open the tables of the VAST DataBase that the settings name.

    Raises:
        SettingsError: They name none.
    """
    config = CatalogConfig.from_settings(settings.require_catalog())
    name = f"{config.endpoint}, {config.bucket}/{config.schema}"
    return OpenCatalog(Catalog(config), lambda: None, name=name, is_local=False)


def open_file(file: Path, schema: str) -> OpenCatalog:
    """Open the tables of a DuckDB file, which is created with them if it does not exist.

    Raises:
        SettingsError: The local database (extra `local`) is not installed.
        CatalogError: The file is in use by another process, or is not a DuckDB file.
        ArgumentError: Its folder does not exist.
    """
    with ExitStack() as opened:
        database = opened.enter_context(_opened(file, schema))
        catalog = Catalog(database.config)
        opened.callback(catalog.close)
        ensure_tables(catalog.connection)
        kept = opened.pop_all()
    return OpenCatalog(catalog, kept.close, name=database.name, is_local=True)


@contextmanager
def _opened(file: Path, schema: str) -> Iterator[FileDatabase]:
    """Open the database of a file; its errors are raised as CatalogError."""
    try:
        from vastdb_local.errors import LocalDatabaseError  # noqa: PLC0415 - brings DuckDB, which only this needs
    except ModuleNotFoundError as error:
        raise _needs_local(error) from error
    with ExitStack() as opened:
        try:
            database = opened.enter_context(file_database(file, schema, create=True))
        except LocalDatabaseError as error:
            raise CatalogError(str(error)) from error
        yield database


@dataclass(frozen=True, slots=True)
class FileDatabase:
    """The local database of a catalog file.

    Attributes:
        name: The file, and its server if another program has it open, for people.
        config: How to reach it, with the schema of the tables.
        discard: Deletes the file at the end of the block; None if another process serves it.
    """

    name: str
    config: CatalogConfig
    discard: Callable[[], None] | None


@contextmanager
def file_database(file: Path, schema: str = "exr_inspector", *, create: bool = False) -> Iterator[FileDatabase]:
    """Open the database of a DuckDB file for a block: through the server that has it open, else served by this process.

    If that server ends before the block, this process serves the file.

    Args:
        file: The file.
        schema: Schema of the tables; if only another one has tables, that one is used.
        create: Whether the file may be created; its folder must exist.

    Raises:
        CatalogError: The file does not exist.
        SettingsError: The local database (extra `local`) is not installed.
        LocalDatabaseError: The file is not a DuckDB file, or another program has it open without serving it.
    """
    try:
        from vastdb_local import LocalVastDB, ServerAddress, Successor, running_server  # noqa: PLC0415 - brings DuckDB, which only this needs
    except ModuleNotFoundError as error:
        raise _needs_local(error) from error

    if not create:
        require_file(file)
    elif not file.parent.is_dir():
        raise ArgumentError(f"{file}: there is no folder {file.parent}: create it first")
    server = running_server(file)
    with ExitStack() as opened:
        discard = None
        database: ServerAddress | LocalVastDB
        if server is None:
            database = opened.enter_context(LocalVastDB(file))
            discard = database.discard
        else:
            opened.enter_context(Successor(file, server))
            database = server
        config = CatalogConfig(database.endpoint, database.access_key, database.secret_key, database.bucket, schema)
        name = str(file) if server is None else f"{file} through its server at {server.endpoint}"
        yield FileDatabase(name, replace(config, schema=schema_of_tables(config) or schema), discard)


def require_file(file: Path) -> None:
    """Check that a catalog file exists.

    Raises:
        CatalogError: It does not.
    """
    if not file.is_file():
        raise CatalogError(
            f"there is no file {file}: {program_command('ingest FOLDER --catalog ' + shlex.quote(str(file)))} makes it"
        )


def schema_of_tables(config: CatalogConfig) -> str | None:
    """The schema that has the tables: the configured one if it has them, else the first one in the bucket.

    Returns:
        None if no schema has the tables.

    Raises:
        CatalogError: The database cannot be reached.
    """

    def find(work: Work) -> list[str]:
        with translated("find the tables"):
            schemas = work.tx.bucket(config.bucket).schemas()
            return [schema.name for schema in schemas if FILES.name in schema.tablenames()]

    with closing(Catalog(config)) as catalog:
        found = catalog.connection.run("find the tables", find)
    return config.schema if config.schema in found else next(iter(found), None)
