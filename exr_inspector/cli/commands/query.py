"""`./run query`: answers queries of the cookbook, or any SQL, from the tables."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import click
import pyarrow as pa
import pyarrow.parquet as pq
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from exr_inspector.catalog import Catalog, CatalogConfig
from exr_inspector.catalog.paths import catalog_prefix, names_bucket
from exr_inspector.catalog.queries.cookbook import Query, cookbook
from exr_inspector.catalog.queries.dialects import Dialect, written_for
from exr_inspector.catalog.queries.engines import FileEngine, QueryEngine, database_engine
from exr_inspector.cli.catalog import announce, configured
from exr_inspector.cli.options import catalog_option, paths_option
from exr_inspector.cli.output.query_formats import aligned_lines, as_csv, as_json, table_cell, unique_names, value_rows
from exr_inspector.cli.output.terminal import echo_json, output
from exr_inspector.cli.paths import PATH_COLUMNS, ShownPaths
from exr_inspector.errors import CatalogError
from exr_inspector.library.tables import require_file, schema_of_tables
from exr_inspector.settings import DATABASE, load_settings
from exr_inspector.texts import did_you_mean, program_command
from exr_inspector.validation.rule import counted
from vastdb_local import ServerAddress, Successor, running_server

_SCHEMA = "exr_inspector"


@click.command("query")
@click.argument("query", required=False, metavar="[NAME|SQL]")
@click.argument("others", nargs=-1, metavar="")
@catalog_option
@click.option(
    "--schema",
    default=_SCHEMA,
    show_default=True,
    help="Schema of the tables in --catalog, if there are several.",
)
@click.option("--param", "-p", "given", multiple=True, metavar="NAME=VALUE", help="A parameter of the query.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "parquet"]),
    default="table",
    show_default=True,
    help="Output format; parquet is binary, so redirect it.",
)
@paths_option
@click.option(
    "--show",
    "shown",
    type=click.Choice([dialect.value for dialect in Dialect]),
    help="Print a cookbook query in this SQL dialect instead of running it.",
)
def command(
    query: str | None,
    *,
    others: tuple[str, ...],
    catalog: Path | None,
    schema: str,
    given: tuple[str, ...],
    form: str,
    paths: ShownPaths,
    shown: str | None,
) -> None:
    """Query the tables: a query of the cookbook by name, or any SQL. Without either, list the cookbook.

    A parameter of your own SQL is written $name and gets its value from -p name=VALUE.

    \b
    Examples:
      ./run query
      ./run query listing -p prefix=samples/ --catalog .local/demo.duckdb
      ./run query "select path, compression from files where is_deep" --format csv
      ./run query 'select path from files where frame_number = $f' -p f=1003 --catalog .local/demo.duckdb
      ./run query sequences --format parquet > sequences.parquet
      ./run query missing_frames --paths client
      ./run query layers --show spark

    The tables are those of --catalog, otherwise those of the database of VAST_DB_ENDPOINT. The name of the catalog is printed
    on standard error.
    """
    if query is None:
        _list(output())
        return
    if others:
        raise CatalogError(f"unexpected {others[0]!r}: give a parameter as -p NAME=VALUE, and put SQL in quotes")
    values = _values(given)
    named = cookbook().get(query)
    if named is None and len(query.split()) < 2:
        hint = did_you_mean(query, cookbook()) or "`query` without a name lists them"
        raise CatalogError(f"there is no query {query!r}: {hint} (SQL has more than one word)")
    if shown is not None:
        if named is None:
            raise click.UsageError("--show prints queries of the cookbook: name one of them")
        click.echo(written_for(named, Dialect(shown)))
        return
    sql, parameters = (named.for_duckdb(), _bind(named, values)) if named else (query, dict(values))
    engine = _engine(catalog, schema)
    rows = engine.ask(sql, parameters)
    announce(engine.name)
    _write(_with_paths(rows, paths), form)
    if named and named.when_empty and not rows.num_rows:
        click.echo(named.when_empty, err=True)


def _with_paths(rows: pa.Table, paths: ShownPaths) -> pa.Table:
    """The rows, with the columns of paths in the form of `--paths`."""
    if paths.form is None:
        return rows
    for index, field in enumerate(rows.schema):
        if field.name in PATH_COLUMNS and field.type == pa.string():
            texts = rows.column(index).to_pylist()
            rows = rows.set_column(index, field, pa.array([text and paths.stored(text) for text in texts], pa.string()))
    return rows


def _engine(catalog: Path | None, schema: str) -> QueryEngine:
    """The engine for a catalog file, or for the database of VAST_DB_*.

    Raises:
        SettingsError: Neither a file nor a database is named.
    """
    if catalog is not None:
        require_file(catalog)
        server = running_server(catalog)
        return FileEngine(catalog, schema) if server is None else _served(catalog, server, schema)
    settings = configured(load_settings(os.environ, use=(DATABASE,)))
    config = CatalogConfig.from_settings(settings.require_catalog())
    return database_engine(Catalog(config).connection)


def _served(catalog: Path, server: ServerAddress, schema: str) -> QueryEngine:
    click.get_current_context().with_resource(Successor(catalog, server))
    config = CatalogConfig(server.endpoint, server.access_key, server.secret_key, server.bucket, schema)
    found = schema_of_tables(config)
    if found is None:
        raise CatalogError(
            f"{catalog} has no tables yet: {program_command(f'db setup --catalog {catalog}')} creates them"
        )
    config = replace(config, schema=found)
    engine = database_engine(Catalog(config).connection, joins=True)
    engine.name = f"{catalog} through its server at {engine.name}"
    return engine


def _list(console: Console) -> None:
    table = Table("Query", r"Parameters, \[optional]", "What it shows", box=None, pad_edge=False)
    for item in cookbook().values():
        names = [each.name if each.is_required else f"[{each.name}]" for each in item.parameters]
        table.add_row(item.name, Text(" ".join(names)), Text(item.description))
    console.print(table)


def _values(given: tuple[str, ...]) -> dict[str, str]:
    values = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals:
            raise click.UsageError(f"--param takes NAME=VALUE, not {pair!r}")
        values[name] = catalog_prefix(value) if names_bucket(value) else value  # stored paths have no scheme
    return values


def _bind(query: Query, values: Mapping[str, str]) -> dict[str, object]:
    kinds = {parameter.name: parameter for parameter in query.parameters}
    return dict(query.bind({name: kinds[name].value(text) if name in kinds else text for name, text in values.items()}))


def _as_table(rows: pa.Table) -> None:
    """Print a table if it fits the terminal, else a block of lines for each row; only very long texts are cut."""
    console = Console(soft_wrap=True)
    names = [name for name in rows.column_names if rows[name].null_count < rows.num_rows] or rows.column_names
    cells = [list(map(table_cell, row)) for row in value_rows(rows.select(names))]
    lines = aligned_lines(names, cells)
    if max(map(cell_len, lines)) <= console.width or not console.is_terminal:
        console.print(Text(lines[0], style="bold"))
        if cells:  # printed without rich, which takes a millisecond for each line
            click.echo("\n".join(lines[1:]))
    else:
        _as_blocks(console, names, cells)
    empty = [name for name in rows.column_names if name not in names]
    note = f"; no values in {', '.join(empty)}" if empty else ""
    console.print(Text(f"{counted(rows.num_rows, 'row')}{note}", style="dim"))


def _as_blocks(console: Console, names: list[str], cells: list[list[str]]) -> None:
    wide = max(map(cell_len, names))
    for line in cells:
        for name, cell in zip(names, line, strict=True):
            if cell:
                console.print(Text.assemble((name.ljust(wide), "bold"), "  ", cell))
        console.print()


def _as_parquet(rows: pa.Table) -> None:
    if sys.stdout.isatty():
        raise click.UsageError("parquet is binary: redirect it, as in > rows.parquet")
    sink = io.BytesIO()
    try:
        pq.write_table(rows, sink)
    except pa.ArrowNotImplementedError as error:
        raise CatalogError(f"parquet has no such type, cast the column in the query: {error}") from error
    click.echo(sink.getvalue(), nl=False)


_WRITERS: dict[str, Callable[[pa.Table], None]] = {
    "table": _as_table,
    "json": lambda rows: echo_json(as_json(rows)),
    "csv": lambda rows: click.echo(as_csv(rows), nl=False),
    "parquet": _as_parquet,
}


def _write(rows: pa.Table, form: str) -> None:
    _WRITERS[form](rows.rename_columns(unique_names(rows.column_names)))
