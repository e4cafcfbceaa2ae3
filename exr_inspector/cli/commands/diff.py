"""`./run diff`: compares two files, two sequences frame by frame, or files with their rows."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from exr_inspector.cli.options import paths_option, rows_catalog_option
from exr_inspector.cli.output.progress import UntilInterrupt
from exr_inspector.cli.output.terminal import echo_json, output
from exr_inspector.cli.paths import ShownPaths
from exr_inspector.cli.program import INTERRUPTED
from exr_inspector.delivery.diff import FileDiff, PartDiff
from exr_inspector.library.diffing import diff
from exr_inspector.pixels.comparing import ChannelDiff
from exr_inspector.report.words import figure, plain
from exr_inspector.settings import DATABASE, OBJECTS, PIXELS, READING
from exr_inspector.validation.rule import counted

_RESULTS = ("the same", "different", "trouble")  # by exit code


@click.command("diff")
@click.argument("one", metavar="A")
@click.argument("other", metavar="[B]", required=False)
@click.option(
    "--threshold", type=click.FloatRange(min=0), help="Samples that differ by no more are the same.  [default: 0]"
)
@click.option(
    "--picture",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUT.webp|OUT.png",
    help="Write a picture of the absolute differences of two files, scaled; needs Pillow.",
)
@click.option("--pixels", is_flag=True, help="Compare pixels only, no attributes.")
@rows_catalog_option
@click.option(
    "--stored",
    is_flag=True,
    help="Compare A with its rows: those of --catalog, which implies it, or of the database of VAST_DB_*.",
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@paths_option
def command(
    one: str,
    other: str | None,
    *,
    threshold: float | None,
    picture: Path | None,
    pixels: bool,
    catalog: Path | None,
    stored: bool,
    form: str,
    paths: ShownPaths,
) -> None:
    """Compare two OpenEXR files: attributes, windows, channels, compression, and every sample of the first level.

    A and B are files or s3:// URLs; patterns, whose files are compared frame by frame; or folders, name by name, whatever
    the versions in the names (v001); a file or pattern beside a folder is compared with the files of its names there. Files
    in several folders that match a pattern ('v1/*/*.exr') are paired by their path below it. Both are read in place, some
    rows at a time. The errors are those of finite samples; a NaN or an infinity beside another value counts as different,
    two NaNs do not.

    --picture shows the layer that a thumbnail of A shows, at most 1024 pixels wide and high: each pixel is the mean of the
    absolute differences there, times the factor that makes the largest white. Magenta could not be compared, or is a NaN or an
    infinity beside another value.

    With --catalog or --stored, A alone is given: a file, pattern, folder or URL, compared with its rows as they were stored.
    Where these hold hashes or statistics of all pixels, each file is read in full and its own are compared with them.

    Exit code 0 when nothing differs, 1 when something does, 2 when a file or some of its chunks could not be read, when a file
    has no rows, or rows of a folder have no file, 130 after Ctrl-C.

    \b
    Examples:
      ./run diff samples/compression_zip.exr samples/compression_dwaa.exr --pixels
      ./run diff 'v001/beauty.####.exr' 'v002/beauty.####.exr' --threshold 0.001
      ./run diff render.exr s3://archive/render.exr --format json
      ./run diff samples/compression_zip.exr samples/compression_dwaa.exr --picture difference.png
      ./run diff renders/sh010/ --catalog show.duckdb
    """
    from_rows = stored or catalog is not None
    _refuse_combinations(from_rows, other, threshold, picture)
    counts = Counter[str]()
    worst = partial = 0
    sides = ("the file", "the rows") if from_rows else ("the first file", "the second file")
    with (
        _from_rows(one, catalog, paths, header=not pixels)
        if other is None
        else nullcontext(diff(one, other, threshold=threshold or 0.0, header=not pixels, picture=picture))
    ) as results:
        until_stopped = UntilInterrupt(results)
        for found in until_stopped:
            counts[_RESULTS[found.exit_code]] += 1
            worst = max(worst, found.exit_code)
            partial += any(part.unchecked for part in found.parts)
            shown = replace(found, one=paths.named(found.one))
            if not from_rows:
                shown = replace(shown, other=paths.named(found.other))
            if form == "json":
                echo_json(shown.to_json())
            else:
                _print(shown, output(), sides)
    if until_stopped.is_interrupted:
        click.echo(f"stopped: {counted(counts.total(), 'pair')} compared until then", err=True)
        worst = INTERRUPTED
    elif counts.total() > 1 and form == "text":
        numbers = ", ".join(f"{counts[result]} {result}" for result in _RESULTS if counts[result])
        unchecked = f"; {partial} of them compared in part (see above)" if partial else ""
        click.echo(f"{counted(counts.total(), 'pair')}: {numbers}{unchecked}")
    sys.exit(worst)


def _refuse_combinations(from_rows: bool, other: str | None, threshold: float | None, picture: Path | None) -> None:
    """Raise a usage error for arguments that exclude each other, or lack another one."""
    if from_rows and other is not None:
        raise click.UsageError("--catalog and --stored compare A with its rows: leave out B")
    if threshold is not None and math.isnan(threshold):
        raise click.BadParameter("NaN is no threshold: nothing differs by more", param_hint="--threshold")
    if from_rows and threshold is not None:
        raise click.UsageError("--threshold is for samples, but rows hold hashes and statistics: leave out --threshold")
    if from_rows and picture is not None:
        raise click.UsageError("--picture shows pixels of two files, but rows hold none: give B in place of rows")
    if not from_rows and other is None:
        raise click.UsageError("name what to compare A with: B, or its rows by --catalog FILE")


@contextmanager
def _from_rows(target: str, catalog: Path | None, paths: ShownPaths, *, header: bool) -> Iterator[Iterator[FileDiff]]:
    # Imported here, since importing the vastdb SDK takes most of a second.
    from exr_inspector.catalog.read.reader import Reader  # noqa: PLC0415
    from exr_inspector.cli.catalog import open_tables  # noqa: PLC0415
    from exr_inspector.library.stored import diff_catalog  # noqa: PLC0415

    with open_tables(catalog, use=(DATABASE, OBJECTS, READING, PIXELS)) as tables:
        read, settings = Reader(tables.connection), tables.settings
        yield diff_catalog(read, settings, target, tables.prefix, header=header, shown=paths.stored)


def _print(found: FileDiff, console: Console, sides: tuple[str, str]) -> None:
    result = _RESULTS[found.exit_code]
    style = ("green", "yellow", "bold red")[found.exit_code]
    title = Text(f"{plain(found.one, 400)}  {plain(found.other, 400)}  ").append(result, style=style)
    console.print(title, soft_wrap=True)
    for line in _lines(found, sides):
        console.print(Text(f"  {plain(line, 600)}"), soft_wrap=True)
    for item in found.attributes:
        if item.name == "channels" and item.one == item.other:
            continue  # other types, which the lines above name
        where = f"part {item.part}  " if len(found.parts) > 1 else ""
        values = " | ".join("-" if value is None else plain(value) for value in (item.one, item.other))
        console.print(Text(f"  {plain(where + item.name)}: {values}"), soft_wrap=True)
    for part in found.parts:
        if any(map(_differs, part.channels)):
            console.print(_table(part, len(found.parts) > 1))
    if found.picture:
        console.print(Text(f"  {plain(found.picture, 1_000)}"), soft_wrap=True)


def _lines(found: FileDiff, sides: tuple[str, str]) -> Iterator[str]:
    if found.trouble:
        yield found.trouble
    yield from (f"part {name} is only in {sides[0]}" for name in found.only_one)
    yield from (f"part {name} is only in {sides[1]}" for name in found.only_other)
    if not found.parts and not found.trouble:
        yield "no pixel was compared, since the files have no part in common"
    for part in found.parts:
        where = f"part {part.part}: " if len(found.parts) > 1 else ""
        yield from (f"{where}channel {name} is only in {sides[0]}" for name in part.only_one)
        yield from (f"{where}channel {name} is only in {sides[1]}" for name in part.only_other)
        yield from (f"{where}{line}" for line in (*part.notes, *part.unchecked, *part.faults))
        if not found.is_same and part.channels and not part.faults and not any(map(_differs, part.channels)):
            yield f"{where}no pixel differs: {counted(len(part.channels), 'channel')} compared"


def _differs(channel: ChannelDiff) -> bool:
    return channel.differing > 0


def _table(part: PartDiff, is_named: bool) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 2), title=f"part {plain(part.part)}" if is_named else None)
    counts = ("differ", "over", *["NaN/inf"] * any(channel.unlike for channel in part.channels))
    for name in ("channel", *counts, "max error", "at", "mean error", "rms", "relative", "HALF steps"):
        table.add_column(name, justify="left" if name == "channel" else "right")
    for one in part.channels:
        if _differs(one):
            at = "-" if one.max_at is None else f"{one.max_at[0]}, {one.max_at[1]}"
            figures = map(figure, (one.max_error, one.mean_error, one.rms_error, one.max_relative))
            largest, mean, rms, relative = figures
            steps = "-" if one.max_ulp is None else figure(one.max_ulp)
            numbers = map(figure, (one.differing, one.over, one.unlike)[: len(counts)])
            table.add_row(plain(one.channel), *numbers, largest, at, mean, rms, relative, steps)
    return table
