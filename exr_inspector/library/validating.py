"""`validate`: checks files and their sequences against a policy."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace

from exr_inspector.delivery.check import checked_file
from exr_inspector.delivery.files import new_names, paths_of
from exr_inspector.delivery.patterns import is_pattern, parse_pattern
from exr_inspector.delivery.sequences import CheckedFrames, check_frames
from exr_inspector.errors import ExrInspectorError
from exr_inspector.library.arguments import target_names
from exr_inspector.library.reading import DEFAULT_STATS, Session, Stats, session, settings_for
from exr_inspector.library.results import ValidationReport
from exr_inspector.model import Inspection, SequenceName, StatsMode
from exr_inspector.validation import FrameSummary, Policy
from exr_inspector.validation.inspected_frames import frame_of_inspection
from exr_inspector.validation.reports import ValidationResult
from exr_inspector.validation.rule import counted

# A summary is made before all names are known: its sequence and frame are filled in afterwards.
_UNNAMED = SequenceName("", "", "?", 0, 0)
UPPER_LEVELS = "levels above the first"
_MAX_CONSECUTIVE_FAULTS = 10  # faults in a row after which the rest of a target is skipped, since the store is down


class Frames:
    """Collects frames, which are grouped into sequences when all names are known.

    Args:
        targets: The targets; patterns among them decide which number of a name is the frame.
    """

    def __init__(self, targets: Iterable[str]) -> None:
        self._patterns = [parse_pattern(target) for target in targets if is_pattern(target)]
        self._summaries: dict[str, FrameSummary] = {}

    def add(self, answer: Inspection | ExrInspectorError, name: str) -> None:
        """Add a file with the name that the user gave. The frame of one that could not be read now is not missing."""
        if isinstance(answer, ExrInspectorError):
            self.add_summary(FrameSummary(name, "?", 0, padding=0, has_error=True, is_unread=True), name)
        else:
            self.add_summary(frame_of_inspection(replace(answer, name=_UNNAMED)), name)

    def add_summary(self, frame: FrameSummary | None, name: str) -> None:
        """Add a file by its summary, whose sequence and frame are ignored; None for a file that cannot be a frame."""
        if frame is not None:
            self._summaries[name] = frame

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the files."""
        return tuple(self._summaries)

    @property
    def directories(self) -> frozenset[str]:
        """The folders of the files."""
        return frozenset(name.rpartition("/")[0] for name in self._summaries)

    def check(self, policy: Policy, required: Mapping[str, Sequence[range]] | None = None) -> CheckedFrames:
        """The sequences with their findings; `required` as in `check_frames`."""
        return check_frames(self._summaries, policy, self._patterns, required=required)

    def results(self, policy: Policy) -> Iterator[ValidationResult]:
        """The results of all sequences."""
        yield from sequence_results(self.check(policy), policy)


def sequence_results(checked: CheckedFrames, policy: Policy) -> Iterator[ValidationResult]:
    """The results of sequences. Names in which several numbers may be the frame are a fault."""
    for sequence in checked.sequences:
        yield ValidationResult(
            sequence.pattern, sequence.findings, policy.label, is_sequence=True, levels=policy.levels
        )
    for group in checked.ambiguous:
        names = ", ".join(name.rpartition("/")[2] for name in group[:4])
        why = f"no sequence recognised: no number of {names} is certain to be the frame; give a pattern such as name_####.exr"
        yield ValidationResult(group[0].rpartition("/")[0], (), policy.label, why)


def validate_files(session: Session, targets: Iterable[str], frames: Frames | None) -> Iterator[ValidationResult]:
    """Yield the results of files, folders, patterns and URLs; with `frames`, the frames are collected there.

    A transient error (an outage, a changed object) is the fault of one file. After several of them in a row, the rest of the
    target is skipped.
    """
    label = session.policy.label
    seen: set[str] = set()
    for target in targets:
        in_a_row = 0
        try:
            with closing(session.inspect_each(new_names(paths_of(session.opener, target), seen))) as answers:
                for name, answer in answers:
                    yield file_result(name, answer, session.policy)
                    in_a_row = in_a_row + 1 if isinstance(answer, ExrInspectorError) else 0
                    if frames is not None:
                        frames.add(answer, name)
                    if in_a_row == _MAX_CONSECUTIVE_FAULTS:
                        skipped = f"the rest was skipped after {_MAX_CONSECUTIVE_FAULTS} faults in a row"
                        yield ValidationResult(target, (), label, skipped)
                        break
        except ExrInspectorError as error:
            yield ValidationResult(target, (), label, f"{error.code}: {error}")


def file_result(name: str, answer: Inspection | ExrInspectorError, policy: Policy) -> ValidationResult:
    """The result of a file; a file that could not be read has a fault."""
    file = checked_file(name, None, answer)
    left_out = unchecked(answer) if isinstance(answer, Inspection) else ""
    return ValidationResult(
        name, file.findings, policy.label, file.fault, left_out, levels=policy.levels, parts=file.parts
    )


def unchecked(inspection: Inspection) -> str:
    """Which pixels were not read; empty if all were, or if the file has no readable pixels.

    UPPER_LEVELS where nothing else is left out.
    """
    if inspection.error_code:
        return ""
    if inspection.pixels is None or inspection.stats_mode is StatsMode.OFF:
        return "pixels"
    parts = inspection.pixels.parts
    if all(part.chunks_read >= part.chunks_total for part in parts):
        there = {known.part: known.chunk_count for known in inspection.completeness}
        every = sum(there.get(number, 0) for number in {part.part for part in parts})
        return UPPER_LEVELS if sum(part.chunks_total for part in parts) < every else ""
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
    """Check files and their sequences against the rules of a policy.

    Args:
        targets: One target or several: files, folders, patterns, URLs; see `inspect_all`.
        policy: Profile, YAML file or s3:// URL.
        stats: Which pixels to read: `off`, `sampled` or `full`. Rules about pixels need some.
        hash: Whether to hash decoded pixels, to find repeated frames; needs `stats="full"`.
        sequences: Whether to check the sequences of the files too.
        settings: As in `inspect`.

    Returns:
        A result for each file, then one for each sequence. A file that could not be read has a `fault`.

    Raises:
        PolicyError: There is no such policy, or it is wrong.
        SettingsError: A setting is wrong.
    """
    names = target_names(targets)
    with session(settings_for([*names, policy], settings, stats=stats), stats=stats, hash=hash, policy=policy) as made:
        frames = Frames(names) if sequences else None
        results = list(validate_files(made, names, frames))
        if frames is not None:
            results += frames.results(made.policy)
    return ValidationReport(tuple(results))
