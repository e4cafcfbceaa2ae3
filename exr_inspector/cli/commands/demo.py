"""`./run demo`: sends events to the function and reads its rows, all on this machine.

It starts an embedded VAST DataBase and the local DataEngine runtime with `main.py`, posts one CloudEvent for each sample, as a
cluster would, and reads the rows with the vastdb SDK. `samples/expected.json` has the expected values.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import vastdb
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dataengine_local.client import post_event
from dataengine_local.config import RuntimeConfig
from dataengine_local.events import element_event
from dataengine_local.function import load_function
from dataengine_local.runtime import LocalRuntime
from exr_inspector.catalog import Catalog, CatalogConfig
from exr_inspector.catalog.admin.setup import setup
from exr_inspector.catalog.schema import CHANNELS, FILES, INSPECTIONS, PARTS
from exr_inspector.cli.output.query_formats import table_cell
from exr_inspector.cli.output.tables import plain_table
from exr_inspector.cli.output.terminal import output
from exr_inspector.report.words import plain
from vastdb_local import LocalVastDB

ROOT = Path(__file__).resolve().parents[3]
BUCKET = "samples"
SCHEMA = "exr_inspector"
TRY = "select path, compression, width, height from files where is_deep"
Row = dict[str, Any]
INSPECTED_COLUMNS = ("path", "width", "height", "compression", "channel_count", "pixel_types", "worst_severity")
FAILED_COLUMNS = ("path", "error_code", "error_message")


@click.command("demo")
@click.option(
    "--catalog",
    type=click.Path(dir_okay=False, path_type=Path),
    default=ROOT / ".local" / "demo.duckdb",
    show_default=".local/demo.duckdb",
    help="DuckDB file for the tables; created if missing.",
)
def command(catalog: Path) -> None:
    """Send events of the samples to the function, store rows in an embedded VAST DataBase, read them back and check them.

    Exit code 0 only if the rows of every sample are as expected. In a second run every file is unchanged.

    \b
    Examples:
      ./run demo
      ./run demo --catalog /tmp/trial.duckdb
    """
    if not (ROOT / "samples" / "expected.json").is_file():
        raise click.UsageError("the demo runs in a checkout of exr-inspector, which has main.py and samples/")
    console = output()
    catalog.parent.mkdir(parents=True, exist_ok=True)
    expected: Mapping[str, Row] = json.loads((ROOT / "samples" / "expected.json").read_text(encoding="utf-8"))
    with LocalVastDB(catalog) as database:
        config = CatalogConfig(database.endpoint, database.access_key, database.secret_key, database.bucket, SCHEMA)
        console.print(f"VAST DataBase (embedded): {database.endpoint}, data in {_short(catalog)}")
        with closing(Catalog(config)) as catalog_client:
            setup(catalog_client.connection)
        settings = {**config.environ, "EXR_MOUNTS": f"{BUCKET}={ROOT / 'samples'}", "EXR_STATS": "sampled"}
        function = load_function(ROOT)
        with LocalRuntime(function.init, function.handler, config=RuntimeConfig(secrets=settings)) as runtime:
            console.print(f"DataEngine runtime (local): {runtime.url}, function main.py\n")
            database.reset_counters()
            statuses, elapsed = _post_all(console, runtime, sorted(expected))
            requests = sum(database.counters().values())
        tables = _read_back(database)
    summary = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()))
    read = [row["requests"] for row in tables["inspections"][-len(expected) :] if row["requests"] is not None]
    console.print(f"{len(expected)} events in {elapsed:.1f} s: {summary}")
    console.print(
        f"one file took {sum(read) / max(1, len(read)):.1f} object requests (header, tables and sampled pixels)"
        f" and {requests / len(expected):.1f} database requests"
    )
    failed = [row for row in tables["files"] if row["status"] == "failed"]
    inspected = [row for row in tables["files"] if row["status"] != "failed"]
    incomplete = sum(row["is_complete"] is False for row in inspected)
    console.print(f"\n{len(inspected)} inspected, {incomplete} of them incomplete; three of their rows in `files`:")
    console.print(_rows_table(inspected[:: max(1, len(inspected) // 3)][:3], INSPECTED_COLUMNS))
    console.print(f"\n{len(failed)} cannot be read as OpenEXR, which their rows record:")
    console.print(_rows_table(failed, FAILED_COLUMNS))
    faults = list(unexpected(tables, expected))
    for fault in faults:
        console.print(Text(f"wrong: {fault}", style="bold red"))
    compared = "differ from" if faults else "equal"
    console.print(
        f"\nThe rows {compared} samples/expected.json; all of them: docs/demo.md. The tables are in {_short(catalog)}:"
    )
    console.print(f'  ./run query "{TRY}" --catalog {_short(catalog)}', soft_wrap=True)
    sys.exit(1 if faults else 0)


def _short(path: Path) -> str:
    resolved = path.resolve()
    return str(resolved.relative_to(Path.cwd())) if resolved.is_relative_to(Path.cwd()) else str(resolved)


def _post_all(console: Console, runtime: LocalRuntime, keys: Sequence[str]) -> tuple[Counter[str], float]:
    """Post one event for each key, and return how many results the handler returned by status, and the time in seconds."""
    started = time.perf_counter()
    for key in keys:
        answer = post_event(runtime.url, element_event(BUCKET, key))
        if answer.status != 204:
            console.print(Text(f"{key}: HTTP {answer.status} {plain(answer.body)}", style="bold red"))
    elapsed = time.perf_counter() - started
    results = [invocation.result for invocation in runtime.invocations]
    return Counter(str(result["status"]) if isinstance(result, dict) else "error" for result in results), elapsed


def _read_back(database: LocalVastDB) -> dict[str, list[Row]]:
    """The rows of the tables that the demo checks, read with the SDK."""
    session = vastdb.connect(endpoint=database.endpoint, access=database.access_key, secret=database.secret_key)
    wanted = {
        FILES.name: "path",
        PARTS.name: "part_index",
        CHANNELS.name: "channel_index",
        INSPECTIONS.name: "recorded_at",
    }
    with warnings.catch_warnings():
        # The SDK opens VAST's ADBC driver where it is installed, which warns that it cannot disable autocommit.
        warnings.filterwarnings("ignore", "Cannot disable autocommit")
        with session.transaction() as transaction:
            schema = transaction.bucket(database.bucket).schema(SCHEMA)
            rows = {name: schema.table(name).select().read_all().to_pylist() for name in wanted}
    return {name: sorted(found, key=lambda row: row[wanted[name]]) for name, found in rows.items()}


def _rows_table(rows: Sequence[Row], columns: Sequence[str]) -> Table:
    table = plain_table(*columns)
    for row in rows:
        table.add_row(*(Text(table_cell(row[column])) for column in columns))
    return table


def unexpected(tables: Mapping[str, Sequence[Row]], expected: Mapping[str, Row]) -> Iterator[str]:
    """Yield the differences between the rows and `samples/expected.json`, in words."""
    files = {row["path"]: row for row in tables["files"]}
    for path in sorted(set(files) - {f"{BUCKET}/{key}" for key in expected}):
        yield f"{path}: a row of a file that is not a sample"
    for key, want in expected.items():
        row = files.get(f"{BUCKET}/{key}")
        if row is None:
            yield f"{key}: no row"
            continue
        found = dict(row, parts=row["multipart_count"], channels=_channel_types(tables, row["file_id"]))
        for name, value in want.items():
            if value is not None and found[name] != value:
                yield f"{key}: {name}: found {found[name]!r}, expected {value!r}"


def _channel_types(tables: Mapping[str, Sequence[Row]], file_id: str) -> list[dict[str, str]]:
    parts = [row["part_index"] for row in tables["parts"] if row["file_id"] == file_id]
    return [
        {
            row["name"]: row["type"]
            for row in tables["channels"]
            if row["file_id"] == file_id and row["part_index"] == part
        }
        for part in sorted(parts)
    ]
