"""`./run watch`: keeps a catalog file up to date with a folder, until Ctrl-C."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from types import FrameType

import click
from watchfiles import Change, watch

from exr_inspector.cli.catalog import open_tables
from exr_inspector.cli.commands.ingest import BlockedNotice, exclude_option, targets_of, workers_option
from exr_inspector.cli.options import bucket_option, catalog_option, paths_option, stats_option, stored_policy_option
from exr_inspector.cli.output.text import unchecked_lines
from exr_inspector.cli.paths import ShownPaths
from exr_inspector.errors import CatalogConflict, CatalogUnavailable
from exr_inspector.ingest.progress import Progress
from exr_inspector.ingest.roots import record_roots, require_parts
from exr_inspector.ingest.run import Ingest, Target
from exr_inspector.ingest.watch import FolderWatch
from exr_inspector.model import StatsMode
from exr_inspector.report.words import plain
from exr_inspector.settings import GROUPS
from exr_inspector.storage import SourceOpener
from exr_inspector.sync.shard import IngestContext
from exr_inspector.texts import program_command

_TICK_MS = 500


@click.command("watch")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@catalog_option
@bucket_option
@exclude_option
@stats_option("watch")
@stored_policy_option
@workers_option
@click.option(
    "--poll",
    is_flag=True,
    help="Check every file every few seconds: for network shares, where writes of other machines raise no event.",
)
@paths_option
def command(
    *,
    folder: Path,
    catalog: Path | None,
    bucket: str | None,
    exclude: tuple[str, ...],
    stats: str | None,
    policy: str | None,
    workers: int,
    poll: bool,
    paths: ShownPaths,
) -> None:
    """Ingest a folder like ./run ingest, then every change, until Ctrl-C, which is its regular end (exit code 0).

    Files that were deleted before it was started lose their rows; those of FOLDER or a folder directly below it without OpenEXR
    files, which may be an unmounted share, keep them. A file is read once it has not changed for two seconds. Prints a line for
    every file that is stored or removed, for sequences with frames to render again, and when a sequence has all frames: those
    of the policy's range or of `check --frames`, or else of its first to its last one. What the database cannot store now is
    tried again. Meanwhile other commands can read the catalog file, through this process.

    \b
    Examples:
      ./run watch /mnt/show/renders --catalog show.duckdb
      ./run watch /mnt/show/renders --catalog show.duckdb --stats sampled --poll
    """
    ended = threading.Event()

    def print_line(path: str, what: str) -> None:
        click.echo(f"{time.strftime('%H:%M:%S')}  {plain(paths.stored(path), 1_000)}  {plain(what, 1_000)}")
        sys.stdout.flush()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    with open_tables(catalog, create=True, use=GROUPS) as tables:
        settings, (target,) = targets_of([str(folder)], tables.settings, bucket, exclude)
        require_parts(tables.roots, [target])
        settings = settings.changed(stats=stats or settings.stats, policy=policy or settings.policy)
        mount = settings.mounts[0]
        if catalog:
            record_roots(tables.connection, settings, {target.bucket}, named=bucket)
        with closing(SourceOpener(settings)) as opener:
            context = IngestContext.from_settings(settings, opener, tables.catalog, threads=workers)
            tables.keeps_file = True
            changes = _changes(folder.resolve(), ended, poll=poll)
            next(changes, None)  # starts watching, so that changes during the first run are seen
            if not any(mount.folder.iterdir()):
                print_line(target.bucket, "the folder is empty; waiting")
            while not any(mount.folder.iterdir()) and not ended.is_set():
                next(changes, None)
            progress = first_run(context, target, ended, print_line)
            if ended.is_set():
                sys.exit(0)
            for sentence in unchecked_lines(StatsMode(settings.stats)):
                print_line(target.bucket, sentence)
            watched = FolderWatch(context, target, mount, report=print_line)
            watched.validate(progress.directories)
            watched.catch_up(progress)
            follow(watched, changes, partial(print_line, target.bucket))
            context.close()
    sys.exit(0)


def _changes(folder: Path, ended: threading.Event, *, poll: bool) -> Iterator[set[tuple[Change, str]]]:
    """Yield the changes in a folder, also an empty set after a while without any, until `ended` is set."""
    return watch(
        folder,
        watch_filter=None,
        stop_event=ended,
        rust_timeout=_TICK_MS,
        yield_on_timeout=True,
        raise_interrupt=False,
        force_polling=poll or None,
        poll_delay_ms=2_000,
        recursive=True,
    )


def follow(
    watched: FolderWatch, changes: Iterable[Iterable[tuple[Change, str]]], report: Callable[[str], None]
) -> None:
    """Process changes until there are no more. What the database cannot store now is tried again after the next ones."""
    for found in changes:
        # A folder changes with each file in it, and the file is reported too.
        watched.changed(path for kind, path in found if kind is not Change.modified or not Path(path).is_dir())
        try:
            watched.settle()
        except (CatalogConflict, CatalogUnavailable) as error:
            report(f"{error.code}: {error}; tried again")


def first_run(
    context: IngestContext, target: Target, ended: threading.Event, print_line: Callable[[str, str], None]
) -> Progress:
    """Ingest the folder until `ended`, and print what could not be read, and the figures."""
    bucket = target.bucket
    blocked = BlockedNotice(lambda text: print_line(bucket, text))

    def observe(progress: Progress) -> None:
        blocked(progress)
        if ended.is_set():
            ingest.stop()

    ingest = Ingest(context, observe=observe)
    progress = ingest.run([target])
    for code, path, message in progress.examples:
        print_line(path, f"{code}: {message}")
    unread = sum(progress.errors.values())
    figures = [f"{progress.stored} stored", f"{progress.skipped} up to date"]
    figures += [f"{unread} could not be read"] * bool(unread)
    for policy, count in progress.other_policies.items():
        figures.append(
            f"{count} validated with policy {policy}, which {program_command('ingest --force')} validates again"
        )
    print_line(bucket, f"{', '.join(figures)}; {'stopped' if ended.is_set() else 'watching'}")
    return progress
