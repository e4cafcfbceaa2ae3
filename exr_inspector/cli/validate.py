"""`./run validate`: files, sequences or what the tables hold, judged by a policy; for people, programs and build servers."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from exr_inspector.assembly import inspector_from
from exr_inspector.cli.display import findings_table, plain
from exr_inspector.errors import ExrInspectorError
from exr_inspector.inspector import Inspector
from exr_inspector.model import Inspection, Severity, StatsMode
from exr_inspector.policies import PolicySource
from exr_inspector.settings import Settings, load_settings
from exr_inspector.sources import SourceOpener
from exr_inspector.sources.keys import split_url
from exr_inspector.telemetry import Telemetry
from exr_inspector.validation import (
    RULES,
    FrameSummary,
    Policy,
    frame_of_inspection,
    frame_of_row,
    validate,
    validate_sequence,
)
from exr_inspector.validation.reports import Judged, json_text, junit_text, sarif_text, sort_findings
from exr_inspector.validation.stored import with_problems

_UNREADABLE = "SOURCE_"
_NEVER = "never"
_FAIL_ON = {severity.label: severity for severity in Severity}
_PAGE_FILES = 500


@click.command("validate")
@click.argument("targets", nargs=-1, required=True, metavar="FILE_OR_FOLDER_OR_S3_URL...")
@click.option("--policy", default="default", show_default=True, help="Profile, YAML file or s3:// URL to judge by.")
@click.option(
    "--stats",
    type=click.Choice([mode.value for mode in StatsMode]),
    default=StatsMode.OFF.value,
    show_default=True,
    help="How much of the pixels to read; rules about pixels need some.",
)
@click.option(
    "--hash", "with_hash", is_flag=True, help="Hash decoded pixels, to find frames that repeat; --stats full."
)
@click.option("--sequence", "as_sequence", is_flag=True, help="Judge the sequences that the files are frames of, too.")
@click.option("--catalog", is_flag=True, help="Judge what the tables hold below a prefix, without reading any file.")
@click.option(
    "--fail-on",
    type=click.Choice([*_FAIL_ON, _NEVER]),
    default=Severity.ERROR.label,
    show_default=True,
    help="Least severity that makes the exit code 1.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "sarif", "junit"]),
    default="text",
    show_default=True,
    help="How to print findings.",
)
@click.option("--why", is_flag=True, help="Explain every rule that was broken, once.")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing of files without findings from --fail-on on.")
def command(
    targets: Sequence[str],
    *,
    policy: str,
    stats: str,
    with_hash: bool,
    as_sequence: bool,
    catalog: bool,
    fail_on: str,
    form: str,
    why: bool,
    quiet: bool,
) -> None:
    """Judge OpenEXR files by the rules of a policy. A folder, or a URL that ends in a slash, stands for all .exr below it.

    Exit code 0 when nothing is as bad as --fail-on, 1 when something is, 2 when something could not be judged at all.

    \b
    Examples:
      ./run validate samples/*.exr
      ./run validate --policy comp --stats full --why renders/shot010/beauty.1001.exr
      ./run validate --sequence renders/shot010/
      ./run validate --catalog --sequence s3://renders/shot010/
      ./run validate --format sarif --fail-on warning s3://renders/shot010/ > findings.sarif
    """
    settings = load_settings(os.environ, need=("catalog",) if catalog else ())
    opener = SourceOpener(settings)
    judge = PolicySource(policy, opener, Telemetry.to_log()).current()
    if catalog:
        results, frames = _from_catalog(settings, targets, judge, as_sequence=as_sequence)
    else:
        inspector = inspector_from(settings, stats=StatsMode(stats), with_hash=with_hash)
        results, frames = _from_files(opener, inspector, targets, judge)
    if as_sequence:
        results += _judge_sequences(frames, judge)
    least = _FAIL_ON.get(fail_on)
    _print(results, form, least, why=why, quiet=quiet)
    sys.exit(_exit_code(results, least))


def _judged(name: str, inspection: Inspection, policy: Policy) -> Judged:
    fault = ""
    if (inspection.error_code or "").startswith(_UNREADABLE):
        fault = f"{inspection.error_code}: {inspection.error_message}"
    return Judged(name, sort_findings(inspection.findings), policy.label, fault)


def _from_files(
    opener: SourceOpener, inspector: Inspector, targets: Iterable[str], policy: Policy
) -> tuple[list[Judged], list[FrameSummary]]:
    results: list[Judged] = []
    frames: list[FrameSummary] = []
    for target in targets:
        try:
            for name in _expand(opener, target):
                inspection = inspector.inspect(opener.open_url(name), policy)
                results.append(_judged(name, inspection, policy))
                if frame := frame_of_inspection(inspection):
                    frames.append(frame)
        except ExrInspectorError as error:
            # What may pass (an outage, a changed object) is raised by the inspector; the other targets are still judged.
            results.append(Judged(target, (), policy.label, f"{type(error).code}: {error}"))
    return results, frames


def _expand(opener: SourceOpener, target: str) -> Iterator[str]:
    """The files that a target stands for: itself, or all .exr below a folder or a URL that ends in a slash."""
    named = split_url(target)
    if named is not None:
        bucket, key = named
        if key and not key.endswith("/"):
            yield target
            return
        entries = opener.list(bucket, key)
        yield from (f"s3://{bucket}/{entry.key}" for entry in entries if entry.key.lower().endswith(".exr"))
    elif (folder := Path(target).expanduser()).is_dir():
        yield from (str(path) for path in sorted(folder.rglob("*")) if path.suffix.lower() == ".exr" and path.is_file())
    else:
        yield target


def _from_catalog(
    settings: Settings, prefixes: Iterable[str], policy: Policy, *, as_sequence: bool
) -> tuple[list[Judged], list[FrameSummary]]:
    # Imported here, since the vastdb SDK takes most of a second and judging files does without.
    from exr_inspector.assembly_catalog import catalog_config  # noqa: PLC0415
    from exr_inspector.catalog import Catalog  # noqa: PLC0415

    results: list[Judged] = []
    frames: list[FrameSummary] = []
    tables = Catalog(catalog_config(settings.require_catalog()))
    try:
        for prefix in prefixes:
            after: str | None = None
            while True:
                page = tables.read.list_files(prefix, limit=_PAGE_FILES, after=after)
                for summary in page.files:
                    stored = tables.read.file(summary.path)
                    if stored is None:  # removed since the page was read
                        continue
                    again = with_problems(stored.inspection)
                    findings = sort_findings(validate(again, policy))
                    results.append(Judged(summary.path, findings, policy.label))
                    frame = frame_of_row(stored.rows["files"][0]) if as_sequence else None
                    if frame is not None:
                        frames.append(frame)
                if (after := page.after) is None:
                    break
    finally:
        tables.close()
    return results, frames


def _judge_sequences(frames: Sequence[FrameSummary], policy: Policy) -> list[Judged]:
    judged = validate_sequence(frames, policy)
    return [Judged(name, sort_findings(findings), policy.label) for name, findings in judged.items()]


def _fails(result: Judged, least: Severity | None) -> bool:
    return least is not None and result.worst is not None and result.worst >= least


def _exit_code(results: Sequence[Judged], least: Severity | None) -> int:
    if any(result.fault for result in results) or not results:
        return 2
    return 1 if any(_fails(result, least) for result in results) else 0


def _print(results: Sequence[Judged], form: str, least: Severity | None, *, why: bool, quiet: bool) -> None:
    """Print in the form that was asked for."""
    if form == "text":
        _print_text(results, least, why=why, quiet=quiet)
        return
    if form == "junit":
        click.echo(junit_text(results, least))
    else:
        click.echo(sarif_text(results) if form == "sarif" else json_text(results))


def _print_text(results: Sequence[Judged], least: Severity | None, *, why: bool, quiet: bool) -> None:
    console = Console(soft_wrap=False)
    shown = [result for result in results if not quiet or result.fault or _fails(result, least)]
    for result in shown:
        title = Text(plain(result.name, 400), style="bold")
        if not result.findings and not result.fault:
            title.append("  no findings", style="green")
        console.print(title)
        if result.fault:
            click.echo(f"{result.name}: {result.fault}", err=True)
        if result.findings:
            console.print(Padding(findings_table(result.findings), (0, 0, 0, 2)))
    if why:
        _explain({finding.code for result in shown for finding in result.findings}, console)
    counts = dict.fromkeys(sorted(Severity, reverse=True), 0)
    for finding in (finding for result in results for finding in result.findings):
        counts[finding.severity] += 1
    words = ", ".join(f"{count} {severity.label}" for severity, count in counts.items() if count)
    console.print(f"{len(results)} judged: {words or 'no findings'}", style="dim")


def _explain(codes: Iterable[str], console: Console) -> None:
    """What the rules ask for and why, once each."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for code in sorted(codes):
        if rule := RULES.get(code):
            table.add_row(code, Text(f"{rule.title}. {rule.why} ({rule.source})"))
    console.print()
    console.print(table)
