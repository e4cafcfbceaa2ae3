"""`./run ingest-plan`: lists files once and divides them into lanes for the tasks of a render farm."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import click

from exr_inspector.cli.commands.ingest import exclude_option, places_argument, refuse_empty, targets_of
from exr_inspector.cli.options import bucket_option, paths_option
from exr_inspector.cli.output.terminal import echo_error
from exr_inspector.cli.paths import ShownPaths
from exr_inspector.errors import SourceError
from exr_inspector.ingest.plan import write_plan
from exr_inspector.settings import OBJECTS, load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.validation.rule import counted


@click.command("ingest-plan")
@places_argument
@bucket_option
@exclude_option
@click.option("--lanes", type=click.IntRange(1, 4096), required=True, help="Tasks to divide the files among.")
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Empty or new folder for the lanes, shared by all tasks.",
)
@paths_option
def command(
    *,
    places: Sequence[str],
    bucket: str | None,
    exclude: tuple[str, ...],
    lanes: int,
    folder: Path,
    paths: ShownPaths,
) -> None:
    """List some folders or prefixes once and write DIR/0 to DIR/N-1, for N tasks of OpenCue, Deadline, Slurm or Kubernetes.

    DIR/plan.json is written last and belongs to the lanes: without it no lane is ingested. A plan that fails leaves nothing.

    Each task runs `./run ingest-lane DIR/i`; after the last one, `./run ingest` of the same places validates the sequences.
    Lanes do not wait for each other in the database. A lane may be run again at any time; files that are already stored are
    skipped. Local folders must be mounted at the same path on every machine.

    Exit code 0, or 1 when something could not be listed.

    \b
    Examples:
      ./run ingest-plan s3://renders/ --lanes 64 --to /shared/plan
      ./run ingest-plan /mnt/show --bucket show --lanes 8 --to /shared/plan
    """
    settings, targets = targets_of(places, load_settings(os.environ, use=(OBJECTS,)), bucket, exclude)
    refuse_empty(places)
    faults: Counter[str] = Counter()

    def report(path: str, error: SourceError) -> None:
        faults[error.code] += 1
        echo_error(f"{error.code} {paths.stored(path)}: {error}")

    with closing(SourceOpener(settings)) as opener:
        counts = write_plan(opener, targets, folder, lanes=lanes, mounts=settings.mounts, report=report)
    least, most = min(counts), max(counts)
    size = counted(most, "file") if least == most else f"{least} to {most} files"
    click.echo(
        f"{counted(sum(counts), 'EXR file')} in {counted(lanes, 'lane')} of {size}: {folder}/0 to {folder}/{lanes - 1}"
    )
    sys.exit(1 if faults else 0)
