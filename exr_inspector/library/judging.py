"""`validate`: files and the sequences they are frames of, judged by a policy."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from exr_inspector.catalog.read.frames import frame_of_row
from exr_inspector.delivery.files import paths_of, unmet
from exr_inspector.delivery.judgement import Judgement, judge_frames
from exr_inspector.delivery.patterns import is_pattern, parse_pattern
from exr_inspector.errors import ExrInspectorError, LimitExceeded
from exr_inspector.library.arguments import target_names
from exr_inspector.library.reading import DEFAULT_STATS, Session, Stats, session, settings_for
from exr_inspector.library.results import ValidationReport
from exr_inspector.model import Inspection, SequenceName, StatsMode
from exr_inspector.validation import FrameSummary, Policy, frame_of_inspection
from exr_inspector.validation.reports import ValidationResult, sort_findings
from exr_inspector.validation.rule import counted

if TYPE_CHECKING:
    from exr_inspector.catalog.read.pages import FrameRows

# A summary is made before all names are known: its sequence and frame are filled in afterwards.
_UNNAMED = SequenceName("", "", "?", 0, 0)
_GIVE_UP = 10  # faults in a row after which the rest of a target is left: the store is down


class Frames:
    """The frames that were met; which of them belong together is settled when all their names are known.

    Args:
        targets: What the user named: patterns among them decide for the files that match.

    Attributes:
        newest: When the newest inspection of each folder was made.
    """

    def __init__(self, targets: Iterable[str]) -> None:
        self._patterns = [parse_pattern(target) for target in targets if is_pattern(target)]
        self._met: dict[str, FrameSummary] = {}
        self.newest: dict[str, datetime] = {}

    def add(self, inspection: Inspection, name: str) -> None:
        """Keep the file that the user knows as `name`."""
        self._note(name, inspection.inspected_at)
        self._keep(frame_of_inspection(replace(inspection, name=_UNNAMED)), name)

    def add_row(self, rows: FrameRows, name: str) -> None:
        """Keep a file by its stored rows."""
        self._note(name, rows.file["inspected_at"].replace(tzinfo=timezone.utc))
        file = {**rows.file, "sequence": _UNNAMED.sequence, "frame_number": _UNNAMED.frame}
        self._keep(frame_of_row(file, rows.parts, rows.channels, rows.stats), name)

    def _keep(self, frame: FrameSummary | None, name: str) -> None:
        if frame is not None:
            self._met[name] = frame

    def _note(self, name: str, inspected_at: datetime) -> None:
        directory = name.rpartition("/")[0]
        self.newest[directory] = max(self.newest.get(directory, inspected_at), inspected_at)

    @property
    def names(self) -> tuple[str, ...]:
        """The files that were met."""
        return tuple(self._met)

    def judgement(self, policy: Policy, asked: Mapping[str, Sequence[range]] | None = None) -> Judgement:
        """Which files are frames of which sequence, and what is found in each; `asked` as in `judge_frames`."""
        return judge_frames(self._met, policy, self._patterns, asked=asked)

    def judged(self, policy: Policy) -> Iterator[ValidationResult]:
        """Every sequence with its findings; names that leave it open which number is the frame are a fault."""
        yield from sequence_results(self.judgement(policy), policy)


def sequence_results(judgement: Judgement, policy: Policy) -> Iterator[ValidationResult]:
    """What was found in sequences as results; names that leave it open which number is the frame are a fault."""
    for sequence in judgement.sequences:
        yield ValidationResult(
            sequence.pattern, sequence.findings, policy.label, is_sequence=True, levels=policy.levels
        )
    for group in judgement.ambiguous:
        names = ", ".join(name.rpartition("/")[2] for name in group[:4])
        why = f"no sequence recognised: no number of {names} is certain to be the frame; give a pattern such as name_####.exr"
        yield ValidationResult(group[0].rpartition("/")[0], (), policy.label, why)


def judge_files(session: Session, targets: Iterable[str], frames: Frames | None) -> Iterator[ValidationResult]:
    """Files, folders, patterns and URLs, read and judged; with `frames`, these are gathered.

    What may pass (an outage, a changed object) is the fault of one file; where file after file has one, the rest of a target
    is left.
    """
    label = session.policy.label
    met: set[str] = set()
    for target in targets:
        in_a_row = 0
        try:
            with closing(session.inspect_each(unmet(paths_of(session.opener, target), met))) as answers:
                for name, answer in answers:
                    if isinstance(answer, ExrInspectorError):
                        in_a_row += 1
                        yield ValidationResult(name, (), label, f"{answer.code}: {answer}")
                        if in_a_row == _GIVE_UP:
                            yield ValidationResult(
                                target, (), label, f"the rest was skipped after {_GIVE_UP} faults in a row"
                            )
                            break
                        continue
                    in_a_row = 0
                    yield judged(name, answer, session.policy)
                    if frames is not None:
                        frames.add(answer, name)
        except ExrInspectorError as error:
            yield ValidationResult(target, (), label, f"{error.code}: {error}")


def judged(name: str, inspection: Inspection, policy: Policy) -> ValidationResult:
    """One inspected file's findings; a file that could not be read is a fault."""
    if inspection.unread:
        return ValidationResult(name, (), policy.label, inspection.unread)
    findings = sort_findings(inspection.findings)
    fault = f"{LimitExceeded.code}: pixels not read: {inspection.over_limit}" if inspection.over_limit else ""
    return ValidationResult(name, findings, policy.label, fault, unchecked=unchecked(inspection), levels=policy.levels)


def unchecked(inspection: Inspection) -> str:
    """Which pixels were not looked at; empty when all were, or when the file has none that can be read."""
    if inspection.error_code:
        return ""
    if inspection.pixels is None or inspection.stats_mode is StatsMode.OFF:
        return "pixels"
    parts = inspection.pixels.parts
    if all(part.chunks_read >= part.chunks_total for part in parts):
        return ""
    return f"pixels of {counted(sum(part.chunks_total - part.chunks_read for part in parts), 'chunk')}"


def validate(
    targets: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    policy: str = "default",
    stats: Stats = DEFAULT_STATS,
    hash: bool = False,  # noqa: A002 - the option's name everywhere
    sequences: bool = True,
    settings: Mapping[str, str] | None = None,
) -> ValidationReport:
    """Judge files and their sequences by the rules of a policy.

    Args:
        targets: One target or several: files, folders, patterns, URLs; see `inspect_all`.
        policy: Profile, YAML file or s3:// URL.
        stats: How much of the pixels to read; rules about pixels need some.
        hash: Whether to hash decoded pixels, which finds repeated frames; needs `stats="full"`.
        sequences: Whether the sequences that the files are frames of are judged, too.
        settings: As in `inspect`.

    Returns:
        A result for each file, then one for each sequence. A file that could not be read has a `fault`.

    Raises:
        PolicyError: There is no such policy, or it is wrong.
        SettingsError: A setting is wrong.
    """
    names = target_names(targets)
    with session(settings_for([*names, policy], settings), stats=stats, hash=hash, policy=policy) as made:
        frames = Frames(names) if sequences else None
        results = list(judge_files(made, names, frames))
        if frames is not None:
            results += frames.judged(made.policy)
    return ValidationReport(tuple(results))
