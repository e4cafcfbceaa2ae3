"""Check a delivery: inspect every file, validate files and sequences, and list the frames to render again."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

from exr_inspector.delivery.checked import with_files
from exr_inspector.delivery.copies import with_copies
from exr_inspector.delivery.files import Expansion, expand, new_names
from exr_inspector.delivery.naming import Frame, Recognised, recognise
from exr_inspector.delivery.patterns import united
from exr_inspector.delivery.read_ahead import inspect_each
from exr_inspector.delivery.sequences import CheckedFile, CheckedSequence, check_sequence
from exr_inspector.delivery.siblings import siblings_of
from exr_inspector.delivery.strays import files_beside, overwritten_aovs, with_stray
from exr_inspector.delivery.textures import textures_among
from exr_inspector.documents import json_document
from exr_inspector.errors import ExrInspectorError, LimitExceeded, NothingMatches, PatternError
from exr_inspector.inspector import Inspector
from exr_inspector.memory import FileMemory
from exr_inspector.model import Inspection, SequenceName, Severity, StatsMode, sort_findings
from exr_inspector.sidecars import manifest_paths
from exr_inspector.storage import SourceOpener
from exr_inspector.validation import FrameSummary, Policy
from exr_inspector.validation.facts.sequences import NO_SIBLINGS, Siblings
from exr_inspector.validation.frame_numbers import FrameNumbers
from exr_inspector.validation.inspected_frames import frame_of_inspection
from exr_inspector.validation.reports import ValidationResult, finding_json
from exr_inspector.validation.rule import counted

OnProgress = Callable[[int, int], None]
Observer = Callable[[str, Inspection], None]
_OF_PIXELS = "NaN, black frames, missing buckets, copies and, on S3, a cut in the last chunk"


def not_checked(stats: StatsMode, unread: int | None = None) -> tuple[str, ...]:
    """Sentences that name what a check with these pixel statistics cannot find.

    Args:
        stats: How many pixels were read.
        unread: Number of files whose pixels were not all read; None if it is unknown.
    """
    if unread == 0 or (unread is None and stats is StatsMode.FULL):
        return ()
    of = "" if unread is None else f" of {unread} file{'s' * (unread != 1)}"
    if stats is StatsMode.OFF:
        return (f"No pixel{of} was read: {_OF_PIXELS} were not looked for.",)
    return (f"Not all pixels{of} were read: {_OF_PIXELS} may be missed.",)


@dataclass(frozen=True, slots=True)
class DeliveryCheck:
    """The result of a check. Its `repr` is one line.

    Attributes:
        sequences: The sequences, by pattern.
        files: OpenEXR files that are not frames of a sequence.
        others: Files without the extension of OpenEXR files; they are not read.
        ambiguous: Groups of names in which several numbers may be the frame number, so that no sequence was recognised.
        faults: Targets that could not be listed, with the reason.
        stats: Which pixels were read.
        policy: Name and version of the policy.
        total: Number of files that the targets name.
        stopped: Whether the check was interrupted before all files were checked.
        levels: Severities that the policy sets, by rule; None for the rule's own.
        folders: Folders of which all files were named, because a target is this folder or one above it.
    """

    sequences: tuple[CheckedSequence, ...]
    files: tuple[CheckedFile, ...]
    ambiguous: tuple[tuple[str, ...], ...]
    faults: tuple[tuple[str, str], ...]
    stats: StatsMode
    policy: str
    total: int
    stopped: bool = False
    levels: Mapping[str, Severity | None] = field(default_factory=dict)
    others: tuple[CheckedFile, ...] = ()
    folders: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        """`<Check: checked files, sequences, worst severity, frames to render again, headers to edit, frames to convert>`."""
        facts = [counted(self.checked, "file"), counted(len(self.sequences), "sequence")]
        facts.append(f"worst severity {self.worst.label}" if self.worst is not None else "no findings")
        rerender_count = sum(len(sequence.rerender) for sequence in self.sequences)
        facts += [f"{counted(rerender_count, 'frame')} to render again"] * bool(rerender_count)
        edit_count = sum(len(sequence.header_edits) for sequence in self.sequences)
        facts += [f"{counted(edit_count, 'header')} to edit"] * bool(edit_count)
        conversion_count = sum(len(sequence.conversions) for sequence in self.sequences)
        facts += [f"{counted(conversion_count, 'frame')} to convert"] * bool(conversion_count)
        facts += [f"{counted(len(self.faults), 'target')} could not be read"] * bool(self.faults)
        return f"<Check: {', '.join(facts)}>"

    @property
    def words(self) -> str:
        """The numbers of checked files and sequences: `40 files in 1 sequence`, `54 files (4 of them in 1 sequence)`."""
        files, sequences = counted(self.checked, "file"), counted(len(self.sequences), "sequence")
        frames = self.checked - len(self.files)
        if not self.sequences:
            return files
        return f"{files} in {sequences}" if frames == self.checked else f"{files} ({frames} of them in {sequences})"

    @property
    def checked(self) -> int:
        """Number of files that were checked."""
        return len(self.files) + sum(len(sequence.files) for sequence in self.sequences)

    @property
    def unread(self) -> int:
        """Number of files that could not be read."""
        files = [*self.files, *(file for sequence in self.sequences for file in sequence.files)]
        return sum(1 for file in files if file.fault)

    @property
    def worst(self) -> Severity | None:
        """The worst severity of all findings; None without findings."""
        found = [*(item.worst for item in self.sequences), *(item.worst for item in (*self.files, *self.others))]
        return max((severity for severity in found if severity is not None), default=None)

    @property
    def not_checked(self) -> tuple[str, ...]:
        """Sentences that name what this check did not cover."""
        words = not_checked(self.stats)
        unclear = sum(map(len, self.ambiguous))
        if unclear:
            words = (*words, f"No sequence was recognised among {unclear} files: give a pattern such as name_####.exr.")
        if self.stopped:
            words = (*words, f"The check was stopped: {self.checked} of {self.total} files were checked.")
        return words

    @property
    def results(self) -> tuple[ValidationResult, ...]:
        """Its files, sequences and targets that could not be listed, as `validate` returns them."""
        files = [*self.files, *self.others, *(file for sequence in self.sequences for file in sequence.files)]
        return (
            *(
                ValidationResult(
                    file.path, file.findings, self.policy, file.fault, levels=self.levels, parts=file.parts
                )
                for file in files
            ),
            *(
                ValidationResult(each.pattern, each.findings, self.policy, is_sequence=True, levels=self.levels)
                for each in self.sequences
            ),
            *(ValidationResult(target, (), self.policy, reason) for target, reason in self.faults),
        )

    def to_json(self) -> str:
        """The result as one JSON document."""
        document = {
            "policy": self.policy,
            "stats": self.stats.value,
            "files_total": self.total,
            "files_checked": self.checked,
            "stopped": self.stopped,
            "worst_severity": self.worst.label if self.worst is not None else None,
            "not_checked": list(self.not_checked),
            "faults": [{"target": target, "reason": reason} for target, reason in self.faults],
            "ambiguous": [list(group) for group in self.ambiguous],
            "sequences": [
                {
                    "pattern": sequence.pattern,
                    "is_texture": sequence.is_texture,
                    "first": sequence.first,
                    "last": sequence.last,
                    "expected_frames": sequence.expected.text,
                    "missing_frames": sequence.missing.text,
                    "missing_count": len(sequence.missing),
                    "rerender_frames": sequence.rerender.text,
                    "rerender_count": len(sequence.rerender),
                    "header_edit_frames": sequence.header_edits.text,
                    "header_edit_count": len(sequence.header_edits),
                    "conversion_frames": sequence.conversions.text,
                    "conversion_count": len(sequence.conversions),
                    "unread_frames": sequence.unread.text,
                    "unchecked_frames": sequence.unchecked.text,
                    "worst_severity": sequence.worst.label if sequence.worst is not None else None,
                    "findings": [finding_json(finding) for finding in sequence.findings],
                    "files": [_file_json(file) for file in sequence.files],
                }
                for sequence in self.sequences
            ],
            "files": [_file_json(file) for file in self.files],
            "other_files": [_file_json(file) for file in self.others],
        }
        return json_document(document, indent=2)


def _file_json(file: CheckedFile) -> dict[str, Any]:
    return {
        "path": file.path,
        "frame": file.frame,
        "worst_severity": file.worst.label if file.worst is not None else None,
        "fault": file.fault or None,
        "findings": [finding_json(finding) for finding in file.findings],
    }


@dataclass(slots=True)
class _Gathered:
    """A sequence and those of its files that have been read."""

    known: Recognised
    files: list[CheckedFile] = field(default_factory=list)

    @property
    def summaries(self) -> list[FrameSummary]:
        """The summaries of the frames that could be read."""
        return [file.summary for file in self.files if file.summary is not None]


@dataclass(slots=True)
class _ReadFiles:
    """The files that have been read.

    Attributes:
        places: The sequence and frame of each file that is a frame.
        gathered: The sequences with a file that has been read, by pattern.
        singles: The files that are not frames.
        manifests: Paths of the sidecar files with manifests of Cryptomattes.
    """

    places: Mapping[str, tuple[Recognised, Frame]]
    gathered: dict[str, _Gathered] = field(default_factory=dict)
    singles: list[CheckedFile] = field(default_factory=list)
    manifests: set[str] = field(default_factory=set)

    def add(self, name: str, answer: Inspection | ExrInspectorError) -> None:
        """Add a file with its inspection, or with the error that prevented it."""
        if isinstance(answer, Inspection):
            self.manifests.update(manifest_paths(name, answer.names))
        place = self.places.get(name)
        if place is None:
            self.singles.append(checked_file(name, None, answer))
        else:
            known, frame = place
            item = self.gathered.setdefault(known.pattern, _Gathered(known))
            _add_frame(item, checked_file(name, frame.number, answer), frame, answer)


def check_files(
    targets: Sequence[str],
    *,
    opener: SourceOpener,
    inspector: Inspector,
    policy: Policy,
    frames: tuple[range, ...] = (),
    progress: OnProgress | None = None,
    observe: Observer | None = None,
) -> DeliveryCheck:
    """Check files, folders, patterns and URLs; each file is read once.

    Args:
        targets: Files, folders, patterns and URLs, see `files.expand`.
        opener: Opens the files.
        inspector: Inspects the files. Some rules need its pixel hashes and full statistics.
        policy: The rules and their severities.
        frames: Frames that every sequence must have, in ascending order. If empty, the first of these that is set decides:
            the union of the ranges of all patterns that the sequence matches, the policy's range, the range of existing frames.
        progress: Called after each file with the number of files checked and the number of all files.
        observe: Called with the name and the inspection of each file that could be read. The memory of the inspection is
            released afterwards: the result keeps only findings and the summary that is compared between frames.

    Returns:
        The result; after KeyboardInterrupt the files checked until then, with `stopped` set.
    """
    expansions, faults = _expand_all(opener, targets, frames)
    seen: set[str] = set()
    others = list(new_names((path for expansion in expansions for path in expansion.others), seen))
    names = list(new_names((path for expansion in expansions for path in expansion.paths), seen))
    read = _ReadFiles(_places(expansions))
    stopped = False

    def inspect(name: str, memory: FileMemory) -> Inspection:
        return inspector.inspect(opener.open_url(name), policy, memory=memory)

    try:
        with closing(inspect_each(names, inspect, inspector.memory)) as answers:
            for done, (name, answer) in enumerate(answers, 1):
                if observe is not None and isinstance(answer, Inspection):
                    observe(name, answer)
                read.add(name, answer)
                if progress is not None:
                    progress(done, len(names))
    except KeyboardInterrupt:
        stopped = True
    sequences = _sequences(read.gathered, policy, _required_ranges(expansions, frames), stopped=stopped)
    if frames and not stopped:
        faults += _without_frames(expansions, frames, {item.pattern for item in sequences if not item.is_texture})
    return DeliveryCheck(
        sequences=tuple(sorted(sequences, key=lambda item: item.pattern)),
        files=tuple(_with_strays(read.singles, expansions, sequences, policy)),
        others=tuple(files_beside((path for path in others if path not in read.manifests), policy)),
        ambiguous=tuple(group for expansion in expansions for group in expansion.recognition.ambiguous),
        faults=tuple(faults),
        stats=inspector.config.stats,
        policy=policy.label,
        total=len(names),
        stopped=stopped,
        levels=policy.levels,
        folders=frozenset(folder for expansion in expansions for folder in expansion.folders),
    )


def _with_strays(
    files: Iterable[CheckedFile], expansions: Iterable[Expansion], sequences: Iterable[CheckedSequence], policy: Policy
) -> Iterator[CheckedFile]:
    """The files that are not frames, each with a finding if it does not belong to the delivery.

    Files with ambiguous names get none: `DeliveryCheck.ambiguous` lists them.
    """
    known = [expansion.recognition for expansion in expansions]
    singles = [path for each in known for path in each.singles]
    strays = overwritten_aovs(singles, (sequence for each in known for sequence in each.sequences))
    strays |= {path: why for each in known for path, why in each.strays.items()}
    unclear = {path for each in known for group in each.ambiguous for path in group}
    folders = {sequence.pattern.rpartition("/")[0] for sequence in sequences if not sequence.is_texture}
    for file in files:
        yield file if file.path in unclear else with_stray(file, strays.get(file.path, ""), folders, policy)


def _expand_all(
    opener: SourceOpener, targets: Iterable[str], frames: tuple[range, ...]
) -> tuple[list[Expansion], list[tuple[str, str]]]:
    """The expansions of the targets, and the targets that could not be listed completely, with the reason."""
    expansions: list[Expansion] = []
    faults: list[tuple[str, str]] = []
    for target in targets:
        try:
            expansions.append(_expanded(opener, target, frames))
        except ExrInspectorError as error:
            faults.append((target, f"{error.code}: {error}"))
    faults += [(item.target, f"{item.fault.code}: {item.fault}") for item in expansions if item.fault]
    return _with_siblings(expansions), faults


def _with_siblings(expansions: Iterable[Expansion]) -> list[Expansion]:
    """The expansions, with files that were named one by one joined with those of their folder.

    A shell expands `sh010/*.exr` to such names, and a sequence is recognised by all names of its folder.
    """
    found: list[Expansion] = []
    named: list[str] = []
    for expansion in expansions:
        if expansion.paths == (expansion.target,):
            named.append(expansion.target)
        else:
            found.append(expansion)
    seen: set[str] = set()
    list(new_names((path for expansion in found for path in expansion.paths), seen))
    by_folder: dict[str, list[str]] = {}
    for path in new_names(named, seen):
        by_folder.setdefault(path.rpartition("/")[0], []).append(path)
    return [*found, *(Expansion(paths[0], recognise(paths)) for paths in by_folder.values())]


def _expanded(opener: SourceOpener, target: str, frames: tuple[range, ...]) -> Expansion:
    """As `expand`. Raises PatternError if the pattern's frame ranges contradict `frames`."""
    found = expand(opener, target)
    if frames and found.ranges and found.ranges != frames:
        wanted, given = (FrameNumbers(ranges).text for ranges in (found.ranges, frames))
        raise PatternError(f"the pattern asks for frames {wanted}, the argument frames for {given}: give one of them")
    return found


def _required_ranges(expansions: Iterable[Expansion], frames: tuple[range, ...]) -> dict[str, tuple[range, ...]]:
    """The required frame ranges of each sequence: the union over its targets; a target without ranges adds none."""
    ranges: dict[str, set[range]] = {}
    for expansion in expansions:
        for sequence in expansion.recognition.sequences:
            ranges.setdefault(sequence.pattern, set()).update(expansion.ranges or frames)
    return {pattern: united(given) for pattern, given in ranges.items()}


def _without_frames(
    expansions: Iterable[Expansion], frames: tuple[range, ...], sequences: Container[str]
) -> Iterator[tuple[str, str]]:
    """The targets without a recognised sequence, in which the frames cannot be looked up, with the reason."""
    asked = f"{NothingMatches.code}: frames {FrameNumbers(frames).text} were asked for, but"
    for expansion in expansions:
        known = expansion.recognition
        for group in known.ambiguous:
            some = ", ".join(path.rpartition("/")[2] for path in group[:4])
            yield (
                expansion.target,
                f"{asked} no sequence was recognised among {some}: give a pattern such as name_####.exr",
            )
        if known.ambiguous or any(sequence.pattern in sequences for sequence in known.sequences):
            continue
        why = "the files are textures, whose numbers are no frames" if known.sequences else "no sequence was recognised"
        yield expansion.target, f"{asked} {why}"


def _places(expansions: Iterable[Expansion]) -> dict[str, tuple[Recognised, Frame]]:
    """The sequence and frame of each file that is a frame."""
    return {
        frame.path: (sequence, frame)
        for expansion in expansions
        for sequence in expansion.recognition.sequences
        for frame in sequence.members
    }


def _add_frame(item: _Gathered, file: CheckedFile, frame: Frame, answer: Inspection | ExrInspectorError) -> None:
    """Add a frame to its sequence: its findings, and the summary that is compared with other frames."""
    if isinstance(answer, ExrInspectorError):
        item.files.append(file)
        return
    folder, name = answer.name.directory, answer.name.file_name
    named = SequenceName(folder, name, item.known.pattern, frame.number, frame.padding)
    item.files.append(replace(file, summary=frame_of_inspection(replace(answer, name=named))))


def checked_file(name: str, frame: int | None, answer: Inspection | ExrInspectorError) -> CheckedFile:
    """The file with its findings, or with the reason why it, or its pixels, could not be read."""
    if isinstance(answer, ExrInspectorError):
        return CheckedFile(name, frame, (), f"{answer.code}: {answer}")
    if answer.unread:
        return CheckedFile(name, frame, (), answer.unread)
    fault = f"{LimitExceeded.code}: pixels not read: {answer.over_limit}" if answer.over_limit else ""
    return CheckedFile(name, frame, sort_findings(answer.findings), fault, parts=answer.part_names)


def _unread_frame(folder: str, pattern: str, path: str, number: int) -> FrameSummary:
    name = path.rpartition("/")[2]
    return FrameSummary(f"{folder}/{name}", pattern, number, padding=0, has_error=True, is_unread=True)


def _sequences(
    gathered: Mapping[str, _Gathered], policy: Policy, required: Mapping[str, Sequence[range]], *, stopped: bool
) -> list[CheckedSequence]:
    known = [(item.known, item.summaries) for item in gathered.values()]
    textures = textures_among(known)
    images = [each for each in known if each[0].pattern not in textures]
    siblings = {} if stopped else with_copies(siblings_of(known, textures), images)
    return [
        _checked_sequence(
            item,
            policy,
            required.get(pattern, ()),
            siblings.get(pattern, NO_SIBLINGS),
            is_texture=pattern in textures,
        )
        for pattern, item in gathered.items()
        if item.files
    ]


def _checked_sequence(
    item: _Gathered, policy: Policy, required: Sequence[range], siblings: Siblings, *, is_texture: bool
) -> CheckedSequence:
    files = tuple(sorted(item.files, key=lambda file: (file.frame or 0, file.path)))
    summaries = [file.summary for file in files if file.summary is not None]
    # Policies match the path within the bucket. Only inspected files have it, so unread files take their folder.
    folder = (summaries[0].path if summaries else files[0].path).rpartition("/")[0]
    unread = [
        _unread_frame(folder, item.known.pattern, file.path, file.frame)
        for file in files
        if file.summary is None and file.frame is not None
    ]
    done = {file.path for file in files}
    rest = [frame for frame in item.known.members if frame.path not in done]  # there, but the check was stopped
    unread += [_unread_frame(folder, item.known.pattern, frame.path, frame.number) for frame in rest]
    checked = check_sequence(
        item.known, [*summaries, *unread], policy, required=required, siblings=siblings, is_texture=is_texture
    )
    return replace(
        with_files(checked, files),
        error_files=sum(file.worst is Severity.ERROR for file in files),
        unchecked=FrameNumbers.of(frame.number for frame in rest),
    )
