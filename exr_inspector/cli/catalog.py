"""Opens the tables that a command works on.

`--catalog FILE` names a DuckDB file of the local database. If a server has it open (`localdb serve`, `watch`), that server is
used, and this process takes its place if it ends; else this process starts one. Without the option, the database of VAST_DB_*
is used. The name of the catalog is printed on standard error. A command uses both names from here:

    @click.command("report")
    @catalog_option
    def command(*, catalog: Path | None) -> None:
        with open_tables(catalog) as tables:
            rows = stored_frames(tables.connection, tables.prefix("renders/sh010/"))
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import click

from exr_inspector.catalog import Catalog, CatalogConfig
from exr_inspector.catalog.admin.setup import SchemaReport, SetupOptions, ensure_tables, setup
from exr_inspector.catalog.paths import catalog_prefix, names_bucket
from exr_inspector.catalog.sdk.connection import Connection
from exr_inspector.cli.program import command_line
from exr_inspector.delivery.files import require_name
from exr_inspector.errors import ArgumentError, CatalogError, NothingMatches, SchemaDrift, SchemaMissing, SettingsError
from exr_inspector.ingest.roots import recorded_roots
from exr_inspector.library.tables import FileDatabase, file_database
from exr_inspector.settings import DATABASE, OBJECTS, Mount, Settings, load_settings, local_path
from exr_inspector.storage.client_views import ClientViews
from exr_inspector.storage.mounts import key_of, merged, mount_of
from exr_inspector.texts import program_command


@dataclass(slots=True)
class Tables:
    """The tables that a command works on.

    Attributes:
        settings: The settings, with the database of the tables, and with all existing folders of `roots` mounted.
        catalog: Reads and writes the tables.
        roots: The local folders of buckets, from EXR_MOUNTS and from the records of a catalog file.
        set_up: The state of a catalog file's tables after a setup with options; None without one.
        keeps_file: Whether a catalog file that was created for the command stays if the command fails. Set it before storing.
    """

    settings: Settings
    catalog: Catalog
    roots: tuple[Mount, ...] = ()
    set_up: SchemaReport | None = None
    keeps_file: bool = False

    @property
    def connection(self) -> Connection:
        """The connection to the tables."""
        return self.catalog.connection

    def prefix(self, place: str) -> str:
        """What the paths of a place begin with: of `s3://bucket/key` or `bucket/key`, and of local folders, files and patterns.

        Raises:
            NothingMatches: The name is empty, or neither a local folder or file nor in a bucket of these tables.
            ArgumentError: It is a local folder or file that no bucket of these tables stands for.
            CatalogError: The tables cannot be read.
        """
        require_name(place)
        if names_bucket(place):
            return catalog_prefix(place)
        path = local_path(place)
        roots = [replace(root, folder=root.folder.resolve()) for root in self.roots]
        mounts = [*roots, *ClientViews(self.settings.views).mounts()]
        is_folder = path.is_dir() or place.endswith("/") or path.resolve() in {mount.folder for mount in mounts}
        folder, name = (path, "") if is_folder else (path.parent, path.name)
        folder = folder.resolve()
        found = mount_of(mounts, folder)
        if found is not None:
            return f"{found.bucket}/{key_of(found, folder / name)}".rstrip("/") + "/" * (not name)
        known = "folders they know: " + (", ".join(f"{root.place} is {root.folder}" for root in self.roots) or "none")
        if path.exists():
            raise ArgumentError(
                f"{place}: these tables have no files of this folder; {known}."
                f" {program_command('ingest')} adds it; a bucket of that name is s3://{place.strip('/')}/"
            )
        prefix = catalog_prefix(place)
        if not self.catalog.has_files(f"{prefix.partition('/')[0]}/"):
            raise NothingMatches(
                f"{place}: there is no such folder, and no such bucket in these tables; {known}."
                " Other buckets are named as s3://BUCKET/PREFIX"
            )
        return prefix


def configured(settings: Settings) -> Settings:
    """The settings, which must name a database.

    Raises:
        SettingsError: They name none; the message says how to name one.
    """
    try:
        settings.require_catalog()
    except SettingsError as error:
        raise SettingsError(
            f"{error}; for a catalog on this machine add --catalog FILE ({program_command('ingest FOLDER --catalog FILE')}"
            " makes one)"
        ) from error
    return settings


def announce(name: str) -> None:
    """Print the name of the catalog on standard error."""
    click.echo(f"catalog: {name}", err=True)


@contextmanager
def open_tables(
    file: Path | None,
    *,
    create: bool = False,
    options: SetupOptions | None = None,
    need: Collection[str] = (),
    use: Collection[str] = (DATABASE, OBJECTS),
) -> Iterator[Tables]:
    """Open the tables for a block.

    Args:
        file: The file of `--catalog`; None for the database of VAST_DB_*.
        create: Whether to create a missing file, and to set up its tables. If the command fails before it sets `keeps_file`,
            the new file is removed, unless another process created it, or stored in it through this one.
        options: Options of a setup that compares every table; without them, tables that this version set up are left alone.
        need: As for `load_settings`.
        use: As for `load_settings`, with READING and PIXELS for a command that reads files; GROUPS for one that stores
            them as the function does.

    Raises:
        SettingsError: Neither a file nor a database is named, or a setting is wrong.
        CatalogError: The file does not exist, or the database does not answer.
    """
    is_new = create and file is not None and file.parent.is_dir() and not file.exists()
    of_file = nullcontext() if file is None else file_database(file, create=create)
    with _advice_for(file), of_file as database:
        discard = database.discard if database and is_new else None
        try:
            with _open(database, create=create, options=options, need=need, use=use) as made:
                try:
                    yield made
                except BaseException:
                    if discard and (made.keeps_file or _has_files(made.catalog)):
                        discard = None
                    raise
        except BaseException:
            if discard is not None:
                discard()
            raise


@contextmanager
def _open(
    database: FileDatabase | None,
    *,
    create: bool,
    options: SetupOptions | None,
    need: Collection[str],
    use: Collection[str],
) -> Iterator[Tables]:
    """Open the tables of a file's database, or of the database that the settings name; see `open_tables`."""
    given = database.config.environ if database else {}
    settings = configured(load_settings(os.environ, given=given, use=use))
    if need:
        load_settings(os.environ, given=given, need=need, use=use)
    config = CatalogConfig.from_settings(settings.require_catalog())
    with closing(Catalog(config)) as catalog:
        set_up = setup(catalog.connection, options) if database and create and options else None
        if database and create and not options:
            ensure_tables(catalog.connection)
        roots = merged(recorded_roots(catalog.connection) if database else [], settings.mounts)
        existing_roots = tuple(root for root in roots if os.path.isdir(root.folder))  # noqa: PTH112 - no error
        announce(database.name if database else f"{config.endpoint}, {config.bucket}/{config.schema}")
        yield Tables(settings.changed(mounts=existing_roots), catalog, roots, set_up)


@contextmanager
def _advice_for(file: Path | None) -> Iterator[None]:
    """Name `--catalog FILE` where an error advises `db setup` or `db check`, which without it look at another database."""
    try:
        yield
    except (SchemaMissing, SchemaDrift) as error:
        if file is None:
            raise
        text = str(error)
        for command in ("db setup", "db check"):
            text = text.replace(program_command(command), f"`{command_line(command, file)}`")
        raise type(error)(text) from error


def _has_files(catalog: Catalog) -> bool:
    """Whether the tables have rows of files; also if they cannot be read."""
    try:
        return catalog.has_files()
    except CatalogError:
        return True
