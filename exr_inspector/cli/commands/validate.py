"""`./run validate`: files, sequences or what the tables hold, judged by a policy; for people, programs and build servers."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import click
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from exr_inspector.cli.commands.explain import explain
from exr_inspector.cli.commands.validate_targets import Frames, from_catalog, from_files, gather_from_catalog
from exr_inspector.cli.output.tables import findings_table
from exr_inspector.cli.output.terminal import echo_json, output
from exr_inspector.cli.output.text import plain
from exr_inspector.inspector import Inspector
from exr_inspector.model import Severity, StatsMode
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.validation import Policy
from exr_inspector.validation.policies.source import PolicySource
from exr_inspector.validation.reports import Judged, json_text, junit_text, sarif_text

_NEVER = "never"
_FAIL_ON = {severity.label: severity for severity in Severity}


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
@click.option(
    "--sequence",
    is_flag=True,
    help="Judge the sequences that the files are frames of, too.",
)
@click.option("--sequence-only", is_flag=True, help="Judge the sequences, and no file by itself.")
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
    sequence: bool,
    sequence_only: bool,
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
      ./run validate --sequence renders/shot010/beauty.####.exr
      ./run validate --catalog --sequence-only s3://renders/shot010/
      ./run validate --format sarif --fail-on warning s3://renders/shot010/ > findings.sarif
    """
    if catalog and (with_hash or stats != StatsMode.OFF.value):
        raise click.UsageError("--stats and --hash read files, --catalog reads none: leave one or the other out")
    settings = load_settings(os.environ, need=("catalog",) if catalog else ())
    opener = SourceOpener(settings)
    judge = PolicySource.from_settings(settings, policy).current()
    frames = Frames(targets) if sequence or sequence_only else None
    if catalog and sequence_only and frames is not None:
        gather_from_catalog(settings, targets, frames)
        results: Iterable[Judged] = ()
    elif catalog:
        results = from_catalog(settings, targets, judge, frames)
    else:
        inspector = Inspector.from_settings(settings, stats=StatsMode(stats), with_hash=with_hash)
        results = from_files(opener, inspector, targets, judge, frames)
    if sequence_only:
        results = (result for result in results if result.fault)
    results = _and_sequences(results, frames, judge)
    least = _FAIL_ON.get(fail_on)
    every = _print(results, form, least, why=why, quiet=quiet)
    sys.exit(_exit_code(every, least))


def _and_sequences(results: Iterable[Judged], frames: Frames | None, policy: Policy) -> Iterator[Judged]:
    """The results, and behind them those of the sequences that were met on the way."""
    yield from results
    if frames is not None:
        yield from frames.judged(policy)


def _fails(result: Judged, least: Severity | None) -> bool:
    return least is not None and result.worst is not None and result.worst >= least


def _exit_code(results: Sequence[Judged], least: Severity | None) -> int:
    if any(result.fault for result in results) or not results:
        return 2
    return 1 if any(_fails(result, least) for result in results) else 0


def _print(results: Iterable[Judged], form: str, least: Severity | None, *, why: bool, quiet: bool) -> list[Judged]:
    """Print in the form that was asked for: text as results come, documents when all are there."""
    if form == "text":
        return _print_text(results, least, why=why, quiet=quiet)
    every = list(results)
    if form == "junit":
        click.echo(junit_text(every, least))
    else:
        echo_json(sarif_text(every) if form == "sarif" else json_text(every))
    return every


def _print_text(results: Iterable[Judged], least: Severity | None, *, why: bool, quiet: bool) -> list[Judged]:
    console = output()
    every = []
    codes: set[str] = set()
    for result in results:
        every.append(result)
        if quiet and not result.fault and not _fails(result, least):
            continue
        _print_one(result, console)
        codes.update(finding.code for finding in result.findings)
    if why:
        explain(codes, console)
    console.print(_summary(every), style="dim")
    return every


def _print_one(result: Judged, console: Console) -> None:
    if result.fault:
        click.echo(f"{plain(result.name, 400)}: {plain(result.fault, 2_000)}", err=True)
        return
    title = Text(plain(result.name, 400), style="bold")
    if not result.findings:
        title.append("  no findings", style="green")
    console.print(title)
    if result.findings:
        console.print(Padding(findings_table(result.findings), (0, 0, 0, 2), expand=False))


def _summary(every: Sequence[Judged]) -> str:
    """How many were judged, what was found, and how many could not be judged."""
    faults = sum(bool(result.fault) for result in every)
    counts = Counter(finding.severity for result in every for finding in result.findings)
    words = [f"{counts[severity]} {severity.label}" for severity in sorted(counts, reverse=True)]
    if not every:
        return "nothing to judge: no .exr file, or no row of one, is there"
    judged = len(every) - faults
    told = [f"{judged} judged: {', '.join(words) or 'no findings'}"] if judged else []
    return "; ".join([*told, f"{faults} could not be judged"] if faults else told)
