"""`./run query`: the SQL cookbook, or any SQL, on the DuckDB file of the local database, opened read-only."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path

import click
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from exr_inspector.catalog.queries.cookbook import Query, cookbook
from exr_inspector.catalog.schema import FILES
from exr_inspector.cli.output.query_formats import as_csv, as_json, table_cell, table_rows, unique_names
from exr_inspector.cli.output.terminal import echo_json
from exr_inspector.errors import CatalogError
from vastdb_local.errors import LocalDatabaseError

ROOT = Path(__file__).resolve().parents[3]
_FOLDERS_OF_TABLES = """
SELECT s.view_schema
FROM _vast.schemas s JOIN _vast.tables t ON t.schema_id = s.id
WHERE t.name = $1
ORDER BY s.path = $2 DESC, s.id
"""


@click.command("query")
@click.argument("query", required=False, metavar="[NAME|SQL]")
@click.option(
    "--catalog",
    type=click.Path(path_type=Path, dir_okay=False),
    default=ROOT / ".local" / "demo.duckdb",
    show_default=".local/demo.duckdb",
    help="DuckDB file of the local database.",
)
@click.option(
    "--schema", default="exr_inspector", show_default=True, help="Schema of the tables, if there are several."
)
@click.option("--param", "-p", "given", multiple=True, metavar="NAME=VALUE", help="A parameter of the query.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "csv", "parquet"]),
    default="table",
    show_default=True,
    help="How to print the rows; parquet goes to standard output, so redirect it.",
)
def command(query: str | None, *, catalog: Path, schema: str, given: tuple[str, ...], form: str) -> None:
    """Ask the local tables: a query of the cookbook by name, or any SQL. Without either, list the cookbook.

    \b
    Examples:
      ./run query
      ./run query listing -p prefix=samples/
      ./run query "select path, compression from files where is_deep" --format csv
      ./run query sequences --format parquet > sequences.parquet
    """
    if query is None:
        _list(Console())
        return
    values = _values(given)
    named = cookbook().get(query)
    if named is None and len(query.split()) < 2:
        near = get_close_matches(query, cookbook(), 3)
        hint = f"did you mean {' or '.join(near)}?" if near else "`query` without a name lists them"
        raise CatalogError(f"there is no query {query!r}: {hint} (SQL has more than one word)")
    sql, parameters = (named.for_duckdb(), _bind(named, values)) if named else (query, dict(values))
    _write(_ask(catalog, schema, sql, parameters), form)


def _list(console: Console) -> None:
    table = Table("Query", "What it tells", "Parameters", box=None, pad_edge=False)
    for item in cookbook().values():
        table.add_row(
            item.name, Text(item.description), Text(" ".join(parameter.name for parameter in item.parameters))
        )
    console.print(table)


def _values(given: tuple[str, ...]) -> dict[str, str]:
    values = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals:
            raise click.UsageError(f"--param takes NAME=VALUE, not {pair!r}")
        values[name] = value
    return values


def _bind(query: Query, values: Mapping[str, str]) -> dict[str, object]:
    known = {parameter.name: parameter for parameter in query.parameters}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise click.UsageError(f"{query.name} has no parameter {unknown[0]!r}; it has: {', '.join(known) or 'none'}")
    return {name: item.value(values[name]) if name in values else item.default for name, item in known.items()}


def _open(catalog: Path) -> duckdb.DuckDBPyConnection:
    if not catalog.is_file():
        raise LocalDatabaseError(f"there is no file {catalog}: `./run demo` makes one, or name another with --catalog")
    try:
        # No access to anything but this file, whatever the SQL says.
        return duckdb.connect(str(catalog), read_only=True, config={"enable_external_access": "false"})
    except duckdb.IOException as error:
        if "lock" in str(error).lower():
            raise LocalDatabaseError(
                f"{catalog} is in use by a running server (./run localdb): stop it, or ask it through the vastdb SDK"
            ) from error
        raise LocalDatabaseError(f"{catalog} cannot be opened: {str(error).splitlines()[0]}") from error
    except duckdb.Error as error:
        raise LocalDatabaseError(f"{catalog} is no DuckDB file: {str(error).splitlines()[0]}") from error


def _ask(catalog: Path, schema: str, sql: str, parameters: Mapping[str, object]) -> pa.Table:
    """The rows of a query over the views of `schema`.

    Raises:
        LocalDatabaseError: The file is in use or not ours.
        CatalogError: The statement fails.
    """
    with _open(catalog) as connection:
        try:
            found = connection.execute(_FOLDERS_OF_TABLES, [FILES.name, schema]).fetchone()
        except duckdb.CatalogException as error:
            raise LocalDatabaseError(f"{catalog} was not made by the local database server") from error
        if found is None:
            raise LocalDatabaseError(f"{catalog} holds no tables yet: `./run db setup` makes them")
        connection.execute("SET schema = '\"" + str(found[0]).replace('"', '""').replace("'", "''") + "\"'")
        try:
            return connection.execute(sql, dict(parameters)).to_arrow_table()
        except duckdb.Error as error:
            raise CatalogError(f"the query fails: {_one_line(error)}") from error


def _one_line(error: duckdb.Error) -> str:
    """What DuckDB says, and in which line of the query, without the picture of the place."""
    told, _, picture = str(error).partition("\n\n")
    place = picture.partition(":")[0].lower()
    return " ".join(told.split()) + (f" (in {place})" if place.startswith("line ") else "")


def _as_table(rows: pa.Table) -> None:
    """A table where it fits the terminal, otherwise every row as a block of lines; only very long texts are cut."""
    console = Console(soft_wrap=True)
    names = [name for name in rows.column_names if rows[name].null_count < rows.num_rows] or rows.column_names
    cells = [list(map(table_cell, row)) for row in table_rows(rows.select(names))]
    widths = [max(map(cell_len, column)) for column in zip(names, *cells, strict=True)]
    if sum(widths) + 2 * len(widths) <= console.width or not console.is_terminal:
        for line in (names, *cells):
            padded = (cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True))
            console.print(Text("  ".join(padded).rstrip(), style="bold" if line is names else ""))
    else:
        _as_blocks(console, names, cells)
    empty = [name for name in rows.column_names if name not in names]
    told = f"; empty: {', '.join(empty)}" if empty else ""
    console.print(Text(f"{rows.num_rows} {'row' if rows.num_rows == 1 else 'rows'}{told}", style="dim"))


def _as_blocks(console: Console, names: list[str], cells: list[list[str]]) -> None:
    wide = max(map(cell_len, names))
    for line in cells:
        for name, cell in zip(names, line, strict=True):
            if cell:
                console.print(Text.assemble((name.ljust(wide), "bold"), "  ", cell))
        console.print()


def _as_parquet(rows: pa.Table) -> None:
    if sys.stdout.isatty():
        raise click.UsageError("parquet is no text: redirect it, as in > rows.parquet")
    sink = io.BytesIO()
    try:
        pq.write_table(rows, sink)
    except pa.ArrowNotImplementedError as error:
        raise CatalogError(f"parquet cannot hold this, cast it in the query: {error}") from error
    click.echo(sink.getvalue(), nl=False)


_WRITERS: dict[str, Callable[[pa.Table], None]] = {
    "table": _as_table,
    "json": lambda rows: echo_json(as_json(rows)),
    "csv": lambda rows: click.echo(as_csv(rows), nl=False),
    "parquet": _as_parquet,
}


def _write(rows: pa.Table, form: str) -> None:
    _WRITERS[form](rows.rename_columns(unique_names(rows.column_names)))
