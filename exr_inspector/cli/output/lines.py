"""Prints one line for each file, with columns of the table `files`: a table, CSV or JSON."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence

import click
from rich.text import Text

from exr_inspector.cli.output.terminal import echo_json, output
from exr_inspector.cli.paths import ShownPaths
from exr_inspector.documents import csv_cell, json_document
from exr_inspector.model import Inspection
from exr_inspector.storage import FILE_BUCKET
from exr_inspector.texts import did_you_mean, page

DEFAULT_FIELDS = (
    "path", "status", "width", "height", "compression", "channel_count", "pixel_types", "is_complete", "worst_severity",
)  # fmt: skip
NamedFile = tuple[str, Inspection]  # the name that the user gave


def fields_of(text: str | None) -> tuple[str, ...]:
    """The columns in a value of `--fields`; DEFAULT_FIELDS if it is None.

    Raises:
        click.UsageError: A column does not exist, or none is named.
    """
    if text is None:
        return DEFAULT_FIELDS
    from exr_inspector.catalog.schema import FILES  # noqa: PLC0415 - brings pyarrow

    fields = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in fields:
        if name not in FILES.arrow.names:
            hint = did_you_mean(name, FILES.arrow.names) or f"{page('tables')} lists the columns of `files`"
            raise click.UsageError(f"no column is called {name}: {hint}")
    if not fields:
        raise click.UsageError("--fields names no column")
    return fields


def print_lines(files: Iterable[NamedFile], fields: Sequence[str], form: str, paths: ShownPaths) -> None:
    """Print one line for each file: with the form `csv` or `json` one by one, with `table` at the end."""
    rows = _rows(files, fields, paths)
    if form == "json":
        for row in rows:
            echo_json(json_document(dict(zip(fields, row, strict=True))))
    elif form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(fields)
        for row in rows:
            writer.writerow(map(csv_cell, row))
    else:
        from exr_inspector.cli.output.query_formats import aligned_lines, table_cell  # noqa: PLC0415 - as above

        heading, *lines = aligned_lines(fields, [list(map(table_cell, row)) for row in rows])
        output().print(Text(heading, style="dim"), soft_wrap=True)
        for line in lines:
            click.echo(line)


def _rows(files: Iterable[NamedFile], fields: Sequence[str], paths: ShownPaths) -> Iterator[list[object]]:
    from exr_inspector.catalog.rows.plain import file_rows  # noqa: PLC0415 - as above

    for name, inspection in files:
        row = paths.row(file_rows(inspection)["files"][0])
        if inspection.bucket == FILE_BUCKET:  # a local file
            row["path"] = name
        yield [row[field] for field in fields]
