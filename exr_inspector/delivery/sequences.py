"""Validate sequences: group files, find missing frames, and list the frames to render again. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from exr_inspector.delivery.naming import Frame, Recognised, recognise
from exr_inspector.delivery.siblings import siblings_of
from exr_inspector.delivery.textures import may_be_tiles, textures_among
from exr_inspector.model import Finding, Severity, Status, sort_findings
from exr_inspector.validation import RULES, FrameSummary, Policy, validate_sequence
from exr_inspector.validation.engine import RULE_FAILED
from exr_inspector.validation.facts.sequences import NO_SIBLINGS, Siblings, expected_frames
from exr_inspector.validation.frame_numbers import NO_FRAMES, FrameNumbers
from exr_inspector.validation.rule import Remedy

if TYPE_CHECKING:
    from exr_inspector.delivery.patterns import Pattern  # which the function does not have


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """One file.

    Attributes:
        path: The path or URL as the user gave it.
        frame: Frame number; None for a file that is not a frame.
        findings: Its findings, worst first.
        fault: Why it could not be read; empty if it was read.
        summary: The facts that are compared between frames; None for a file that is not a frame or could not be read.
        parts: Names of its parts, empty for a part without one; empty if the header could not be read.
    """

    path: str
    frame: int | None
    findings: tuple[Finding, ...]
    fault: str = ""
    summary: FrameSummary | None = field(default=None, repr=False)
    parts: tuple[str, ...] = ()

    @property
    def worst(self) -> Severity | None:
        """The severity of the worst finding; ERROR for an unreadable file."""
        if self.fault:
            return Severity.ERROR
        return max((finding.severity for finding in self.findings), default=None)


@dataclass(frozen=True, slots=True)
class CheckedSequence:
    """A validated sequence.

    Attributes:
        pattern: Path with the frame's digits as `#`.
        file_count: Number of its files.
        expected: Expected frames; for textures the existing numbers.
        missing: Expected frames without a file.
        findings: Findings of the sequence as a whole, worst first.
        rerender: Expected frames to render again: those whose file was read and has an error that neither another name, nor an
            edit of the header, nor a conversion fixes; and, if the policy makes it an error, those that are missing, black,
            constant, a copy of the previous frame, lack a bucket, or differ from most frames in size or channels.
        header_edits: Other expected frames whose errors an edit of the header fixes.
        conversions: Other expected frames whose errors a conversion fixes, as of the compression or the pixel type.
        error_files: Number of files that have an error of their own or could not be read.
        policy: Name and version of the policy.
        is_texture: Whether the files are UDIM tiles or mipmapped textures, whose numbers are not frames.
        required: Frames required by a given range; empty if the policy or the files decided.
        files: Its files by frame; empty if the sequence was validated from rows.
        fuller: Another view or AOV of the image with at least twice as many frames; empty without one or if a range was given.
        fuller_count: Number of frames that this one has.
        unchecked: Frames whose files were not read, because the check was stopped before.
    """

    pattern: str
    file_count: int
    expected: FrameNumbers
    missing: FrameNumbers = NO_FRAMES
    findings: tuple[Finding, ...] = ()
    rerender: FrameNumbers = NO_FRAMES
    header_edits: FrameNumbers = NO_FRAMES
    conversions: FrameNumbers = NO_FRAMES
    error_files: int = 0
    policy: str = ""
    is_texture: bool = False
    required: FrameNumbers = NO_FRAMES
    files: tuple[CheckedFile, ...] = field(default=(), repr=False)
    fuller: str = ""
    fuller_count: int = 0
    unchecked: FrameNumbers = NO_FRAMES

    @property
    def first(self) -> int:
        """The first expected frame."""
        return self.expected[0]

    @property
    def last(self) -> int:
        """The last expected frame."""
        return self.expected[-1]

    @property
    def present(self) -> int:
        """Number of expected frames that exist."""
        return len(self.expected) - len(self.missing)

    @property
    def worst(self) -> Severity | None:
        """The worst severity of the findings of its files and its own; ERROR if a file has an error."""
        found = [finding.severity for finding in self.findings]
        found += [file.worst for file in self.files if file.worst is not None]
        return Severity.ERROR if self.error_files else max(found, default=None)

    @property
    def unread(self) -> FrameNumbers:
        """Frames whose files could not be read."""
        return FrameNumbers.of(file.frame for file in self.files if file.fault and file.frame is not None)

    @property
    def severities(self) -> dict[int, Severity | None]:
        """The worst severity of each existing frame, from its files and from the sequence; None for a frame without findings.

        Frames to render again, to convert, or whose header to edit, count as errors.
        """
        found = [(file.frame, file.worst) for file in self.files if file.frame is not None]
        there = {frame for frame, _ in found}
        named: list[tuple[Sequence[int], Severity]] = [(finding.frames, finding.severity) for finding in self.findings]
        wrong = [(frames, Severity.ERROR) for frames in (self.rerender, self.header_edits, self.conversions)]
        for frames, level in [*named, *wrong]:
            shorter, longer = (frames, there) if len(frames) < len(there) else (there, frames)
            found += [(frame, level) for frame in shorter if frame in longer]
        worst: dict[int, Severity | None] = dict.fromkeys(sorted(there))
        for frame, severity in found:
            if severity is not None:
                worst[frame] = max(worst[frame] or severity, severity)
        return worst


def check_sequence(
    known: Recognised,
    summaries: Sequence[FrameSummary],
    policy: Policy,
    *,
    required: Sequence[range] = (),
    siblings: Siblings = NO_SIBLINGS,
    is_texture: bool = False,
) -> CheckedSequence:
    """Validate one sequence.

    Args:
        known: The sequence.
        summaries: The summaries of its frames, unreadable ones included, with the `sequence`, `frame` and `padding` of `known`.
        policy: The policy.
        required: Required frame ranges. If empty, the policy's range applies; without one, the range of the existing frames.
        siblings: The other views and AOVs of the same image.
        is_texture: Whether the files are textures (`textures_among`).
    """
    numbers = sorted({frame.frame for frame in summaries})
    faulty = [frame for frame in summaries if frame.has_error]
    read = [frame for frame in summaries if not frame.is_unread]
    if is_texture:
        return CheckedSequence(
            known.pattern,
            len(summaries),
            FrameNumbers.of(numbers),
            findings=sort_findings(validate_sequence(summaries, policy, siblings=siblings, is_texture=True)),
            error_files=len(faulty),
            policy=policy.label,
            is_texture=True,
        )
    others = {*siblings.frames.values(), *siblings.more.values()}
    if others and read and may_be_tiles(numbers, read, {known.pattern, *others}):
        siblings = NO_SIBLINGS
    resolved = policy.for_path(summaries[0].path)  # as the findings; the pattern may be that of a local file
    expected = expected_frames(
        sorted({*numbers, *siblings.frames}), required, resolved.parameters.frame_range, resolved.parameters.frame_step
    )
    missing = expected.missing(numbers)
    is_error = resolved.severity_of("SEQ-MISSING") is Severity.ERROR
    every = FrameNumbers.of_spans(expected.ranges)
    remedies = [(f.frame, _remedy(f)) for f in faulty if not f.is_unread and f.frame in every]
    more = {} if required or resolved.parameters.frame_range is not None else siblings.more
    lacking = sorted(set(more).difference(numbers))
    checked = CheckedSequence(
        pattern=known.pattern,
        file_count=len(summaries),
        expected=every,
        missing=missing,
        rerender=(_absent(missing, known, siblings) if is_error else NO_FRAMES).union(
            n for n, how in remedies if how is Remedy.RENDER
        ),
        header_edits=FrameNumbers.of(number for number, how in remedies if how is Remedy.EDIT),
        conversions=FrameNumbers.of(number for number, how in remedies if how is Remedy.CONVERSION),
        error_files=len(faulty),
        policy=policy.label,
        required=FrameNumbers.of_spans(required),
        fuller=more[lacking[0]] if lacking else "",
        fuller_count=len(more),
    )
    return with_findings(checked, validate_sequence(summaries, policy, required=required, siblings=siblings))


def _absent(missing: FrameNumbers, known: Recognised, siblings: Siblings) -> FrameNumbers:
    """The missing frames without those that are there under another spelling of the name, or as another version."""
    there = {*known.misspelt, *siblings.spellings, *siblings.versions}
    return FrameNumbers.of(number for number in missing if number not in there) if there else missing


def with_findings(sequence: CheckedSequence, findings: Iterable[Finding]) -> CheckedSequence:
    """Return the sequence with more findings, and the frames of their errors among those to render again, convert or edit.

    A frame is in one list: to be rendered again, else converted, else edited.
    """
    more = list(findings)

    def of(frames: Iterable[Sequence[int]]) -> set[int]:
        return {number for some in frames for number in some if number in sequence.expected}

    by_remedy: dict[Remedy, list[Sequence[int]]] = {}
    for finding in more:
        if finding.severity is Severity.ERROR:
            by_remedy.setdefault(_remedy_of(finding.code), []).append(finding.frames)
    rerender = sequence.rerender.union(of(by_remedy.get(Remedy.RENDER, ())))
    edits = sequence.header_edits.union(of(by_remedy.get(Remedy.EDIT, []) + by_remedy.get(Remedy.BYTES, [])))
    conversions = sequence.conversions.union(of(by_remedy.get(Remedy.CONVERSION, ())))
    conversions = FrameNumbers.of(number for number in conversions if number not in rerender)
    return replace(
        sequence,
        findings=sort_findings([*sequence.findings, *more]),
        rerender=rerender,
        header_edits=FrameNumbers.of(n for n in edits if n not in rerender and n not in conversions),
        conversions=conversions,
    )


def _remedy_of(code: str) -> Remedy:
    """The remedy of a rule; that of an unknown one, as of a policy's file, is not known."""
    return RULES[code].remedy if code in RULES else Remedy.NONE


def _remedy(frame: FrameSummary) -> Remedy:
    """What corrects all errors of a frame. Most tools cannot open a file whose header is invalid."""
    needed = {_remedy_of(code) for code in frame.error_codes if code != RULE_FAILED}
    if frame.error_codes and needed <= {Remedy.NAME}:  # a rule that failed is corrected, not the frame
        return Remedy.NAME
    if frame.status == Status.FAILED.value:
        return Remedy.EDIT if needed == {Remedy.BYTES} else Remedy.RENDER
    needed.discard(Remedy.NAME)
    if needed and needed <= {Remedy.BYTES, Remedy.EDIT}:
        return Remedy.EDIT
    return Remedy.CONVERSION if needed and needed <= {Remedy.BYTES, Remedy.EDIT, Remedy.CONVERSION} else Remedy.RENDER


@dataclass(frozen=True, slots=True)
class CheckedFrames:
    """The sequences among some files, validated.

    Attributes:
        sequences: The sequences by pattern, without textures.
        frames: Sequence and frame of each file that is a frame.
        ambiguous: Groups of names in which several numbers may be the frame number, so that no sequence was recognised.
    """

    sequences: tuple[CheckedSequence, ...]
    frames: Mapping[str, tuple[str, Frame]]
    ambiguous: tuple[tuple[str, ...], ...]

    def by_directory(self) -> dict[str, CheckedFrames]:
        """The sequences of the single folders, by folder."""
        sequences: dict[str, list[CheckedSequence]] = {}
        frames: dict[str, dict[str, tuple[str, Frame]]] = {}
        ambiguous: dict[str, list[tuple[str, ...]]] = {}
        for sequence in self.sequences:
            sequences.setdefault(_directory(sequence.pattern), []).append(sequence)
        for path, place in self.frames.items():
            frames.setdefault(_directory(path), {})[path] = place
        for group in self.ambiguous:
            ambiguous.setdefault(_directory(group[0]), []).append(group)
        return {
            name: CheckedFrames(tuple(sequences.get(name, ())), frames.get(name, {}), tuple(ambiguous.get(name, ())))
            for name in sequences.keys() | ambiguous.keys()
        }


NOTHING = CheckedFrames((), {}, ())


def _directory(path: str) -> str:
    return path.rpartition("/")[0]


def check_frames(
    files: Mapping[str, FrameSummary],
    policy: Policy,
    patterns: Iterable[Pattern] = (),
    *,
    required: Mapping[str, Sequence[range]] | None = None,
) -> CheckedFrames:
    """Group files into sequences and validate every sequence.

    Args:
        files: All files of some folders, by path; their `sequence`, `frame` and `padding` are ignored.
        policy: The policy.
        patterns: Patterns that group the files that match them; all other files are grouped by their names.
        required: Required frame ranges, by sequence; the ranges of a pattern take precedence.
    """
    left = list(files)
    found: list[Recognised] = []
    ambiguous: list[tuple[str, ...]] = []
    ranges = dict(required or {})
    for pattern in patterns:
        mine = {name for name in left if pattern.matches(name)}
        matching = pattern.recognise(mine)
        found += matching.sequences
        ambiguous += matching.ambiguous
        if pattern.ranges:
            ranges |= {known.pattern: pattern.ranges for known in matching.sequences}
        left = [name for name in left if name not in mine]
    recognition = recognise(left)
    ambiguous += recognition.ambiguous
    frames: dict[str, tuple[str, Frame]] = {}
    sequences = []
    found += recognition.sequences
    named = [
        (
            known,
            [
                replace(files[member.path], sequence=known.pattern, frame=member.number, padding=member.padding)
                for member in known.members
            ],
        )
        for known in found
    ]
    textures = textures_among(named)
    siblings = siblings_of(named, textures)
    for known, summaries in named:
        checked = check_sequence(
            known,
            summaries,
            policy,
            required=ranges.get(known.pattern, ()),
            siblings=siblings.get(known.pattern, NO_SIBLINGS),
            is_texture=known.pattern in textures,
        )
        if not checked.is_texture:
            sequences.append(checked)
            frames.update((member.path, (known.pattern, member)) for member in known.members)
    return CheckedFrames(tuple(sequences), frames, tuple(ambiguous))
