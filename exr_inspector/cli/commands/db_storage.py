"""`./run db reconcile` and `./run db remove`: compare the tables with storage, and remove rows of deleted files."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import click

from exr_inspector.catalog.admin.reconcile import (
    Comparison,
    ListedObject,
    compare,
    stored_versions,
    vast_catalog_objects,
)
from exr_inspector.catalog.outcomes import Removal
from exr_inspector.catalog.paths import names_bucket
from exr_inspector.cli.catalog import Tables, open_tables
from exr_inspector.cli.options import catalog_option, paths_option, stored_policy_option
from exr_inspector.cli.output.terminal import echo_error
from exr_inspector.cli.paths import ShownPaths
from exr_inspector.cli.program import command_line
from exr_inspector.delivery.files import require_place
from exr_inspector.errors import ArgumentError, BucketMissing, NothingMatches, SourceError
from exr_inspector.ingest.roots import forget_roots
from exr_inspector.model import EventInfo
from exr_inspector.report.words import plain
from exr_inspector.settings import GROUPS, Mount, View, local_path
from exr_inspector.storage import ObjectEntry, SourceOpener, is_exr
from exr_inspector.storage.client_views import ClientViews
from exr_inspector.storage.file_system import require_folder
from exr_inspector.storage.keys import AllowList, split_url
from exr_inspector.sync.figures import Figures
from exr_inspector.sync.sequences import outdated_folders, validate_folders
from exr_inspector.sync.shard import IngestContext
from exr_inspector.sync.window import (
    WINDOW,
    Synced,
    Timing,
    Unlisted,
    remove_rows,
    store_settled,
    store_unreadable,
    trusted_absence,
)
from exr_inspector.validation.policies.source import PolicySource
from exr_inspector.validation.rule import counted

_BATCH = 100  # files inspected and stored in one transaction
_THREADS = 8  # objects read at the same time
_MANY_ROWS, _MANY_SHARE = 10, 0.1  # ask before the removal of at least so many rows, and this share of all rows
_SHOWN = 20  # paths printed of each kind without --all


@click.command("reconcile")
@click.argument("place", metavar="FOLDER|s3://BUCKET/PREFIX")
@click.option(
    "--fix",
    is_flag=True,
    help="Inspect files without a current row, remove rows of deleted files, and validate their sequences.",
)
@click.option("--yes", is_flag=True, help="Do not ask before many rows are removed.")
@click.option("--all", "everything", is_flag=True, help=f"Print every path, not the first {_SHOWN} of a kind.")
@click.option(
    "--vast-catalog",
    "root",
    metavar="PATH",
    help="Take the listing from the cluster's VAST Catalog; PATH is the path of the bucket's view.",
)
@stored_policy_option
@catalog_option
@paths_option
def reconcile_command(
    place: str,
    *,
    fix: bool,
    yes: bool,
    everything: bool,
    root: str | None,
    policy: str | None,
    catalog: Path | None,
    paths: ShownPaths,
) -> None:
    """Compare storage with the tables: objects without a row, rows without an object, stale rows.

    A local folder must be one that `./run ingest` stored in the catalog file, or inside a folder of EXR_MOUNTS or EXR_VIEWS.

    Exit code 0 when they agree or were fixed, 1 when they differ or a file could not be listed or inspected: it is named, and
    the others are processed. Exit code 2 when a share is not mounted, or the store does not answer. --fix asks before it
    removes all rows, ten or more that are a tenth of them, or those of a folder in which no OpenEXR file is left.

    \b
    Examples:
      ./run db reconcile s3://renders/shot010/
      ./run db reconcile s3://renders/shot010/ --fix
      ./run db reconcile s3://renders/ --vast-catalog /studio/renders
      ./run db reconcile renders/sh010 --catalog show.duckdb --fix
    """
    figures, unlisted = Figures(), Unlisted()
    with open_tables(catalog, need=() if catalog else ("objects",), use=GROUPS) as tables:
        prefix, name_of = below(tables, place), namer(tables, place, paths)
        settings = tables.settings.changed(policy=policy or tables.settings.policy)
        with _advising_removal(place, catalog), closing(SourceOpener(settings)) as opener:
            _require_folders(tables, prefix)
            listed = (
                vast_catalog_objects(tables.connection, prefix, _view(tables, prefix, root))
                if root
                else _listed(opener, prefix, figures, unlisted)
            )
            comparison = compare(listed, stored_versions(tables.connection, prefix))
            comparison, hidden = _without_unknown(comparison, unlisted, _allowed(tables))
            unread = unlisted.take_files()
            if not (comparison.listed or comparison.stored or names_bucket(place)):
                require_place(place)
            _print_comparison(comparison, hidden, name_of, everything=everything)
            if fix:
                with closing(
                    IngestContext.from_settings(settings, opener, tables.catalog, threads=_THREADS, force=True)
                ) as context:
                    if not yes:
                        _ask_before_removing(comparison, prefix, context)
                    _fix(comparison, unread, context, figures, prefix)
    for code, path, message in figures.examples:
        click.echo(f"{code}: {name_of(path)}: {plain(message, 1_000)}")
    if comparison.is_equal and not figures.errors:
        click.echo("storage and tables agree")
    elif not (comparison.is_equal or fix):
        click.echo(f"to make them agree: {command_line(f'db reconcile {shlex.quote(place)} --fix', catalog)}")
    if figures.errors or not (comparison.is_equal or fix):
        sys.exit(1)


def _without_unknown(comparison: Comparison, unlisted: Unlisted, allowed: AllowList) -> tuple[Comparison, int]:
    """The comparison without rows whose files could not be listed or are excluded, and the number of those excluded."""
    admitted = [path for path in comparison.without_object if allowed.admits(*path.split("/", 1))]
    kept = tuple(path for path in admitted if path not in unlisted)
    return replace(comparison, without_object=kept), len(comparison.without_object) - len(admitted)


def _print_comparison(comparison: Comparison, hidden: int, name_of: Callable[[str], str], *, everything: bool) -> None:
    click.echo(f"{comparison.listed} objects, {comparison.stored} rows")
    if hidden:
        click.echo(f"{counted(hidden, 'row')} not compared: EXR_ALLOWED_PREFIXES excludes the files")
    print_paths("no row", [item.path for item in comparison.without_row], name_of, everything=everything)
    print_paths("stale row", [item.path for item in comparison.stale], name_of, everything=everything)
    print_paths("no object", comparison.without_object, name_of, everything=everything)


@click.command("remove")
@click.argument("place", metavar="FOLDER|s3://BUCKET/PREFIX")
@click.option("--yes", is_flag=True, help="Do not ask.")
@catalog_option
def remove_command(place: str, *, yes: bool, catalog: Path | None) -> None:
    """Remove the rows of files that were deleted for good together with their folder, share or bucket.

    A folder that is missing or contains no OpenEXR file may also be a share that is not mounted, so `reconcile` keeps the rows
    of its files. This command removes them, after a question. It refuses while an OpenEXR file is there, and while that is not
    known, for example because a folder may not be entered. The name of a bucket without rows is free for another folder.

    \b
    Examples:
      ./run db remove s3://old-show/
      ./run db remove renders/sh010 --catalog show.duckdb
    """
    with open_tables(catalog, need=() if catalog else ("objects",), use=GROUPS) as tables:
        prefix = below(tables, place)
        outer, inner = _roots(tables, prefix)
        paths = list(dict.fromkeys(row.path for row in stored_versions(tables.connection, prefix)))
        is_root = outer is not None and f"{outer.bucket}/{outer.prefix}" == prefix
        if not (paths or inner or is_root):
            raise NothingMatches(f"{place}: the tables have no rows of files below it")
        _refuse_listed(tables, prefix, place, catalog)
        if paths and not yes:
            _confirm(f"the rows of {counted(len(paths), 'file')} below {place}, of which none is there")
        for start in range(0, len(paths), WINDOW):
            tables.catalog.remove_all(
                [Removal(path, EventInfo(), is_seen=True) for path in paths[start : start + WINDOW]]
            )
        folders = {path.rpartition("/")[0] for path in paths} | outdated_folders(tables.connection, prefix)
        for _ in validate_folders(tables.connection, folders, PolicySource.from_settings(tables.settings).current()):
            pass
        is_removed = outer is not None and (is_root or _is_missing(outer))
        forget_roots(tables.connection, [*inner, *([outer] if outer and is_removed else [])])
    click.echo(f"rows of {counted(len(paths), 'file')} removed")


def _refuse_listed(tables: Tables, prefix: str, place: str, catalog: Path | None) -> None:
    """Return if no file is listed below a prefix, or its bucket or folder is gone.

    Raises:
        ArgumentError: A file is listed.
        SourceError: It is not known whether files are there.
    """
    bucket, _, key = prefix.partition("/")
    _allowed(tables).check(bucket, key)
    outer, inner = _roots(tables, prefix)
    parts = [root for root in inner if not _is_missing(root)]
    starts = [root.prefix for root in parts] if outer and _is_missing(outer) else [key]
    with closing(SourceOpener(tables.settings)) as opener:
        for found in filter(None, (opener.any_exr(bucket, start) for start in starts)):
            part = next((root for root in parts if found.startswith(root.prefix)), None)
            there = f"s3://{bucket}/{part.prefix}" if part else place
            raise ArgumentError(
                f"{there}: files are there; to remove the rows of those that are not: "
                f"{command_line(f'db reconcile {shlex.quote(there)} --fix', catalog)}"
            )


def _allowed(tables: Tables) -> AllowList:
    return AllowList(tables.settings.allowed_buckets, tables.settings.allowed_prefixes)


def _is_missing(root: Mount) -> bool:
    """Whether the folder of a bucket does not exist.

    Raises:
        BucketUnavailable: It is not known.
    """
    try:
        require_folder(root.folder, root.place)
    except BucketMissing:
        return True
    return False


def _roots(tables: Tables, prefix: str) -> tuple[Mount | None, list[Mount]]:
    """The local folder that contains the files with a prefix, and the folders of parts of them."""
    bucket, _, key = prefix.partition("/")
    roots = sorted((root for root in tables.roots if root.bucket == bucket), key=lambda root: len(root.prefix))
    outer = next((root for root in reversed(roots) if key.startswith(root.prefix)), None)
    return outer, [root for root in roots if root is not outer and root.prefix.startswith(key)]


def _require_folders(tables: Tables, prefix: str) -> None:
    """Return if the local folders of the files with a prefix exist: a missing folder is not an empty one.

    Raises:
        BucketUnavailable: One does not, or cannot be opened.
    """
    outer, inner = _roots(tables, prefix)
    for root in filter(None, (outer, *inner)):
        require_folder(root.folder, root.place)


@contextmanager
def _advising_removal(place: str, catalog: Path | None) -> Iterator[None]:
    """Say how to remove the rows if a bucket or folder is not there because it was deleted."""
    try:
        yield
    except BucketMissing as error:
        advice = command_line(f"db remove {shlex.quote(place)}", catalog)
        raise BucketMissing(
            f"{error}{'' if str(error).endswith('?') else '.'} Rows of files that are not there stay; "
            f"if these were deleted for good: {advice}"
        ) from error


def _ask_before_removing(comparison: Comparison, prefix: str, context: IngestContext) -> None:
    """Ask before rows are removed although a missing share or an incomplete listing may be the cause.

    Raises:
        SourceError: The share is not mounted, or the store does not answer.
    """
    paths, opener = comparison.without_object, context.opener
    if not paths:
        return
    try:
        opener.head(*paths[0].split("/", 1))
    except SourceError as error:
        if error.retryable:
            raise
    rows = f"{len(paths)} of {comparison.stored} rows, whose files are not listed"
    if len(paths) == comparison.stored or len(paths) >= max(_MANY_ROWS, comparison.stored * _MANY_SHARE):
        _confirm(rows)
        return
    away: list[str] = []
    bucket, _, key = prefix.partition("/")
    folder = key[: key.rfind("/") + 1]
    folders = opener.folders(bucket, folder)
    is_trusted = trusted_absence(context, bucket, folder, folders, report=lambda path, _: away.append(path))
    if not all(is_trusted(path) for path in paths):
        _confirm(f"{rows}; no OpenEXR file is left in {away[0]}, perhaps since a share is not mounted")


def _confirm(rows: str) -> None:
    """Ask whether to remove rows.

    Raises:
        ArgumentError: Nobody can answer.
    """
    if not sys.stdin.isatty():
        raise ArgumentError(f"nothing was removed: there are {rows}; if these files were deleted, confirm with --yes")
    click.confirm(f"Remove {rows}?", abort=True)


def below(tables: Tables, place: str) -> str:
    """The prefix of paths of a place in one bucket: `s3://shots` does not include the bucket `shots2`.

    A local place that is no file, and never was one, is a folder, also if it is gone: `renders/sh1` does not include
    `renders/sh10`.
    """
    prefix = tables.prefix(place)
    if not prefix.partition("/")[0]:
        raise click.UsageError("name a folder, or a bucket: s3://bucket/prefix")
    if names_bucket(place) or local_path(place).is_file() or tables.catalog.stored_at([prefix]):
        return prefix if "/" in prefix else f"{prefix}/"
    return f"{prefix.rstrip('/')}/"


def _view(tables: Tables, prefix: str, root: str) -> View:
    """The view at a path of the cluster; one that EXR_VIEWS names arrives as the URL that it stands for.

    Raises:
        SettingsError: The view is one of another bucket.
    """
    bucket = prefix.partition("/")[0]
    named = split_url(root.rstrip("/"))
    if named is None:
        return View(root.rstrip("/"), bucket)
    below = f"{named[1]}/" if named[1] else ""
    cluster = ClientViews(tables.settings.views).to_cluster(named[0], below)
    if cluster is None or named[0] != bucket:
        raise ArgumentError(f"--vast-catalog: expected the path of a view of bucket {bucket}, found {cluster or root}")
    return View(cluster.rstrip("/"), bucket, below)


def namer(tables: Tables, place: str, paths: ShownPaths) -> Callable[[str], str]:
    """The function that names stored paths as the place was named: as URLs or as local files, or as `--paths` says."""
    roots = [] if names_bucket(place) or paths.form else sorted(tables.roots, key=lambda root: -len(root.prefix))
    mounts = [(root, root.folder.is_dir()) for root in roots]

    def name_of(path: str) -> str:
        bucket, _, key = path.partition("/")
        is_in_it = ((each, there) for each, there in mounts if each.bucket == bucket and key.startswith(each.prefix))
        mount, is_there = next(is_in_it, (None, False))
        name = f"{mount.folder}/{key.removeprefix(mount.prefix)}" if mount and is_there else paths.named(f"s3://{path}")
        return plain(name, len(name))  # keys may have control codes for the terminal

    return name_of


def print_paths(what: str, found: Sequence[str], name_of: Callable[[str], str], *, everything: bool) -> None:
    """Print the first paths of one kind, or all."""
    shown = found if everything else found[:_SHOWN]
    for path in shown:
        click.echo(f"{what}: {name_of(path)}")
    if len(shown) < len(found):
        click.echo(f"{what}: and {len(found) - len(shown)} more (--all prints them)")


def _listed(opener: SourceOpener, prefix: str, figures: Figures, unlisted: Unlisted) -> Iterator[ListedObject]:
    bucket, _, rest = prefix.partition("/")

    def report(path: str, error: SourceError) -> None:
        figures.add_error(type(error).code, path, str(error))

    for entry in opener.list(bucket, rest, report=unlisted.recording(report)):
        if is_exr(entry.key):
            yield ListedObject(f"{bucket}/{entry.key}", entry.version)


def _fix(
    comparison: Comparison,
    unread: Sequence[tuple[str, SourceError]],
    context: IngestContext,
    figures: Figures,
    prefix: str,
) -> None:
    """Inspect files without a current row, remove rows of deleted files, and validate the sequences that changed.

    A file that fails affects no other.
    """
    wanted = [*comparison.without_row, *comparison.stale]
    done = Synced()
    for start in range(0, len(wanted), _BATCH):
        batch = wanted[start : start + _BATCH]
        changed = [(ObjectEntry(item.path.partition("/")[2], item.version), item.version.mtime) for item in batch]
        done.merge(store_settled(context, batch[0].path.partition("/")[0], changed, {}, Timing()))
        echo_error(f"{done.figures.stored} of {len(wanted)} stored")
    done.merge(remove_rows(context, comparison.without_object, Timing()))
    done.merge(store_unreadable(context, unread))
    connection = context.catalog.connection
    folders = done.directories | outdated_folders(connection, prefix)
    sequences = sum(len(checked.sequences) for checked in validate_folders(connection, folders, context.policy))
    if unread or not comparison.is_equal:
        click.echo(f"{counted(done.figures.stored, 'file')} stored, rows of {counted(done.removed, 'file')} removed")
    if folders:
        click.echo(f"{counted(sequences, 'sequence')} in {counted(len(folders), 'folder')} validated")
    figures.merge(done.figures)
