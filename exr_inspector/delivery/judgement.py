"""Sequences judged as a whole: which files belong together, what is found, what is missing, what to render again. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from exr_inspector.delivery.naming import Frame, Pattern, Recognised, match_pattern, recognise
from exr_inspector.model import Finding, Severity
from exr_inspector.validation import FrameSummary, Policy, validate_sequence
from exr_inspector.validation.reports import sort_findings
from exr_inspector.validation.rules.sequences import missing_frames, number_ranges

# Rules whose frames only a new render puts right.
_RERENDERED = frozenset({"SEQ-BLACK", "SEQ-CONSTANT", "SEQ-DUP", "SEQ-RES", "SEQ-CHANNELS", "SEQ-BUCKET"})

_RANGE = re.compile(r"(-?\d+)(?:-(-?\d+))?")


def frame_ranges(frames: Iterable[int]) -> list[tuple[int, str]]:
    """As `number_ranges`, of frame numbers in any order."""
    return number_ranges(sorted(set(frames)))


def ranges(frames: Iterable[int]) -> str:
    """Frame numbers as render managers take them: `1033,1077-1079`."""
    return ",".join(text for _, text in frame_ranges(frames))


def frames_of(text: str) -> tuple[int, ...]:
    """The frame numbers of `ranges`."""
    found: list[int] = []
    for first, last in _RANGE.findall(text):
        found += range(int(first), int(last or first) + 1)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class JudgedSequence:
    """One sequence.

    Attributes:
        pattern: Path with the frame's digits as `#`.
        file_count: Its files.
        first: First frame that is expected.
        last: Last frame that is expected.
        missing: Frames that are expected and not there, the first thousand.
        missing_count: All of them.
        findings: Of the sequence as a whole, worst first.
        rerender: Frames to render again: those whose file has an error, and those that are missing, black, flat, copies of the
            frame before, with a hole, or of another size or other channels than most, where the policy takes that for an error.
        error_files: Files that have an error of their own, or cannot be read.
        policy: Name and version of the policy.
        is_texture: Whether the files are UDIM tiles or mip-mapped textures: then their numbers are no frames.
    """

    pattern: str
    file_count: int
    first: int
    last: int
    missing: tuple[int, ...] = ()
    missing_count: int = 0
    findings: tuple[Finding, ...] = ()
    rerender: tuple[int, ...] = ()
    error_files: int = 0
    policy: str = ""
    is_texture: bool = False

    @property
    def worst(self) -> Severity | None:
        """The worst severity of its findings; an error where a file has one of its own."""
        if self.error_files:
            return Severity.ERROR
        return max((finding.severity for finding in self.findings), default=None)


def judge_sequence(
    known: Recognised,
    summaries: Sequence[FrameSummary],
    policy: Policy,
    *,
    unread: Iterable[int] = (),
    bounds: tuple[int, int] | None = None,
) -> JudgedSequence:
    """Judge the frames of one sequence.

    Args:
        known: The sequence.
        summaries: What was learned of its frames; their `sequence`, `frame` and `padding` are those of `known`.
        policy: The policy.
        unread: Numbers of frames whose files are there but could not be read.
        bounds: First and last frame that must be there; else as the policy says, else those that are.
    """
    unread = list(unread)
    numbers = sorted({*(frame.frame for frame in summaries), *unread})
    faulty = [*(frame.frame for frame in summaries if frame.has_error), *unread]
    first, last = numbers[0], numbers[-1]
    count = len(summaries) + len(unread)
    if known.is_udim or (summaries and all(frame.is_texture for frame in summaries)):
        return JudgedSequence(
            known.pattern, count, first, last, error_files=len(faulty), policy=policy.label, is_texture=True
        )
    by_frames = policy if bounds is None else policy.with_parameters(frame_range=bounds)
    findings: tuple[Finding, ...] = ()
    for found in validate_sequence(summaries, by_frames).values():
        findings = sort_findings(found)
    resolved = by_frames.for_path(known.pattern)
    first, last = resolved.parameters.frame_range or (first, last)
    step = resolved.parameters.frame_step
    missing = missing_frames(numbers, first, last, step)
    expected = range(first, last + 1, step)
    rerender = set(faulty)
    if resolved.severity_of("SEQ-MISSING") is Severity.ERROR:
        rerender.update(missing)
    judged = JudgedSequence(
        pattern=known.pattern,
        file_count=count,
        first=first,
        last=last,
        missing=missing,
        missing_count=len(expected) - sum(number in expected for number in numbers),
        rerender=tuple(sorted(rerender)),
        error_files=len(faulty),
        policy=policy.label,
    )
    return with_findings(judged, findings)


def with_findings(judged: JudgedSequence, findings: Iterable[Finding]) -> JudgedSequence:
    """A sequence with more findings; the frames of what the policy takes for an error are to be rendered again."""
    more = list(findings)
    faulty = {
        frame
        for finding in more
        if finding.severity is Severity.ERROR and finding.code in _RERENDERED
        for frame in finding.frames
    }
    return replace(
        judged,
        findings=sort_findings([*judged.findings, *more]),
        rerender=tuple(sorted(faulty.union(judged.rerender))),
    )


@dataclass(frozen=True, slots=True)
class Judgement:
    """What some files are, and what is found in the sequences among them.

    Attributes:
        sequences: By pattern; textures are not among them.
        frames: Sequence and frame of each file that is one; all others are no frames.
        ambiguous: Groups of names in which several numbers vary: no sequence was recognised.
    """

    sequences: tuple[JudgedSequence, ...]
    frames: Mapping[str, tuple[str, Frame]]
    ambiguous: tuple[tuple[str, ...], ...]

    def by_directory(self) -> dict[str, Judgement]:
        """The same, folder by folder."""
        sequences: dict[str, list[JudgedSequence]] = {}
        frames: dict[str, dict[str, tuple[str, Frame]]] = {}
        ambiguous: dict[str, list[tuple[str, ...]]] = {}
        for judged in self.sequences:
            sequences.setdefault(_directory(judged.pattern), []).append(judged)
        for path, place in self.frames.items():
            frames.setdefault(_directory(path), {})[path] = place
        for group in self.ambiguous:
            ambiguous.setdefault(_directory(group[0]), []).append(group)
        return {
            name: Judgement(tuple(sequences.get(name, ())), frames.get(name, {}), tuple(ambiguous.get(name, ())))
            for name in sequences.keys() | ambiguous.keys()
        }


NOTHING = Judgement((), {}, ())


def _directory(path: str) -> str:
    return path.rpartition("/")[0]


def judge_frames(files: Mapping[str, FrameSummary], policy: Policy, patterns: Iterable[Pattern] = ()) -> Judgement:
    """Settle which files are frames of one sequence, and judge every sequence.

    Args:
        files: All files of some folders, by path; their `sequence`, `frame` and `padding` are not looked at.
        policy: The policy.
        patterns: Patterns that decide for the files that match them; what is left, the names decide.
    """
    left = list(files)
    found: list[Recognised] = []
    for pattern in patterns:
        found += match_pattern(pattern, left).sequences
        left = [name for name in left if pattern.frame_of(name) is None]
    recognition = recognise(left)
    frames: dict[str, tuple[str, Frame]] = {}
    sequences = []
    for known in [*found, *recognition.sequences]:
        summaries = [
            replace(files[member.path], sequence=known.pattern, frame=member.number, padding=member.padding)
            for member in known.members
        ]
        judged = judge_sequence(known, summaries, policy)
        if not judged.is_texture:
            sequences.append(judged)
            frames.update((member.path, (known.pattern, member)) for member in known.members)
    return Judgement(tuple(sequences), frames, recognition.ambiguous)
