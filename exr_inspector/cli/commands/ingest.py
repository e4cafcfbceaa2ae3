"""`./run ingest`: inspects all files below folders or prefixes and stores their rows, with a display of the progress."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from types import FrameType

import click
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressDisplay
from rich.table import Table
from rich.text import Text

from exr_inspector.catalog import Catalog
from exr_inspector.catalog.sdk.connection import Connection
from exr_inspector.cli.catalog import open_tables
from exr_inspector.cli.options import bucket_option, catalog_option, paths_option, stats_option, stored_policy_option
from exr_inspector.cli.output.terminal import output
from exr_inspector.cli.output.text import unchecked_lines
from exr_inspector.cli.paths import ShownPaths
from exr_inspector.cli.program import command_line
from exr_inspector.delivery.files import require_name, require_place
from exr_inspector.delivery.patterns import fixed_folder, is_pattern
from exr_inspector.delivery.sequences import CheckedSequence
from exr_inspector.errors import ArgumentError, CatalogError, NothingMatches
from exr_inspector.ingest.engines import Engine, PoolEngine, RayEngine, cores
from exr_inspector.ingest.progress import Progress
from exr_inspector.ingest.roots import record_roots, require_parts
from exr_inspector.ingest.run import Ingest, Listing, Target
from exr_inspector.ingest.worker import WorkerConfig
from exr_inspector.model import Severity, StatsMode
from exr_inspector.report.words import plain
from exr_inspector.settings import GROUPS, Mount, Settings, local_path
from exr_inspector.storage import DEFAULT_EXCLUDES, SourceOpener, is_exr
from exr_inspector.storage.client_views import ClientViews
from exr_inspector.storage.keys import file_key
from exr_inspector.storage.mounts import key_of, mount_of
from exr_inspector.sync.sequences import outdated_folders, validate_folders
from exr_inspector.sync.shard import IngestContext
from exr_inspector.validation import Policy
from exr_inspector.validation.policies.source import PolicySource
from exr_inspector.validation.rule import counted

_SIGNAL_EXIT_BASE = 128  # exit code of a program that a signal ended: this plus the number of the signal
_LISTED = 12  # lines of each part of the summary


force_option = click.option("--force", is_flag=True, help="Inspect unchanged files as well, and replace their rows.")
workers_option = click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=8,
    show_default=True,
    help="Files read at the same time, by all processes together: more for a slow store, fewer for a busy one.",
)
exclude_option = click.option(
    "--exclude",
    multiple=True,
    metavar="PATTERN",
    help="Folder names to exclude (*, ?, [abc]), besides snapshots and trash; may be repeated.",
)
places_argument = click.argument("places", nargs=-1, required=True, metavar="PATH_OR_S3_URL...")


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Options of a run, besides its places and its catalog.

    Attributes:
        workers: Number of files read at the same time.
        force: Whether to inspect unchanged files too.
        paths: How paths are printed.
        engine: `local` or `ray`.
        stats: Value of `--stats`.
        policy: Value of `--policy`.
        validates_sequences: Whether to validate sequences; False if the run does not see all files of a folder.
        bucket: Value of `--bucket`.
        place: The place to name in advice.
        nothing: The message if there are no files.
    """

    workers: int
    force: bool
    paths: ShownPaths
    engine: str = "local"
    stats: str | None = None
    policy: str | None = None
    validates_sequences: bool = True
    bucket: str | None = None
    place: str = "PLACE"
    nothing: str = "no EXR files were found there"


@click.command("ingest")
@places_argument
@catalog_option
@bucket_option
@exclude_option
@stats_option("ingest")
@stored_policy_option
@workers_option
@force_option
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Where files are inspected: in processes of this machine, or in tasks of a Ray cluster (RAY_ADDRESS).",
)
@paths_option
def command(
    *,
    places: Sequence[str],
    catalog: Path | None,
    bucket: str | None,
    exclude: tuple[str, ...],
    stats: str | None,
    policy: str | None,
    workers: int,
    force: bool,
    engine: str,
    paths: ShownPaths,
) -> None:
    """Inspect new and changed EXR files below folders or prefixes, and store their rows.

    Unchanged files are skipped without being read, so an interrupted run can be restarted. The first Ctrl-C finishes and stores
    the files that are being read, a second one ends at once. Rows of deleted files remain, and their number is printed unless
    files or folders were excluded or could not be read; `./run db reconcile --fix` removes them. Exit code 0 when all files
    were processed, 130 after Ctrl-C, 1 when files or folders could not be read: they are named, by each run, and all others are
    processed. A file that may not be read gets a row: until it changes, the next run names it without trying again.

    From 1,500 files on, one process per core inspects them (at most --workers), each with EXR_DECODE_THREADS and
    EXR_MEMORY_MIB for decoding. A file that crashes its process even when read alone gets a row with the error
    DECODER_CRASHED.

    Links to files of the same bucket are read. Links to folders are not followed: those that lead out of what is ingested are
    named, as are links to files that lead nowhere or out of the bucket. Such a file gets a failed row, so that its frame does
    not count as missing.

    A local folder becomes a bucket of its name, so paths in the tables are `<folder>/<file>`; a folder inside EXR_MOUNTS or
    inside a client's mount of EXR_VIEWS belongs to that bucket. A catalog file records the folder of each bucket (table
    `roots`). It refuses a second folder of the same name, and a folder around a recorded one, whose files would be stored
    twice, unless --bucket names the bucket: begin with the folder of the whole show.

    \b
    Examples:
      ./run ingest samples --catalog catalog.duckdb
      ./run ingest /mnt/show/renders --bucket show --stats sampled --catalog show.duckdb
      ./run ingest s3://renders/shot010/ s3://renders/shot020/ --workers 32
      ./run ingest s3://renders/ --engine ray
    """
    for place in places:  # before the tables are reached, whose settings may be missing as well
        _require_existing(place)

    def listings(settings: Settings) -> tuple[Settings, Sequence[Listing]]:
        found = targets_of(places, settings, bucket, exclude)
        refuse_empty(places)
        return found

    place = shlex.quote(places[0]) if len(places) == 1 else "PLACE"
    run_ingest(listings, catalog, RunOptions(workers, force, paths, engine, stats, policy, bucket=bucket, place=place))


def run_ingest(
    listings: Callable[[Settings], tuple[Settings, Sequence[Listing]]],
    catalog: Path | None,
    options: RunOptions,
    observe: Callable[[Progress], None] | None = None,
) -> None:
    """Run an ingest, print its summary, and exit. The progress is shown on a terminal, or passed to `observe`."""
    console = output()
    interrupts = _Interrupts()
    try:
        with open_tables(catalog, create=True, use=GROUPS) as tables:
            settings, found = listings(tables.settings)
            require_parts(tables.roots, found)
            settings = settings.changed(stats=options.stats or settings.stats, policy=options.policy or settings.policy)
            if catalog:
                buckets = {listing.bucket for listing in found}
                record_roots(tables.connection, settings, buckets, named=options.bucket)
            with _display(console) as display, closing(SourceOpener(settings)) as opener:
                ingest = _prepared(settings, opener, tables.catalog, options, observe or display)
                with interrupts.stopping(ingest):
                    progress = ingest.run(found)
            unlisted = _unlisted_rows(tables.catalog, found, progress)
            policy = PolicySource.from_settings(settings).current()
            # A run that was stopped has some frames of a folder only: they would pass for a complete delivery.
            has_all = options.validates_sequences and not progress.stopped
            validated = _validate_sequences(tables.connection, found, progress, policy, catalog) if has_all else []
    except KeyboardInterrupt:  # do not wait for other threads
        click.echo("stopped; run the same command again to continue", err=True)
        os._exit(_SIGNAL_EXIT_BASE + signal.SIGINT)
    console.print(summary(progress, options.paths))
    if unlisted:
        console.print(
            f"{counted(unlisted, 'row')} of files that were not listed; if these were deleted:"
            f" {command_line(f'db reconcile {options.place} --fix', catalog)}",
            soft_wrap=True,
        )
    if validated:
        faulty = sum(sequence.worst is Severity.ERROR for sequence in validated)
        sequences = counted(len(validated), "sequence")
        console.print(
            f"{sequences} checked, {faulty} with errors: {command_line('query deliveries', catalog)}", soft_wrap=True
        )
    for sentence in unchecked_lines(StatsMode(settings.stats)) if progress.inspected else ():
        console.print(sentence, style="dim", soft_wrap=True)
    if not progress.listed and progress.is_listed:
        console.print(options.nothing)
    if progress.stopped:
        console.print("stopped; run the same command again to continue")
        sys.exit(_SIGNAL_EXIT_BASE + interrupts.number)
    sys.exit(1 if progress.errors else 0)


def _unlisted_rows(catalog: Catalog, listings: Sequence[Listing], progress: Progress) -> int:
    """The number of rows below the ingested places whose files were not listed; 0 if files or folders were left out."""
    targets = [each for each in listings if isinstance(each, Target) and each.exclude == DEFAULT_EXCLUDES]
    is_complete = progress.is_listed and not (progress.errors or progress.vanished) and len(targets) == len(listings)
    if not (is_complete and progress.has_previous_rows):
        return 0
    return max(0, sum(catalog.count_files(each.bucket, each.prefix) for each in targets) - progress.listed)


def _validate_sequences(
    connection: Connection, listings: Sequence[Listing], progress: Progress, policy: Policy, catalog: Path | None
) -> list[CheckedSequence]:
    """Validate the sequences of all folders with inspected files, or with outdated findings, and store the findings."""
    found: list[CheckedSequence] = []
    try:
        places = {f"{each.bucket}/{each.prefix}" for each in listings} - progress.unlisted
        outdated = [outdated_folders(connection, place) for place in sorted(places)]
        for checked in validate_folders(connection, progress.directories.union(*outdated), policy):
            found += checked.sequences
    except (KeyboardInterrupt, CatalogError) as error:
        next_command = command_line(f"validate {'PLACE' if catalog else '--stored PLACE'}", catalog)
        click.echo(f"all files are stored, but not all sequences were checked; to check them: {next_command}", err=True)
        if isinstance(error, CatalogError):
            raise
        sys.exit(_SIGNAL_EXIT_BASE + signal.SIGINT)
    return found


def _prepared(
    settings: Settings,
    opener: SourceOpener,
    tables: Catalog,
    options: RunOptions,
    observe: Callable[[Progress], None] | None,
) -> Ingest:
    """The run, with an engine of worker processes for many files."""
    workers, force = options.workers, options.force
    context = IngestContext.from_settings(settings, opener, tables, threads=workers, force=force)

    def config(threads: int) -> WorkerConfig:
        return WorkerConfig(settings, context.inspector.config.stats, context.policy, threads=threads, force=force)

    def local() -> Engine:
        processes = min(cores(), workers)
        # Worker processes of the installed command (from Python 3.11) import nothing of the folder that the user stands in.
        os.environ.setdefault("PYTHONSAFEPATH", "1")
        return PoolEngine(config(-(-workers // processes)), processes=processes)

    def ray() -> Engine:
        return RayEngine(config(min(8, workers)))

    if options.engine == "ray":
        return Ingest(context, observe=observe, engine=ray, engine_from=0)
    return Ingest(context, observe=observe, engine=local)


def refuse_empty(places: Sequence[str]) -> None:
    """Check that no place is an empty folder.

    Raises:
        NothingMatches: One is empty.
    """
    for place in places:
        path = local_path(place)
        if not place.startswith("s3://") and place.strip() and path.is_dir() and not any(path.iterdir()):
            raise NothingMatches(f"no EXR files were found in {place}: the folder is empty; is its share mounted?")


def targets_of(
    places: Sequence[str], settings: Settings, bucket: str | None, exclude: tuple[str, ...] = ()
) -> tuple[Settings, list[Target]]:
    """The settings with all local folders mounted as buckets, and the listing for each place.

    Args:
        places: Folders, files and s3:// URLs.
        settings: The settings.
        bucket: Bucket name of local folders; None for the name of their view, mount or folder.
        exclude: Patterns of folder names to leave out.

    Raises:
        NothingMatches: A place does not exist.
        ArgumentError: A place is empty, cannot be a bucket, or would be the same bucket as another folder.
    """
    targets: list[Target] = []
    excludes = (*DEFAULT_EXCLUDES, *exclude)
    views = ClientViews(settings.views).mounts()
    known = {(mount.bucket, mount.prefix): replace(mount, folder=mount.folder.resolve()) for mount in settings.mounts}
    meant: list[Mount] = []
    for place in places:
        if place.startswith("s3://"):
            name, _, prefix = place.removeprefix("s3://").partition("/")
            targets.append(Target(name, prefix, excludes))
            continue
        _require_existing(place)
        path = local_path(place).resolve()
        mount = mount_of([*known.values(), *views], path)
        if mount is None or bucket not in {None, mount.bucket}:
            folder = path if path.is_dir() else path.parent
            mount = Mount(file_key(folder.name) if bucket is None else bucket, folder)
        name, root = mount.bucket, mount.folder
        if not name or "/" in name:
            raise ArgumentError(f"{place}: {name!r} cannot be the name of a bucket: choose one with --bucket")
        if (there := known.setdefault((name, mount.prefix), mount).folder) != root:
            raise ArgumentError(
                f"bucket {mount.place} is the folder {there}: choose another name for {root} with --bucket"
            )
        meant.append(mount)
        key = key_of(mount, path)
        targets.append(Target(name, f"{key}/" if key != mount.prefix and path.is_dir() else key, excludes))
    # Of two buckets that are one folder, a local path means the first.
    return settings.changed(mounts=tuple(dict.fromkeys([*meant, *known.values()]))), _outermost(targets)


def _require_existing(place: str) -> None:
    """Return if a place that is no URL is there, and a folder or an .exr file.

    Raises:
        NothingMatches: It is not there, or its name is empty, or that of another kind of file.
    """
    require_name(place)
    if place.startswith("s3://"):
        return
    try:
        require_place(place)
    except NothingMatches as error:
        if fixed_folder(f"{place}/") == f"{place}/" and not is_pattern(place):
            raise
        raise NothingMatches(
            f"{error}: patterns are not expanded here, name the folder that holds the files"
        ) from error
    if not (local_path(place).is_dir() or is_exr(place)):
        raise NothingMatches(f"{place} is no .exr file or folder")


def _outermost(targets: Sequence[Target]) -> list[Target]:
    """Each target once, and none that lies within another one, so that no file is listed twice."""
    kept: list[Target] = []
    for target in sorted(targets, key=lambda each: (each.bucket, each.prefix)):
        if not any(_contains(other, target) for other in kept):
            kept.append(target)
    return [target for target in dict.fromkeys(targets) if target in kept]


def _contains(outer: Target, inner: Target) -> bool:
    if outer.bucket != inner.bucket or not inner.prefix.startswith(outer.prefix):
        return False
    folders = inner.prefix[outer.prefix.rfind("/") + 1 :].split("/")
    return not any(fnmatchcase(folder, pattern) for folder in folders for pattern in outer.exclude)


class _Interrupts:
    """The first Ctrl-C or SIGTERM stops the run in good order, the second ends it at once.

    Attributes:
        number: The first signal.
    """

    def __init__(self) -> None:
        self.number: int = signal.SIGINT

    @contextmanager
    def stopping(self, ingest: Ingest) -> Iterator[None]:
        """Let signals stop this run."""

        def stop(number: int, frame: FrameType | None) -> None:
            self.number = number
            for each in (signal.SIGINT, signal.SIGTERM):
                signal.signal(each, signal.default_int_handler)
            ingest.stop()

        before = [(number, signal.signal(number, stop)) for number in (signal.SIGINT, signal.SIGTERM)]
        try:
            yield
        finally:
            for number, handler in before:
                signal.signal(number, handler)


class _Observer:
    """Updates a display with the progress of a run."""

    def __init__(self, display: ProgressDisplay) -> None:
        self._display = display
        self._task = display.add_task("ingest", total=None, figures="")

    def __call__(self, progress: Progress) -> None:
        done = min(progress.todo, progress.inspected + progress.vanished + sum(progress.errors.values()))
        elapsed = self._display.tasks[0].elapsed or 0.0
        rate = f"{done / elapsed:.0f}/s" if elapsed else ""
        figures = [decimal(progress.object_bytes), rate, f"{progress.skipped} up to date", f"{progress.failed} failed"]
        if progress.errors:
            figures.append(f"{sum(progress.errors.values())} errors")
        if progress.blocked:
            figures.append(f"{progress.blocked} blocked by another transaction, tried again")
        total = progress.listed - progress.skipped if progress.is_listed else None
        self._display.update(self._task, completed=done, total=total, figures="  ".join(filter(None, figures)))


class BlockedNotice:
    """Says once that another transaction keeps files from being stored, for runs without a display."""

    def __init__(self, print_line: Callable[[str], None]) -> None:
        self._print = print_line
        self._is_printed = False

    def __call__(self, progress: Progress) -> None:
        """Look at the progress of a run."""
        if progress.blocked and not self._is_printed:
            self._is_printed = True
            self._print(
                f"{counted(progress.blocked, 'file')} cannot be stored yet: another transaction changes the same rows, such as "
                "one that a killed process has left open; tried again for 15 minutes"
            )


@contextmanager
def _display(console: Console) -> Iterator[Callable[[Progress], None]]:
    """A live display; not on a terminal, a notice if the run must wait."""
    if not console.is_terminal:
        yield BlockedNotice(partial(click.echo, err=True))
        return
    columns = (
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    # Nothing else prints meanwhile, so redirecting the output would only cost time.
    with ProgressDisplay(
        *columns, console=console, refresh_per_second=5, redirect_stdout=False, redirect_stderr=False
    ) as display:
        yield _Observer(display)


def summary(progress: Progress, paths: ShownPaths) -> Table:
    """A table of what was done: by status, compression, resolution and finding, and the errors."""
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column(justify="right")
    table.add_column()
    read = f"{decimal(progress.bytes_read)} of {decimal(progress.object_bytes)} read in {counted(progress.requests, 'request')}"
    table.add_row(str(progress.listed), Text("EXR files listed"))
    table.add_row(str(progress.skipped), Text("up to date"))
    for policy, count in progress.other_policies.items():
        table.add_row(str(count), Text(f"of these validated with policy {plain(policy)}: --force validates them again"))
    table.add_row(str(progress.inspected), Text(f"inspected, {read}"))
    table.add_row(str(progress.stored), Text("stored"))
    if progress.vanished:
        table.add_row(str(progress.vanished), Text("gone since they were listed"))
    if progress.blocked:
        table.add_row(str(progress.blocked), Text("blocked by another transaction"))
    errors_first = sorted(progress.by_finding.items(), key=lambda each: (-each[0][0], -each[1]))
    parts = (
        ("by status", progress.by_status.most_common()),
        ("by compression", progress.by_compression.most_common()),
        ("by resolution", progress.by_resolution.most_common()),
        ("findings", [(f"{severity.label} {code}", count) for (severity, code), count in errors_first]),
        ("could not be read", progress.errors.most_common()),
    )
    for title, counts in parts:
        if counts:
            table.add_row("", Text(title, style="dim"))
        for name, count in counts[:_LISTED]:
            table.add_row(str(count), Text(plain(name)))
        if len(counts) > _LISTED:
            table.add_row("", Text(f"and {len(counts) - _LISTED} others", style="dim"))
    for code, path, message in progress.examples:
        table.add_row("", Text(plain(f"{code} {paths.stored(path)}: {message}")))
    return table
