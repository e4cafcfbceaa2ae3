"""How a check of deliveries is printed: one screen for people, documents for programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import replace

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from exr_inspector.cli.output.unchecked import REMEDY
from exr_inspector.delivery.check import Check, not_checked
from exr_inspector.delivery.grouping import group_findings
from exr_inspector.delivery.judgement import CheckedFile, JudgedSequence
from exr_inspector.model import Finding, Severity
from exr_inspector.report.words import plain
from exr_inspector.texts import csv_cell
from exr_inspector.validation.frame_numbers import FrameNumbers
from exr_inspector.validation.reports import ValidationResult
from exr_inspector.validation.rule import counted

_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.INFO: "cyan", None: "green"}
_MARKS = {Severity.ERROR: "x", Severity.WARNING: "!", Severity.INFO: ".", None: "."}
_STRIP_FRAMES = 50
_STRIP_MOST = 2_000
_SHOWN = 40
_NAMED = 4  # other files of a kind
_Hidden = tuple[str, Severity]


def renamed(check: Check, shown: Callable[[str], str]) -> Check:
    """The same check with every file, sequence and target by its name as `shown` has it."""

    def files(some: Sequence[CheckedFile]) -> tuple[CheckedFile, ...]:
        return tuple(replace(file, path=shown(file.path)) for file in some)

    return replace(
        check,
        sequences=tuple(
            replace(sequence, pattern=shown(sequence.pattern), files=files(sequence.files))
            for sequence in check.sequences
        ),
        files=files(check.files),
        others=files(check.others),
        ambiguous=tuple(tuple(map(shown, group)) for group in check.ambiguous),
        faults=tuple((shown(target), reason) for target, reason in check.faults),
    )


def results(check: Check) -> list[ValidationResult]:
    """Files and sequences as the reports of `validate` take them."""
    files = [*check.files, *check.others, *(file for sequence in check.sequences for file in sequence.files)]
    found = [
        ValidationResult(file.path, file.findings, check.policy, file.fault, levels=check.levels) for file in files
    ]
    found += [
        ValidationResult(sequence.pattern, sequence.findings, check.policy, is_sequence=True, levels=check.levels)
        for sequence in check.sequences
    ]
    return found + [ValidationResult(target, (), check.policy, reason) for target, reason in check.faults]


def csv_text(check: Check) -> str:
    """One line a finding; cells that a spreadsheet would take for a formula begin with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["path", "frame", "severity", "code", "message", "part", "channel", "found", "expected"])
    for sequence in check.sequences:
        for finding in sequence.findings:
            writer.writerow(_cells(sequence.pattern, None, finding))
    for file in [*(file for sequence in check.sequences for file in sequence.files), *check.files, *check.others]:
        if file.fault:
            code, _, message = file.fault.partition(": ")
            writer.writerow(map(csv_cell, (file.path, file.frame, "error", code, message, "", "", "", "")))
        for finding in file.findings:
            writer.writerow(_cells(file.path, file.frame, finding))
    return out.getvalue()


def _cells(path: str, frame: int | None, finding: Finding) -> list[object]:
    severity, place = finding.severity.label, (finding.part, finding.channel)
    cells = (path, frame, severity, finding.code, finding.message, *place, finding.found, finding.expected)
    return [csv_cell(cell) for cell in cells]


def print_check(check: Check, console: Console, *, least: Severity | None) -> None:
    """The verdict, a strip of frames, findings grouped to frames, and what to render again."""
    hidden: set[_Hidden] = set()
    for sequence in check.sequences:
        hidden |= _print_sequence(sequence, console, least)
    hidden |= _print_files(check.files, console, least)
    _print_others(check.others, console)
    for group in check.ambiguous:
        names = ", ".join(plain(path.rpartition("/")[2], 80) for path in group[:4])
        console.print(Text(f"No sequence recognised: {names}{' ...' if len(group) > 4 else ''}", style="yellow"))
    for target, reason in check.faults:
        console.print(Text(f"{plain(target, 400)}: {plain(reason, 2_000)}", style="bold red"), soft_wrap=True)
    kinds = ((Severity.INFO, "of severity info"), (Severity.WARNING, f"beyond {_SHOWN} lines of a sequence"))
    for severity, why in kinds:
        codes = ", ".join(sorted(code for code, worst in hidden if min(worst, Severity.WARNING) is severity))
        if codes:
            console.print(Text(f"Not shown: {codes} ({why}); --format json lists all", style="dim"), soft_wrap=True)
    for sentence in left_out(check):
        console.print(Text(sentence, style="yellow"), soft_wrap=True)
    console.print(_verdict(check, least))


def left_out(check: Check) -> list[str]:
    """What was not checked, and how to have it checked."""
    pixels = not_checked(check.stats)
    return [f"{sentence} {REMEDY}" if sentence in pixels else sentence for sentence in check.not_checked]


def _verdict(check: Check, least: Severity | None) -> Text:
    again = sum(len(sequence.rerender) for sequence in check.sequences)
    unread = check.unread
    worst = check.worst
    fails = bool(check.faults) or (least is not None and worst is not None and worst >= least)
    counts = [counted(check.checked, "file"), *([counted(len(check.sequences), "sequence")] if check.sequences else [])]
    words = f"{' in '.join(counts)} checked by {plain(check.policy)}"
    if again:
        words += f"; {counted(again, 'frame')} to render again"
    if unread:
        words += f"; {counted(unread, 'file')} could not be read"
    verdict = "STOPPED" if check.stopped else "FAILED" if fails else "PASSED"
    return Text(f"{verdict}  ", style="bold red" if fails else "bold yellow" if check.stopped else "bold green").append(
        words, style="default"
    )


def _print_sequence(sequence: JudgedSequence, console: Console, least: Severity | None) -> set[_Hidden]:
    """Returns what `_print_grouped` does, as does `_print_files`."""
    title = Text(plain(sequence.pattern, 400), style="bold")
    if sequence.is_texture:
        title.append(f"  {len(sequence.files)} textures: their numbers are no frames", style="default")
        console.print(title)
        return _print_grouped(sequence.files, (), console)
    there = f"{sequence.there} of {counted(len(sequence.expected), 'frame')}, {sequence.expected.words}"
    title.append(f"  {there}", style="default")
    fails = least is not None and sequence.worst is not None and sequence.worst >= least
    title.append("  FAILED" if fails else "  ok", style=_STYLES[sequence.worst])
    console.print(title)
    console.print(Padding(_strip(sequence), (0, 0, 0, 2), expand=False))
    hidden = _print_grouped(sequence.files, sequence.findings, console)
    for words, frames in (("render again", sequence.rerender), ("could not be read", sequence.unread)):
        if frames:
            line = Text(f"  {words}: ", style="bold").append(frames.text, style="default")
            console.print(line, soft_wrap=True)
    return hidden


def _strip(sequence: JudgedSequence) -> Text:
    """One sign a frame that is there or missing: `.` fine, `!` warning, `x` error, `-` missing."""
    worst = sequence.severities
    count = len(worst) + len(sequence.missing)
    if count > _STRIP_MOST:
        return Text(f"{count} frames: too many for a strip", style="dim")
    numbers = sorted({*worst, *sequence.missing})
    text = Text()
    for start in range(0, count, _STRIP_FRAMES):
        text.append(f"{numbers[start]:>8} ", style="dim")
        for number in numbers[start : start + _STRIP_FRAMES]:
            if number in worst:
                text.append(_MARKS[worst[number]], style=_STYLES[worst[number]])
            else:
                text.append("-", style="bold red")
        if start + _STRIP_FRAMES < count:
            text.append("\n")
    return text


def _print_files(files: Sequence[CheckedFile], console: Console, least: Severity | None) -> set[_Hidden]:
    """Files that are no frames."""
    hidden: set[_Hidden] = set()
    for file in files:
        if file.fault:
            console.print(
                Text(f"{plain(file.path, 400)}: {plain(file.fault, 2_000)}", style="bold red"), soft_wrap=True
            )
            continue
        fails = least is not None and file.worst is not None and file.worst >= least
        title = Text(plain(file.path, 400), style="bold")
        title.append("  FAILED" if fails else "  ok", style=_STYLES[file.worst])
        console.print(title)
        hidden |= _print_grouped([file], (), console)
    return hidden


def _print_others(files: Sequence[CheckedFile], console: Console) -> None:
    """Files that are no OpenEXR files, a line a kind."""
    kinds: dict[Finding, list[str]] = {}
    for file in files:
        kinds.setdefault(file.findings[0], []).append(file.path.rpartition("/")[2])
    table = _findings_table()
    for finding, names in sorted(kinds.items(), key=lambda kind: -kind[0].severity):
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        some = plain(f"{', '.join(sorted(names)[:_NAMED])}{more}", 400)
        level = Text(finding.severity.label, style=_STYLES[finding.severity])
        table.add_row(level, finding.code, Text(some), Text(finding.message))
    if kinds:
        console.print(Text("Other files", style="bold"))
        console.print(Padding(table, (0, 0, 0, 2), expand=False))


def _findings_table() -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", max_width=30)
    table.add_column(overflow="fold")
    return table


def _print_grouped(files: Sequence[CheckedFile], findings: Sequence[Finding], console: Console) -> set[_Hidden]:
    """A table of errors and warnings; returns the codes of which it shows nothing, with their severities."""
    rows = group_findings(files, findings)
    table = _findings_table()
    visible = [row for row in rows if row.severity > Severity.INFO][:_SHOWN]
    for row in visible:
        level = Text(row.severity.label, style=_STYLES[row.severity])
        frames = FrameNumbers.of(row.frames).text if row.files else ""  # messages of sequences name their frames
        table.add_row(level, row.code, frames, Text(plain(row.text, 400)))
    if visible:
        console.print(Padding(table, (0, 0, 0, 2), expand=False))
    shown = {row.code for row in visible}
    return {(row.code, row.severity) for row in rows if row.code not in shown}
