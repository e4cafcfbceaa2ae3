"""`./run check`: checks whether a delivery is complete and clean, and lists the frames to render again."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import click

from exr_inspector.cli.options import (
    bucket_option,
    fail_on_option,
    fails,
    frames_option,
    paths_option,
    policy_option,
    stats_option,
    storing_catalog_option,
)
from exr_inspector.cli.output.check import csv_text, left_out, print_check, renamed
from exr_inspector.cli.output.progress import progress_bar
from exr_inspector.cli.output.terminal import echo_json, output
from exr_inspector.cli.paths import ShownPaths
from exr_inspector.cli.program import INTERRUPTED
from exr_inspector.delivery.check import DeliveryCheck, Observer, check_files
from exr_inspector.delivery.patterns import fixed_folder, parse_frames
from exr_inspector.library.reading import Session, Stats, check_session, settings_for
from exr_inspector.model import Inspection, Severity, Thumbnails
from exr_inspector.report.words import plain
from exr_inspector.settings import GROUPS, local_path
from exr_inspector.validation.reports import junit_text, sarif_text


@click.command("check")
@click.argument("targets", nargs=-1, required=True, metavar="FOLDER|PATTERN|FILE|S3_URL...")
@frames_option
@storing_catalog_option
@bucket_option
@policy_option
@stats_option("check")
@fail_on_option
@click.option(
    "--info",
    is_flag=True,
    help="Also print findings of severity info, as with --fail-on info. The formats for programs always have them.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "csv", "sarif", "junit"]),
    default="text",
    show_default=True,
    help="Output format.",
)
@paths_option
def command(
    targets: Sequence[str],
    *,
    frames: str | None,
    catalog: Path | None,
    bucket: str | None,
    policy: str,
    stats: Stats | None,
    fail_on: Severity | None,
    info: bool,
    form: str,
    paths: ShownPaths,
) -> None:
    """Check whether a delivery is complete and clean: headers, chunks, all pixels, and the frames of each sequence.

    A folder, or a URL that ends in a slash, stands for all .exr files below it. A pattern stands for the matching files of its
    folder: ####, %04d, @@@@, $F4, <UDIM>, *, [1001-1060]; or of all folders that match: 'shots/*/comp/*.exr'; quote it. Without
    a pattern, the names decide which number is the frame. Prints one screen: a strip of frames, findings with their frames, and
    the list of frames to render again.

    With --catalog FILE the rows of the files are stored as well, with a thumbnail of each, and the findings of sequences of
    folders and patterns. A local folder becomes a bucket of its name, or of the name that --bucket gives.

    Exit code 0 when no finding reaches --fail-on, 1 when one does, 2 when a file could not be checked, 130
    after Ctrl-C.

    \b
    Examples:
      ./run check renders/sh010/
      ./run check 'renders/sh010/beauty_####.exr' --frames 1001-1060
      ./run check renders/sh010/ --frames 1001-1010,1020-1040x2
      ./run check 'renders/*/comp/*.exr'                 every folder that matches
      ./run check s3://renders/sh010/ --policy show.yaml --format junit > report.xml
      ./run check renders/sh010/ --catalog show.duckdb   also store the result
      ./run check renders/sh010/ --stats off             headers and chunk tables only, fast
    """
    if bucket is not None and catalog is None:
        raise click.UsageError("--bucket names a folder's bucket in the tables: give --catalog FILE as well")
    depth: Stats = stats or "full"
    try:
        if catalog is None:
            with check_session(settings_for([*targets, policy], stats=depth), stats=depth, policy=policy) as made:
                done = _run(targets, made, frames)
        else:
            done = _stored(targets, catalog, frames, depth, policy, bucket=bucket, paths=paths)
    except KeyboardInterrupt:
        click.echo("stopped: no file was checked", err=True)
        sys.exit(INTERRUPTED)
    done = renamed(done, paths.named)
    if form != "text":
        for sentence in left_out(done):
            click.echo(sentence, err=True)
    if form == "text":
        print_check(done, output(), least=fail_on, info=info or fail_on is Severity.INFO)
    elif form == "csv":
        click.echo(csv_text(done), nl=False)
    elif form == "junit":
        click.echo(junit_text(done.results, fail_on))
    else:
        echo_json(done.to_json() if form == "json" else sarif_text(done.results))
    sys.exit(_exit_code(done, fail_on))


def _run(targets: Sequence[str], made: Session, frames: str | None, observe: Observer | None = None) -> DeliveryCheck:
    """Check, with a progress bar on a terminal."""
    with progress_bar("checking") as show:
        return check_files(
            targets,
            opener=made.opener,
            inspector=made.inspector,
            policy=made.policy,
            frames=parse_frames(frames) if frames else (),
            progress=show,
            observe=observe,
        )


def _places(targets: Sequence[str]) -> list[str]:
    """The folder or file of each target that becomes a bucket or lies in one.

    Of a pattern this is the fixed folder, of files in several folders the folder that holds them all.
    """
    places = [
        target if "://" in target or local_path(target).exists() else fixed_folder(target) or "." for target in targets
    ]
    files = [place for place in places if local_path(place).is_file()]
    folders = {str(local_path(file).resolve().parent) for file in files}
    common = os.path.commonpath(folders) if len(folders) > 1 else ""
    return [common if place in files else place for place in places] if Path(common).name else places


class _NothingToStore(Exception):
    """No file was checked, so a catalog file that was created for the check must be removed."""


def _stored(
    targets: Sequence[str],
    catalog: Path,
    frames: str | None,
    stats: Stats,
    policy: str,
    *,
    bucket: str | None,
    paths: ShownPaths,
) -> DeliveryCheck:
    """Check, and store the rows of files and sequences in a catalog file."""
    # Imported here, since importing the vastdb SDK takes most of a second.
    from exr_inspector.cli.catalog import open_tables  # noqa: PLC0415
    from exr_inspector.cli.commands.ingest import targets_of  # noqa: PLC0415
    from exr_inspector.ingest.roots import record_roots, require_parts  # noqa: PLC0415
    from exr_inspector.library.storing import CheckStore  # noqa: PLC0415
    from exr_inspector.sync.shard import IngestContext, store_inspections  # noqa: PLC0415

    with suppress(_NothingToStore), open_tables(catalog, create=True, use=GROUPS) as tables:
        settings, found = targets_of(_places(targets), tables.settings, bucket)
        require_parts(tables.roots, found)
        buckets = {target.bucket for target in found}
        record_roots(tables.connection, settings, buckets, named=bucket)
        thumbnails = Thumbnails(settings.thumbnails)
        thumbnails = Thumbnails.FILE if thumbnails is Thumbnails.OFF else thumbnails
        with check_session(settings, stats=stats, policy=policy, thumbnails=thumbnails) as made:
            # A check reads every file, so its rows replace older rows of the same version: a sidecar manifest that arrived
            # after the frames changes the findings of unchanged files.
            context = IngestContext(made.opener, made.inspector, tables.catalog, made.policy, force=True)
            store = CheckStore(tables.connection, partial(store_inspections, context))

            def observe(name: str, inspection: Inspection) -> None:
                tables.keeps_file = True
                store.observe(name, inspection)

            done, others = _run(targets, made, frames, observe), []
            try:
                others = store.store_sequences(done, targets)
            except KeyboardInterrupt:
                done = replace(done, stopped=True)
                click.echo("stopped while the last rows were stored: run the command again", err=True)
            context.close()
        if not tables.keeps_file:
            raise _NothingToStore
    for code, path, message in store.figures.examples:
        click.echo(f"not stored: {plain(paths.stored(path), 1_000)}: {code}: {plain(message, 1_000)}", err=True)
    for pattern in others:
        text = "the files are stored, but not the result of their sequence, which needs all frames: check its folder or pattern"
        click.echo(f"{plain(paths.named(pattern), 1_000)}: {text}", err=True)
    return done


def _exit_code(done: DeliveryCheck, least: Severity | None) -> int:
    if done.stopped:
        return INTERRUPTED
    if any(result.fault for result in done.results) or not done.total:
        return 2
    return int(fails(done.worst, least))
