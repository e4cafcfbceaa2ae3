"""`./run report`: writes a delivery as an HTML page, from its files or from the tables."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click
from click.core import ParameterSource

from exr_inspector.cli.options import frames_option, paths_option, policy_option, rows_catalog_option, stats_option
from exr_inspector.cli.output.progress import progress_bar
from exr_inspector.cli.output.text import unchecked_lines
from exr_inspector.cli.paths import ShownPaths
from exr_inspector.cli.program import INTERRUPTED
from exr_inspector.library.reading import Stats
from exr_inspector.library.reporting import write_report, write_stored_report
from exr_inspector.model import StatsMode
from exr_inspector.report.words import human_bytes, plain
from exr_inspector.settings import local_path
from exr_inspector.validation.rule import counted


@click.command("report")
@click.argument("targets", nargs=-1, metavar="FOLDER|PATTERN|FILE|S3_URL...")
@click.option("--to", required=True, type=click.Path(path_type=Path), metavar="FILE.html|FOLDER", help="What to write.")
@frames_option
@policy_option
@stats_option("report")
@rows_catalog_option
@click.option(
    "--stored",
    is_flag=True,
    help="Show rows instead of reading files: those of --catalog, which implies it, or of the database of VAST_DB_*.",
)
@paths_option
def command(
    targets: Sequence[str],
    *,
    to: Path,
    frames: str | None,
    policy: str,
    stats: Stats | None,
    catalog: Path | None,
    stored: bool,
    paths: ShownPaths,
) -> None:
    """Write a delivery as one HTML page: frames, findings, curves over the frames, and a contact sheet.

    The page is one file that needs no network and can be sent by mail. A file that ends in .html holds all sequences; a folder
    gets an index.html and a page for each. With --catalog, it shows what the tables hold, of all sequences or of those named,
    as they were validated, and reads no file.

    Exit code 0 when the page is written, whatever it says (`check` has exit codes for what was found); 2 when it is not, or
    when something could not be read, now or when its rows were stored, which the page names.

    \b
    Examples:
      ./run report renders/sh010/ --to sh010.html
      ./run report 'renders/sh010/beauty_####.exr' --frames 1001-1060 --to beauty.html
      ./run report s3://renders/sh010/ --to reports/
      ./run report --catalog show.duckdb --to reports/
      ./run report --catalog show.duckdb 's3://renders/sh010/beauty.####.exr' --to beauty.html
    """
    from_rows = stored or catalog is not None
    if not from_rows and not targets:
        raise click.UsageError("name a folder, a pattern or a URL, or show rows by --catalog FILE")
    given = click.get_current_context().get_parameter_source
    read = [f"--{name}" for name in ("frames", "policy", "stats") if given(name) is ParameterSource.COMMANDLINE]
    if from_rows and read:
        raise click.UsageError(
            f"{read[0]} is for reading files, but --catalog and --stored show findings as they were stored"
        )
    try:
        said, is_partial = (
            _from_rows(targets, to, catalog, paths)
            if from_rows
            else _from_files(targets, to, frames, policy, stats or "full", paths=paths)
        )
    except KeyboardInterrupt:
        click.echo("stopped: nothing was written; run the command again", err=True)
        sys.exit(INTERRUPTED)
    page = to / "index.html" if to.is_dir() else to
    around = [target for target in targets if local_path(target).resolve() in page.resolve().parents]
    if around and not from_rows:
        click.echo(f"{page} lies in {around[0]}: the next check names it as a file that is no OpenEXR file", err=True)
    click.echo(f"{page}: {said}, {human_bytes(page.stat().st_size)}")
    for sentence in () if from_rows else unchecked_lines(StatsMode(stats or "full")):
        click.echo(sentence)
    sys.exit(2 if is_partial else 0)


def _from_files(
    targets: Sequence[str],
    to: Path,
    frames: str | None,
    policy: str,
    stats: Stats,
    *,
    paths: ShownPaths,
) -> tuple[str, bool]:
    """Write the report; return what it covers in words, and whether something could not be read, which is printed."""
    with progress_bar("checking") as show:
        done = write_report(targets, to, frames=frames, stats=stats, policy=policy, progress=show, shown=paths.named)
    for target, reason in done.faults:
        click.echo(f"{plain(paths.named(target), 400)}: {plain(reason, 1_000)}", err=True)
    _print_unread(done.unread)
    return done.words, bool(done.faults or done.unread)


def _print_unread(files: int) -> None:
    if files:
        named = "it" if files == 1 else "them"
        click.echo(f"{counted(files, 'file')} could not be read, wholly or in part: the page names {named}", err=True)


def _from_rows(targets: Sequence[str], to: Path, catalog: Path | None, paths: ShownPaths) -> tuple[str, bool]:
    """As `_from_files`."""
    from exr_inspector.cli.catalog import open_tables  # noqa: PLC0415 - imports the vastdb SDK

    with open_tables(catalog) as tables, progress_bar("reading rows") as show:
        prefixes = [tables.prefix(target) for target in targets] or [""]
        done = write_stored_report(tables.connection, prefixes, to, show, paths.stored)
    _print_unread(done.unread)
    return counted(done.sequences, "sequence"), bool(done.unread)
