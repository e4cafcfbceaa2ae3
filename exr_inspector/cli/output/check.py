"""Prints a check of a delivery: one screen for people, or a document for programs."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

from rich.console import Console
from rich.table import Table
from rich.text import Text

from exr_inspector.cli.options import fails
from exr_inspector.cli.output.tables import SEVERITY_STYLES, indented, plain_table, severity_text
from exr_inspector.cli.output.text import REMEDY
from exr_inspector.delivery.check import DeliveryCheck, not_checked
from exr_inspector.delivery.grouping import group_findings, group_strays
from exr_inspector.delivery.sequences import CheckedFile, CheckedSequence
from exr_inspector.documents import csv_cell
from exr_inspector.model import Finding, Severity
from exr_inspector.report.words import plain
from exr_inspector.validation.facts.sequences import sibling_name
from exr_inspector.validation.frame_numbers import FrameNumbers
from exr_inspector.validation.rule import counted, listed

_MARKS = {Severity.ERROR: "x", Severity.WARNING: "!", Severity.INFO: ".", None: "."}
_STRIP_FRAMES = 50  # in a line
_MAX_STRIP_FRAMES = 2_000
_SHOWN = 40  # lines of findings for each sequence
_NAMED = 4  # names of other files for each kind
_STRAYS_NAMED = 10  # copies and the like in a line
_Hidden = tuple[str, Severity]


def renamed(check: DeliveryCheck, shown: Callable[[str], str]) -> DeliveryCheck:
    """The check with `shown` applied to the names of all files, sequences and targets."""

    def files(some: Sequence[CheckedFile]) -> tuple[CheckedFile, ...]:
        return tuple(replace(file, path=shown(file.path)) for file in some)

    return replace(
        check,
        sequences=tuple(
            replace(
                sequence,
                pattern=shown(sequence.pattern),
                files=files(sequence.files),
                fuller=sequence.fuller and shown(sequence.fuller),
            )
            for sequence in check.sequences
        ),
        files=files(check.files),
        others=files(check.others),
        ambiguous=tuple(tuple(map(shown, group)) for group in check.ambiguous),
        faults=tuple((shown(target), reason) for target, reason in check.faults),
    )


def csv_text(check: DeliveryCheck) -> str:
    """One line of CSV for each finding, below a heading; findings of sequences have ranges of frames."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["path", "frame", "severity", "code", "message", "part", "channel", "found", "expected"])
    for sequence in check.sequences:
        for finding in sequence.findings:
            writer.writerow(_cells(sequence.pattern, FrameNumbers.of(finding.frames).text, finding))
    for file in [*(file for sequence in check.sequences for file in sequence.files), *check.files, *check.others]:
        if file.fault:
            code, _, message = file.fault.partition(": ")
            writer.writerow(map(csv_cell, (file.path, file.frame, "error", code, message, "", "", "", "")))
        for finding in file.findings:
            writer.writerow(_cells(file.path, file.frame, finding))
    return out.getvalue()


def _cells(path: str, frame: int | str | None, finding: Finding) -> list[object]:
    severity, place = finding.severity.label, (finding.part, finding.channel)
    cells = (path, frame, severity, finding.code, finding.message, *place, finding.found, finding.expected)
    return [csv_cell(cell) for cell in cells]


def print_check(check: DeliveryCheck, console: Console, *, least: Severity | None, info: bool = False) -> None:
    """Print a strip of frames, the findings with their frames, the frames to render again, and the result.

    Args:
        check: The check.
        console: Where to print it.
        least: The lowest severity of a finding that lets the check fail; None if none does.
        info: Whether findings of severity info are printed, too.
    """
    hidden: set[_Hidden] = set()
    for sequence in check.sequences:
        hidden |= _print_sequence(sequence, console, least, info=info)
    hidden |= _print_files(check.files, console, least, info=info)
    _print_others(check.others, console)
    for group in check.ambiguous:
        names = ", ".join(plain(path.rpartition("/")[2], 80) for path in group[:4])
        console.print(Text(f"No sequence recognised: {names}{' ...' if len(group) > 4 else ''}", style="yellow"))
    for target, reason in check.faults:
        name = plain(target, 400) or "''"
        console.print(Text(f"{name}: {plain(reason, 2_000)}", style="bold red"), soft_wrap=True)
    kinds = (
        (False, "of severity info); --info shows them"),
        (True, f"beyond {_SHOWN} lines of a sequence); --format json lists all"),
    )
    for is_beyond, why in kinds:
        if codes := ", ".join(sorted({code for code, worst in hidden if (info or worst > Severity.INFO) is is_beyond})):
            console.print(Text(f"Not shown: {codes} ({why}", style="dim"), soft_wrap=True)
    for sentence in left_out(check):
        console.print(Text(sentence, style="yellow"), soft_wrap=True)
    console.print(_result(check, least))


def left_out(check: DeliveryCheck) -> list[str]:
    """Sentences about what was not checked, and the option that checks it."""
    pixels = not_checked(check.stats)
    return [f"{sentence} {REMEDY}" if sentence in pixels else sentence for sentence in check.not_checked]


def _result(check: DeliveryCheck, least: Severity | None) -> Text:
    rerender_count = sum(len(sequence.rerender) for sequence in check.sequences)
    is_failed = bool(check.faults) or fails(check.worst, least)
    words = f"{check.words} checked by {plain(check.policy)}" if check.checked else "no file was checked"
    if rerender_count:
        words += f"; {counted(rerender_count, 'frame')} to render again"
    if edit_count := sum(len(sequence.header_edits) for sequence in check.sequences):
        words += f"; {counted(edit_count, 'header')} to edit"
    if conversion_count := sum(len(sequence.conversions) for sequence in check.sequences):
        words += f"; {counted(conversion_count, 'frame')} to convert"
    if check.unread:
        words += f"; {counted(check.unread, 'file')} could not be read"
    if check.faults:
        words += f"; {counted(len(check.faults), 'target')} could not be checked"
    if check.worst is Severity.ERROR and not fails(check.worst, least):
        words += "; errors were found, which --fail-on never accepts"
    read = "FAILED" if is_failed else "PASSED"
    result = "STOPPED" if check.stopped else read if check.checked else "NOT CHECKED"
    style = "bold red" if is_failed else "bold yellow" if check.stopped else "bold green"
    return Text(f"{result}  ", style=style).append(words, style="default")


def _outcome(checked: CheckedSequence | CheckedFile, least: Severity | None) -> Text:
    passed = "  has errors" if checked.worst is Severity.ERROR else "  ok"
    if isinstance(checked, CheckedSequence) and checked.unchecked:
        passed += " so far"
    return Text(
        "  FAILED" if fails(checked.worst, least) else passed, style=SEVERITY_STYLES.get(checked.worst, "green")
    )


def _print_sequence(sequence: CheckedSequence, console: Console, least: Severity | None, *, info: bool) -> set[_Hidden]:
    """Print a sequence; return what `_print_grouped` returns."""
    title = Text(plain(sequence.pattern, 400), style="bold")
    if sequence.is_texture:
        title.append(
            f"  {counted(len(sequence.files), 'texture')}: {sequence.expected.words} (no frame numbers)",
            style="default",
        )
        console.print(title, soft_wrap=True)
        return _print_grouped(sequence.files, sequence.findings, console, info=info)
    every = counted(len(sequence.expected), "frame")
    if sequence.fuller:
        every = f"the {sequence.fuller_count} frames of {plain(sibling_name(sequence.pattern, sequence.fuller), 400)}"
    title.append(f"  {sequence.present} of {every}, {sequence.expected.words}", style="default").append(
        _outcome(sequence, least)
    )
    console.print(title, soft_wrap=True)
    console.print(indented(_strip(sequence)))
    hidden = _print_grouped(sequence.files, sequence.findings, console, info=info)
    lists = (
        ("render again", sequence.rerender),
        ("edit the header", sequence.header_edits),
        ("convert", sequence.conversions),
        ("could not be read", sequence.unread),
        ("not checked", sequence.unchecked),
    )
    for words, frames in lists:
        if frames:
            console.print(Text(f"  {words}: ", style="bold").append(frames.text, style="default"), soft_wrap=True)
    return hidden


def _strip(sequence: CheckedSequence) -> Text:
    """One character for each frame: `.` fine, `!` warning, `x` error, `-` missing, `?` not checked."""
    worst = sequence.severities
    unchecked = {number for number in sequence.unchecked if number not in worst}
    count = len(worst) + len(sequence.missing) + len(unchecked)
    if count > _MAX_STRIP_FRAMES:
        return Text(f"{count} frames: too many for a strip", style="dim")
    numbers = sorted({*worst, *sequence.missing, *unchecked})
    text = Text()
    for start in range(0, count, _STRIP_FRAMES):
        text.append(f"{numbers[start]:>8} ", style="dim")
        for number in numbers[start : start + _STRIP_FRAMES]:
            if number in worst:
                text.append(_MARKS[worst[number]], style=SEVERITY_STYLES.get(worst[number], "green"))
            elif number in unchecked:
                text.append("?", style="yellow")
            else:
                text.append("-", style="bold red")
        if start + _STRIP_FRAMES < count:
            text.append("\n")
    return text


def _print_files(files: Sequence[CheckedFile], console: Console, least: Severity | None, *, info: bool) -> set[_Hidden]:
    """Print files that are not frames; return what `_print_grouped` returns."""
    hidden: set[_Hidden] = set()
    for file, *more in group_strays(files):
        if file.fault:
            console.print(
                Text(f"{plain(file.path, 400)}: {plain(file.fault, 2_000)}", style="bold red"), soft_wrap=True
            )
            continue
        names = listed([file.path, *(each.path.rpartition("/")[2] for each in more)], _STRAYS_NAMED)
        console.print(Text(plain(names, 400), style="bold").append(_outcome(file, least)), soft_wrap=True)
        hidden |= _print_grouped([file, *more], (), console, info=info)
    return hidden


def _print_others(files: Sequence[CheckedFile], console: Console) -> None:
    """Print files that are not OpenEXR, with one line for each kind."""
    names = Counter(file.path.rpartition("/")[2] for file in files)
    kinds: dict[Finding, list[str]] = {}
    for file in files:
        name = file.path.rpartition("/")[2]
        kinds.setdefault(file.findings[0], []).append(name if names[name] == 1 else file.path)
    if kinds:
        console.print(Text("Other files", style="bold"))
    for finding, shown in sorted(kinds.items(), key=lambda kind: -kind[0].severity):
        space = " " * (9 - len(finding.severity.label))
        line = Text("  ").append(severity_text(finding.severity)).append(f"{space}{finding.code}  ")
        line.append(f"{plain(listed(sorted(shown), _NAMED), 400)}  {finding.message}")
        console.print(line, soft_wrap=True)  # no name is broken


def _findings_table() -> Table:
    table = plain_table()
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", max_width=30)
    table.add_column(overflow="fold")
    return table


def _print_grouped(
    files: Sequence[CheckedFile], findings: Sequence[Finding], console: Console, *, info: bool
) -> set[_Hidden]:
    """Print a table of errors, warnings and, with `info`, the rest; return codes and severities of what it leaves out."""
    rows = group_findings(files, findings)
    table = _findings_table()
    visible = [row for row in rows if info or row.severity > Severity.INFO][:_SHOWN]
    for row in visible:
        frames = FrameNumbers.of(row.frames).in_words() if row.files else ""  # messages of sequences name their frames
        table.add_row(severity_text(row.severity), row.code, frames, Text(plain(row.text, 400)))
    if visible:
        console.print(indented(table))
    shown = {row.code for row in visible}
    return {(row.code, row.severity) for row in rows if row.code not in shown}
