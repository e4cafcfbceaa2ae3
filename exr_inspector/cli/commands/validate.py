"""`./run validate`: files, sequences or stored rows, checked by a policy; output for people, programs and build servers."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from itertools import chain
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from exr_inspector.cli.options import (
    fail_on_option,
    fails,
    levels_option,
    paths_option,
    policy_option,
    refuse_fewer_pixels,
    rows_catalog_option,
    stats_option,
)
from exr_inspector.cli.output.explain import explain
from exr_inspector.cli.output.progress import UntilInterrupt
from exr_inspector.cli.output.tables import findings_table, indented
from exr_inspector.cli.output.terminal import echo_json, output
from exr_inspector.cli.output.text import unchecked_lines
from exr_inspector.cli.paths import ShownPaths
from exr_inspector.cli.program import INTERRUPTED
from exr_inspector.delivery.check import not_checked
from exr_inspector.library.reading import DEFAULT_STATS, Levels, Stats, session, settings_for
from exr_inspector.library.validating import UPPER_LEVELS, Frames, sequence_results, validate_files
from exr_inspector.model import Severity, StatsMode
from exr_inspector.report.words import plain
from exr_inspector.validation.policies.source import PolicySource
from exr_inspector.validation.reports import ValidationResult, json_text, junit_text, sarif_text
from exr_inspector.validation.rule import counted, severity_counts


@click.command("validate")
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@policy_option
@stats_option("validate")
@levels_option
@click.option(
    "--hash", "with_hash", is_flag=True, help="Hash decoded pixels to find repeated frames; reads every pixel."
)
@click.option("--sequence", is_flag=True, help="Also check the sequences of the files.")
@click.option("--sequence-only", is_flag=True, help="Check only the sequences, not the files.")
@rows_catalog_option
@click.option(
    "--stored",
    is_flag=True,
    help="Check stored rows instead of files, and store the findings of their sequences: in --catalog (which implies it), or in"
    " the database of VAST_DB_*.",
)
@fail_on_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "sarif", "junit"]),
    default="text",
    show_default=True,
    help="Output format.",
)
@paths_option
@click.option("--why", is_flag=True, help="Explain every rule that was broken, once.")
@click.option("--quiet", "-q", is_flag=True, help="Hide files with no finding at or above --fail-on.")
def command(
    targets: Sequence[str],
    *,
    policy: str,
    stats: Stats | None,
    levels: Levels | None,
    with_hash: bool,
    sequence: bool,
    sequence_only: bool,
    catalog: Path | None,
    stored: bool,
    fail_on: Severity | None,
    form: str,
    paths: ShownPaths,
    why: bool,
    quiet: bool,
) -> None:
    """Check OpenEXR files against the rules of a policy.

    With --catalog or --stored, rows are checked instead of files, always with their sequences. This writes to the tables: the
    findings of sequences in complete folders replace those in the table sequence_validation. Rows of files stay as they are.

    A TARGET is a file, a folder or a URL that ends in a slash (every .exr file below it), or a pattern such as
    'beauty.####.exr', 'beauty.%04d.exr', '*_v003.exr' or 'shots/*/comp/*.exr'.

    Exit code 0 when no finding reaches --fail-on, 1 when one does, 2 when a file could not be read, 130 after Ctrl-C.

    \b
    Examples:
      ./run validate samples/*.exr
      ./run validate --policy comp --stats full --why renders/shot010/beauty.1001.exr
      ./run validate --sequence renders/shot010/
      ./run validate --sequence renders/shot010/beauty.####.exr
      ./run validate --catalog show.duckdb renders/shot010/
      ./run validate --stored --sequence-only s3://renders/shot010/
      ./run validate --format sarif --fail-on warning s3://renders/shot010/ > findings.sarif
    """
    from_rows = stored or catalog is not None
    _refuse_options(from_rows=from_rows, stats=stats, levels=levels, with_hash=with_hash)
    request = _Request(targets, policy, files=not sequence_only, sequences=sequence or sequence_only)
    depth: Stats = "full" if with_hash else stats or DEFAULT_STATS
    source = _from_rows(request, catalog) if from_rows else _from_files(request, depth, levels, with_hash=with_hash)
    shown = paths.stored if from_rows else paths.named
    no_sequence = "No sequence found; leave out --sequence-only to check single files too"
    with source as results:
        until_stopped = UntilInterrupt(results)
        named = (replace(result, name=shown(result.name)) for result in until_stopped)
        nothing = no_sequence if not request.files else "No rows found" if from_rows else "No file was checked"
        every = _print(named, form, fail_on, nothing=nothing, why=why, quiet=quiet)
    for sentence in _left_out(every, None if from_rows else StatsMode(depth), sequences=from_rows or request.sequences):
        click.echo(sentence, err=form != "text")
    if until_stopped.is_interrupted:
        click.echo(f"stopped: this is what was found in {counted(len(every), 'file')} until then", err=True)
        sys.exit(INTERRUPTED)
    sys.exit(_exit_code(every, fail_on))


def _refuse_options(*, from_rows: bool, stats: Stats | None, levels: Levels | None, with_hash: bool) -> None:
    """Raise UsageError for options that exclude each other."""
    if from_rows and (with_hash or stats is not None or levels is not None):
        raise click.UsageError(
            "--stats, --levels and --hash read files, but --catalog and --stored read rows: give one or the other"
        )
    if with_hash:
        refuse_fewer_pixels("--hash", stats)


def _left_out(every: Sequence[ValidationResult], stats: StatsMode | None, *, sequences: bool) -> list[str]:
    """Sentences about what was not checked.

    Args:
        every: All results.
        stats: The statistics with which the files were read; None if rows were checked.
        sequences: Whether sequences were checked.
    """
    upper = sum(result.unchecked == UPPER_LEVELS for result in every)
    unread = sum(bool(result.unchecked) for result in every) - upper
    sentences = [*(not_checked(StatsMode.SAMPLED, unread) if stats is None else unchecked_lines(stats, unread))]
    if upper:
        remedy = "" if stats is None else " --levels all reads them."
        sentences.append(f"Levels above the first of {counted(upper, 'file')} were not read.{remedy}")
    if not sequences and sum(not result.fault for result in every) > 1:
        sentences.append("Sequences were not checked for missing and odd frames. --sequence checks them.")
    return sentences


@dataclass(frozen=True, slots=True)
class _Request:
    """What to check: files, sequences or both, and by which policy."""

    targets: Sequence[str]
    policy: str
    files: bool
    sequences: bool


@contextmanager
def _from_files(
    request: _Request, stats: Stats, levels: Levels | None, *, with_hash: bool
) -> Iterator[Iterable[ValidationResult]]:
    frames = Frames(request.targets) if request.sequences else None
    settings = settings_for([*request.targets, request.policy], stats=stats)
    # As `check` looks for copies, which only frames side by side show.
    hashes = with_hash or (stats == "full" and request.sequences)
    with session(settings, stats=stats, levels=levels, hash=hashes, policy=request.policy) as made:
        results = validate_files(made, request.targets, frames)
        kept = results if request.files else (result for result in results if result.fault)
        yield chain(kept, frames.results(made.policy) if frames else ())


@contextmanager
def _from_rows(request: _Request, catalog: Path | None) -> Iterator[Iterable[ValidationResult]]:
    # Imported here, since importing the vastdb SDK takes most of a second.
    from exr_inspector.cli.catalog import open_tables  # noqa: PLC0415
    from exr_inspector.library.stored import gather_frames, store_sequences, validate_catalog  # noqa: PLC0415
    from exr_inspector.sync.kept import read_validation_rows, with_kept_findings  # noqa: PLC0415
    from exr_inspector.sync.sequences import required_ranges  # noqa: PLC0415

    with open_tables(catalog) as tables:
        policy = PolicySource.from_settings(tables.settings, request.policy).current()
        prefixes = [tables.prefix(target) for target in request.targets]
        frames, since = Frames(prefixes), datetime.now(timezone.utc)

        def results() -> Iterator[ValidationResult]:
            if request.files:
                yield from validate_catalog(tables.connection, prefixes, policy, frames)
            else:
                gather_frames(tables.connection, prefixes, frames, policy)
            last = read_validation_rows(tables.connection, frames.directories)
            checked = frames.check(policy, required_ranges(last))
            checked = with_kept_findings(tables.connection, checked, last)
            store_sequences(tables.connection, prefixes, frames, checked, since, policy=policy)
            yield from sequence_results(checked, policy)

        yield results()


def _exit_code(results: Sequence[ValidationResult], least: Severity | None) -> int:
    if any(result.fault for result in results) or not results:
        return 2
    return int(any(fails(result.worst, least) for result in results))


def _print(
    results: Iterable[ValidationResult], form: str, least: Severity | None, *, nothing: str, why: bool, quiet: bool
) -> list[ValidationResult]:
    """Print the results and return them: text one by one, documents at the end."""
    if form == "text":
        return _print_text(results, least, nothing=nothing, why=why, quiet=quiet)
    every = list(results)
    if form == "junit":
        click.echo(junit_text(every, least))
    else:
        echo_json(sarif_text(every) if form == "sarif" else json_text(every))
    return every


def _print_text(
    results: Iterable[ValidationResult], least: Severity | None, *, nothing: str, why: bool, quiet: bool
) -> list[ValidationResult]:
    console = output()
    every = []
    codes: set[str] = set()
    repeats = _Repeats(console)
    for result in results:
        every.append(result)
        if quiet and not result.fault and not fails(result.worst, least):
            continue
        if not repeats.add_repeat(result):
            _print_one(result, console)
        codes.update(finding.code for finding in result.findings)
    repeats.print()
    if why:
        explain(codes, console)
    for line in _summary(every, nothing):
        console.print(line, style="dim", soft_wrap=True)
    return every


class _Repeats:
    """Files in a row that have the findings of the one printed before them; they become one line."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._printed: ValidationResult | None = None
        self._names: list[str] = []

    def add_repeat(self, result: ValidationResult) -> bool:
        """Whether a file only repeats the one before; if not, the line of those that did is printed."""
        before = self._printed
        if before is not None and result.findings == before.findings and not result.fault and not result.is_sequence:
            self._names.append(result.name)
            return True
        self.print()
        self._printed = result if result.findings and not result.fault and not result.is_sequence else None
        return False

    def print(self) -> None:
        """Print the line, if there were any."""
        if self._names:
            first, last = plain(self._names[0], 400), plain(self._names[-1], 400)
            which = first if len(self._names) == 1 else f"{counted(len(self._names), 'file')} from {first} to {last}"
            self._console.print(f"  the same in {which}", style="dim", markup=False, highlight=False, soft_wrap=True)
        self._names = []


def _print_one(result: ValidationResult, console: Console) -> None:
    if result.fault:
        name = plain(result.name, 400) or "''"
        click.echo(f"{name}: {plain(result.fault, 2_000)}", err=True)
        return
    title = Text(plain(result.name, 400), style="bold")
    if not result.findings:
        title.append("  no findings", style="green")
    console.print(title)
    if result.findings:
        console.print(indented(findings_table(result.findings, result.parts)))


def _summary(every: Sequence[ValidationResult], nothing: str) -> list[str]:
    """Lines about how many files were checked, what was found, and how many could not be checked."""
    faults = sum(bool(result.fault) for result in every)
    counts = Counter(finding.severity for result in every for finding in result.findings)
    words = severity_counts(counts)
    if not every:
        return [nothing]
    sequences = sum(result.is_sequence for result in every)
    files = len(every) - faults - sequences
    checked = [counted(files, "file")] if files else []
    checked += [counted(sequences, "sequence")] if sequences else []
    lines = [f"{' and '.join(checked)} checked: {', '.join(words) or 'no findings'}"] if checked else []
    if faults:
        places = len({result.name for result in every if result.fault})
        lines.append(f"{places} {'file or folder' if places == 1 else 'files or folders'} could not be checked")
    return lines
