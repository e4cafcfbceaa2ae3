"""`./run db`: sets up and maintains the tables."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from exr_inspector.catalog.admin.repair import repair
from exr_inspector.catalog.admin.setup import SchemaReport, SetupOptions, check_tables, prune, require_good, setup
from exr_inspector.catalog.schema import DEFAULT_GUARDS
from exr_inspector.cli.catalog import open_tables
from exr_inspector.cli.commands.db_storage import below, namer, print_paths, reconcile_command, remove_command
from exr_inspector.cli.options import catalog_option, paths_option
from exr_inspector.cli.output.terminal import echo_error
from exr_inspector.cli.paths import ShownPaths
from exr_inspector.cli.program import SuggestingGroup, command_line
from exr_inspector.validation.rule import counted


@click.group("db", cls=SuggestingGroup)
def command() -> None:
    """Set up and maintain the tables of --catalog FILE, or of the database that VAST_DB_* name.

    \b
    Examples:
      ./run db setup
      ./run db check --catalog show.duckdb
      ./run db prune --keep-days 90 --dry-run
      ./run db repair --dry-run
      ./run db reconcile s3://renders/shot010/ --fix
      ./run db reconcile renders/ --catalog show.duckdb
      ./run db remove s3://old-show/
    """


def _show(report: SchemaReport) -> None:
    for line in report.changes:
        click.echo(f"created {line}")
    for line in report.differences:
        click.echo(line)
    for table in report.tables:
        if table.extra:
            click.echo(f"{table.name} has additional columns: {', '.join(table.extra)}")


@command.command("setup")
@click.option("--sort", is_flag=True, help="Also add sorting keys to unsorted tables (VAST 5.3.5 and newer).")
@click.option(
    "--projections", is_flag=True, help="Also create a projection by path of every large table (before VAST 5.3.5)."
)
@click.option(
    "--partition",
    is_flag=True,
    help="Partition a new table `files` by bucket (VAST 5.5), which costs four requests for each transaction.",
)
@click.option(
    "--guards",
    type=int,
    default=DEFAULT_GUARDS,
    show_default=True,
    help="Rows of `guards`, a power of two: more for more concurrent writers. Cannot be changed later.",
)
@catalog_option
def setup_command(*, sort: bool, projections: bool, partition: bool, guards: int, catalog: Path | None) -> None:
    """Create missing schemas, tables and columns. Changes nothing that exists, so it can be run repeatedly.

    \b
    Examples:
      ./run db setup
      ./run db setup --sort
      ./run db setup --catalog show.duckdb
    """
    options = SetupOptions(sort=sort, projections=projections, partition=partition, guards=guards)
    with open_tables(catalog, create=True, options=options) as tables:
        report = tables.set_up or setup(tables.connection, options)
        tables.keeps_file = True
    _show(report)
    click.echo(f"schema version {report.recorded_version}: {'created' if report.changes else 'nothing to do'}")


@command.command("check")
@catalog_option
def check_command(*, catalog: Path | None) -> None:
    """Compare the tables with those of this version. Changes nothing; exit code 2 when they differ.

    \b
    Example:
      ./run db check
    """
    with open_tables(catalog) as tables:
        report = check_tables(tables.connection)
        require_good(report)
    _show(report)
    click.echo(f"schema version {report.recorded_version}: all {len(report.tables)} tables are as expected")


@command.command("prune")
@click.option("--keep-days", type=click.FloatRange(min=0), required=True, help="Days to keep.")
@click.option("--dry-run", is_flag=True, help="Only count.")
@catalog_option
def prune_command(*, keep_days: float, dry_run: bool, catalog: Path | None) -> None:
    """Delete old rows of `inspections`. The rows of files remain.

    \b
    Example:
      ./run db prune --keep-days 90
    """
    with open_tables(catalog) as tables:
        count = prune(tables.connection, keep_days=keep_days, dry_run=dry_run, progress=echo_error)
    click.echo(f"{counted(count, 'row')} of inspections {'to delete' if dry_run else 'deleted'}")


@command.command("repair")
@click.argument("place", required=False, metavar="[FOLDER|s3://BUCKET/PREFIX]")
@click.option("--dry-run", is_flag=True, help="Only report.")
@catalog_option
@paths_option
def repair_command(*, place: str | None, dry_run: bool, catalog: Path | None, paths: ShownPaths) -> None:
    """Find and fix duplicate rows, orphaned rows, and incomplete files, in all tables or below one place. Writers may continue.

    \b
    Examples:
      ./run db repair --dry-run
      ./run db repair
      ./run db repair renders/sh010 --catalog show.duckdb
    """
    with open_tables(catalog) as tables:
        prefix, name_of = below(tables, place) if place else "", namer(tables, place or "s3://", paths)
        report = repair(tables.connection, prefix, dry_run=dry_run, progress=echo_error)
    click.echo(f"{report.files} rows of files examined")
    for count, what in (
        (report.duplicate_files, "duplicate rows of files"),
        (report.repeated_rows, "duplicate child rows"),
        (report.orphan_rows, "child rows without a file"),
        (report.duplicate_guards, "duplicate guard rows"),
        (len(report.incomplete_files), "files with missing rows, removed to be inspected again"),
    ):
        if count:
            click.echo(f"{'found' if dry_run else 'fixed'}: {count} {what}")
    print_paths("missing rows", report.incomplete_files, name_of, everything=True)
    if report.is_clean:
        click.echo("nothing to repair")
    elif report.incomplete_files and not dry_run:
        named = shlex.quote(place) if place else "PLACE"
        click.echo(f"inspect these files again: {command_line(f'db reconcile {named} --fix', catalog)}")


command.add_command(reconcile_command)
command.add_command(remove_command)
