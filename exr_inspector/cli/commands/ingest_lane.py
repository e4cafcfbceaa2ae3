"""`./run ingest-lane`: ingests one lane of a plan, as a task of a render farm."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import click

from exr_inspector.cli.commands.ingest import RunOptions, force_option, run_ingest, workers_option
from exr_inspector.cli.options import catalog_option, paths_option, stats_option, stored_policy_option
from exr_inspector.cli.paths import ShownPaths
from exr_inspector.ingest.plan import Lane
from exr_inspector.ingest.progress import Progress
from exr_inspector.ingest.run import Listing
from exr_inspector.settings import Settings
from exr_inspector.storage.mounts import merged

_EMPTY = "this lane has no files: the plan has more lanes than its files need"
_SECONDS = 2.0  # between two lines of progress


@click.command("ingest-lane")
@click.argument("lane", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@catalog_option
@stats_option("ingest-lane")
@stored_policy_option
@workers_option
@force_option
@paths_option
def command(
    *,
    lane: Path,
    catalog: Path | None,
    stats: str | None,
    policy: str | None,
    workers: int,
    force: bool,
    paths: ShownPaths,
) -> None:
    """Ingest one lane that `./run ingest-plan` wrote; may be stopped and run again at any time.

    The files of a folder are in many lanes, so no lane validates sequences or counts rows of deleted files: `./run ingest` of
    the same places does, once after the last lane, and stores what lanes have left.

    Prints progress as Open Job Description expects it (`openjd_progress: 42`), which other farms show in the task's log.
    Exit codes are those of `./run ingest`: 0 done, 1 some files could not be read, 2 the run could not continue.

    \b
    Examples:
      ./run ingest-lane /shared/plan/0
      ./run ingest-lane /shared/plan/$SLURM_ARRAY_TASK_ID
      ./run ingest-lane /shared/plan/$JOB_COMPLETION_INDEX --workers 32
    """
    found = Lane.read(lane)

    def listings(settings: Settings) -> tuple[Settings, Sequence[Listing]]:
        return settings.changed(mounts=merged(settings.mounts, found.mounts)), found.listings

    options = RunOptions(workers, force, paths, stats=stats, policy=policy, validates_sequences=False, nothing=_EMPTY)
    run_ingest(listings, catalog, options, observe=_Lines(found.size))


class _Lines:
    """Prints progress as lines, every few seconds."""

    def __init__(self, size: int) -> None:
        self._size = max(1, size)
        self._printed_at = 0.0

    def __call__(self, progress: Progress) -> None:
        done = progress.skipped + progress.stored + progress.vanished + sum(progress.errors.values())
        if time.monotonic() - self._printed_at < _SECONDS and done < self._size:
            return
        self._printed_at = time.monotonic()
        click.echo(f"openjd_progress: {min(100, 100 * done // self._size)}")
        figures = [f"{progress.stored} stored", f"{progress.skipped} up to date"]
        figures += [f"{progress.vanished} gone"] * bool(progress.vanished)
        figures += [f"{progress.blocked} blocked by another transaction"] * bool(progress.blocked)
        click.echo(f"openjd_status: {', '.join(figures)}, {sum(progress.errors.values())} errors")
