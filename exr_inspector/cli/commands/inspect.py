"""`./run inspect`: prints what is in files, as text, or as JSON, CSV and tables with one line for each file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import chain

import click
from rich.console import Console

from exr_inspector.cli.options import levels_option, paths_option, policy_option, refuse_fewer_pixels, stats_option
from exr_inspector.cli.output.explain import explain
from exr_inspector.cli.output.inspection import show
from exr_inspector.cli.output.lines import DEFAULT_FIELDS, NamedFile, fields_of, print_lines
from exr_inspector.cli.output.pictures import Protocol, picture_text, protocol_of
from exr_inspector.cli.output.terminal import echo_error, echo_json, output
from exr_inspector.cli.output.text import unchecked_lines
from exr_inspector.cli.paths import ShownPaths
from exr_inspector.cli.program import INTERRUPTED
from exr_inspector.delivery.files import new_names, paths_of
from exr_inspector.documents import json_document
from exr_inspector.errors import ExrInspectorError
from exr_inspector.library.reading import DEFAULT_STATS, Levels, Session, Stats, session, settings_for
from exr_inspector.library.validating import unchecked
from exr_inspector.model import StatsMode, Status, Thumbnails
from exr_inspector.report.words import plain
from exr_inspector.validation.rule import counted

FULL: Stats = "full"


@click.command("inspect")
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@click.option("--json", "as_json", is_flag=True, help="Print the rows of all tables as JSON, one document per file.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "table", "csv", "json"]),
    default="text",
    show_default=True,
    help="text describes each file; the others print one line per file with --fields.",
)
@click.option(
    "--fields",
    metavar="A,B",
    help=f"Columns of the table `files` to print with table, csv or json.  [default: {','.join(DEFAULT_FIELDS)}]",
)
@paths_option
@stats_option("inspect")
@levels_option
@click.option("--objects", is_flag=True, help="List the objects of Cryptomattes; reads every pixel.")
@click.option("--hash", "with_hash", is_flag=True, help="Hash the file and its decoded pixels; reads every pixel.")
@policy_option
@click.option(
    "--thumbnail",
    is_flag=True,
    help="Show a thumbnail of each file in a terminal; reads every pixel unless --stats is given.",
)
@click.option(
    "--thumbnail-as",
    type=click.Choice([protocol.value for protocol in Protocol]),
    help="How to show it, even if standard output is not a terminal.  [default: what the terminal supports]",
)
@click.option("--all", "all_attributes", is_flag=True, help="Also list the attributes that the summary shows.")
@click.option("--why", is_flag=True, help="Explain every rule that was broken, once; only with text.")
def command(
    targets: Sequence[str],
    *,
    as_json: bool,
    form: str,
    fields: str | None,
    paths: ShownPaths,
    stats: Stats | None,
    levels: Levels | None,
    objects: bool,
    with_hash: bool,
    policy: str,
    thumbnail: bool,
    thumbnail_as: str | None,
    all_attributes: bool,
    why: bool,
) -> None:
    """Show what is in OpenEXR files: parts, channels, completeness, pixel statistics, metadata, findings.

    A TARGET is a file, a folder or a URL that ends in a slash (every .exr file below it), or a pattern such as
    'beauty.####.exr', '*_v003.exr' or 'shots/*/comp/*.exr'. Files are read in place: one request of 64 KiB for the header, and
    for sampled statistics usually at most 4 MiB more (32 MiB where chunks are large).

    Exit code 0 when every file is readable OpenEXR, 1 when one is not, 2 when one could not be read at all, 130 after
    Ctrl-C.

    \b
    Examples:
      ./run inspect samples/layers.exr
      ./run inspect --stats full --hash renders/shot010/
      ./run inspect --objects samples/cryptomatte.exr
      ./run inspect --thumbnail renders/shot010/beauty.1001.exr
      ./run inspect --format csv --fields path,width,height,compression renders/ > files.csv
      ./run inspect --json s3://renders/shot/beauty.1001.exr | jq .files[0].compression
    """
    shows = thumbnail or thumbnail_as is not None
    if form != "text":
        _refuse_with_lines(
            {"--json": as_json, "--why": why, "--all": all_attributes, "--objects": objects, "--thumbnail": shows}
        )
    elif fields is not None:
        raise click.UsageError("--fields needs --format table, csv or json")
    if shows and as_json:
        raise click.UsageError("--thumbnail is for the text that describes single files: leave out --json")
    for option, given in (("--objects", objects), ("--hash", with_hash)):
        if given:
            refuse_fewer_pixels(option, stats)
    columns = fields_of(fields)
    depth = FULL if objects or with_hash else stats or (FULL if shows else DEFAULT_STATS)
    with session(
        settings_for([*targets, policy], stats=FULL if shows else depth),
        stats=depth,
        hash=with_hash,
        levels=levels,
        objects=objects,
        policy=policy,
        thumbnails=Thumbnails.FILE if shows else Thumbnails.OFF,
    ) as made:
        files = _Files(made, targets, paths)
        if form != "text":
            print_lines(files, columns, form, paths)
        elif as_json:
            _print_documents(files, paths)
        else:
            console = output()
            described = _shown(files, console, thumbnail_as) if shows else files
            _print_text(described, console, all_attributes=all_attributes, objects=objects, why=why)
        if form != "text" or as_json:
            files.report_unchecked(depth)
    sys.exit(files.exit_code)


def _refuse_with_lines(given: Mapping[str, bool]) -> None:
    """Raise UsageError if --format, which prints one line per file, was given with an option that describes single files."""
    if wrong := [option for option, is_given in given.items() if is_given]:
        raise click.UsageError(f"--format prints one line per file: leave it out, or leave out {' and '.join(wrong)}")


class _Files:
    """Iterates over the files that could be read, reports the others on standard error, and keeps the exit code."""

    def __init__(self, made: Session, targets: Iterable[str], paths: ShownPaths) -> None:
        self._session = made
        self._paths = paths
        self._targets = targets
        self.exit_code = 0
        self._count = 0
        self._unchecked = 0
        self._seen: set[str] = set()

    def __iter__(self) -> Iterator[NamedFile]:
        try:
            yield from self._each()
        except KeyboardInterrupt:
            self.exit_code = INTERRUPTED
            click.echo(f"stopped: {counted(self._count, 'file')} inspected until then", err=True)

    def _each(self) -> Iterator[NamedFile]:
        for target in self._targets:
            try:
                yield from self._of(target)
            except ExrInspectorError as error:  # of the target itself, such as a pattern without a match
                self._report(error.code, str(error))

    def _of(self, target: str) -> Iterator[NamedFile]:
        names = new_names(paths_of(self._session.opener, target), self._seen)
        with closing(self._session.inspect_each(names)) as answers:
            for given, answer in answers:
                name = self._paths.named(given)
                if isinstance(answer, ExrInspectorError):
                    self._report(answer.code, f"{plain(name, 400)}: {answer}")
                elif answer.unread:
                    self._report(str(answer.error_code), str(answer.error_message))
                else:
                    self.exit_code = max(self.exit_code, int(answer.status is Status.FAILED))
                    self._unchecked += bool(unchecked(answer))
                    self._count += 1
                    yield name, answer

    def report_unchecked(self, stats: Stats) -> None:
        """Print on standard error how many files have pixels that were not read."""
        for sentence in unchecked_lines(StatsMode(stats), self._unchecked):
            click.echo(sentence, err=True)

    def _report(self, code: str, message: str) -> None:
        self.exit_code = 2
        echo_error(f"{code}: {message}")


def _shown(files: Iterable[NamedFile], console: Console, protocol_name: str | None) -> Iterator[NamedFile]:
    """Yield the files, after printing the picture of each, or those of its views."""
    protocol = Protocol(protocol_name) if protocol_name else protocol_of(os.environ)
    if not protocol_name and not console.is_terminal:
        click.echo("no picture: standard output is not a terminal; --thumbnail-as shows it nevertheless", err=True)
    for name, inspection in files:
        pictures = inspection.pixels.thumbnails if inspection.pixels else ()
        if pictures and (protocol_name or console.is_terminal):
            for picture in pictures:
                console.file.write(picture_text(picture.image, protocol, console.width))
            console.file.flush()
        yield name, inspection


def _print_documents(files: Iterable[NamedFile], paths: ShownPaths) -> None:
    """Print one indented document for one file, or one line for each of several files."""
    from exr_inspector.catalog.rows.plain import file_rows  # noqa: PLC0415 - brings pyarrow

    found = iter(files)
    first, second = next(found, None), next(found, None)
    indent = 2 if second is None else None
    for _, inspection in chain((item for item in (first, second) if item), found):
        tables = {table: [paths.row(row) for row in rows] for table, rows in file_rows(inspection).items()}
        echo_json(json_document(tables, indent=indent))


def _print_text(
    files: Iterable[NamedFile], console: Console, *, all_attributes: bool, objects: bool, why: bool
) -> None:
    codes: set[str] = set()
    for position, (name, inspection) in enumerate(files):
        if position:
            console.print()
        show(name, inspection, console, all_attributes=all_attributes, objects=objects)
        codes.update(finding.code for finding in inspection.findings)
    if why:
        explain(codes, console)
