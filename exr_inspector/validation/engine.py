"""Run the rules of a policy on an inspection or a sequence. Pure: no I/O, no clock.

A rule that raises an exception is a bug, in this package or in a show's own rules. The exception neither aborts the inspection
nor makes the file look clean: all other rules run, and the failure becomes a finding, RULE-FAILED.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from traceback import extract_tb

from exr_inspector.errors import DeadlineExceeded, MemoryBusy, UnknownLayout
from exr_inspector.exr.limits import NO_BOUNDS, Bounds
from exr_inspector.exr.names import MOST_IMAGES
from exr_inspector.model import Finding, Inspection, Severity, StatsMode
from exr_inspector.validation.facts.channel_facts import ChannelFacts
from exr_inspector.validation.facts.facts import FileFacts, PartFacts
from exr_inspector.validation.facts.sequences import NO_SIBLINGS, SequenceFacts, Siblings
from exr_inspector.validation.frame_numbers import FrameNumbers, joined_ranges
from exr_inspector.validation.frames import FrameSummary
from exr_inspector.validation.from_problems import failure_finding, problem_findings
from exr_inspector.validation.policies.plan import RuleGroup, Step
from exr_inspector.validation.policies.policy import Policy, ResolvedPolicy
from exr_inspector.validation.registry import RULES, Parameters
from exr_inspector.validation.rule import Found, Results, Rule, Scope, Stage
from exr_inspector.validation.rules.sequences.hosts import hosts_of_findings

RULE_FAILED = "RULE-FAILED"
_HOST = "SEQ-HOST"
# ACE and DEL rules are requirements on the file, although they check each part; one setting of a writer usually decides the
# compression of all parts.
_OF_WHOLE_FILES = frozenset({"ACE", "CMP", "DEL"})
_ANY_PART = -1
MAX_FINDINGS_PER_CODE = 50
MAX_TEXT_CHARACTERS = 2_000  # of `message`, `found` and `expected`, which may quote names from the file


def _finding(step: Step, found: Found, part: int | None) -> Finding:
    rule = step.rule
    severity = step.severity or found.severity or rule.severity
    if not isinstance(severity, Severity):
        raise TypeError(f"a severity is {severity!r}, expected Severity.INFO, Severity.WARNING or Severity.ERROR")
    index = found.part if found.part is not None else part
    message, said, expected = found.message, found.found, found.expected
    if len(message) + len(said) + len(expected) > MAX_TEXT_CHARACTERS:
        message, said, expected = _shortened(message), _shortened(said), _shortened(expected)
    fields = (rule.code, severity, message, index, found.channel, said, expected, found.offset, ())
    return tuple.__new__(Finding, fields)  # equals Finding(...), but faster


def _violations(results: object) -> list[Found]:
    """The violations that a rule returned, which is not None or empty.

    Raises:
        TypeError: A rule of one's own returned something else.
    """
    if isinstance(results, (str, Found)) or not isinstance(results, Iterable):
        raise TypeError(f"it returned a {type(results).__name__}, expected a list of Found")
    every = list(results)
    wrong = next((each for each in every if not isinstance(each, Found)), None)
    if wrong is not None:
        raise TypeError(f"it returned a list with a {type(wrong).__name__}, expected a list of Found")
    return every


def _of_sequence(step: Step, found: Found) -> Finding:
    return _finding(step, found, None)._replace(frames=FrameNumbers.of(found.frames))


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_TEXT_CHARACTERS else f"{text[: MAX_TEXT_CHARACTERS - 3]}..."


def _failed(step: Step, part: int | None, error: Exception) -> Finding:
    """The finding of a rule that raised an exception or returned something other than violations.

    For a show's own rule it has at least the rule's severity, so that a delivery cannot pass because a rule did not run.
    """
    rule = step.rule
    if getattr(rule.check, "__module__", "").startswith("exr_inspector."):
        message = (
            f"Rule {rule.code} failed with {type(error).__name__}; this is a bug in exr-inspector, not in the file"
        )
        return Finding(RULE_FAILED, Severity.WARNING, message, part, found=rule.code)
    severity = max(Severity.WARNING, step.severity or Severity.WARNING, rule.severity)
    message = (
        f"Rule {rule.code} of your own failed{_place(rule, error)}: {type(error).__name__}: {error}; correct the rule"
    )
    return Finding(RULE_FAILED, severity, _shortened(message), part, found=rule.code)


def _place(rule: Rule, error: Exception) -> str:
    """The line of a rule's own file that raised an exception, as ` at rules.py:16`; else that of the rule."""
    code = getattr(rule.check, "__code__", None)
    lines = [each.lineno for each in extract_tb(error.__traceback__) if code and each.filename == code.co_filename]
    return f" at {Path(code.co_filename).name}:{[code.co_firstlineno, *lines][-1]}" if code else ""


def _run(
    groups: tuple[RuleGroup, ...],
    subject: ChannelFacts | PartFacts | FileFacts,
    parameters: Parameters,
    part: int | None,
    findings: list[Finding],
) -> None:
    """Call each rule of which the subject has a trait, and append the findings."""
    traits = subject.traits
    for mask, steps in groups:
        if not traits & mask:
            continue
        for step in steps:
            try:
                results: Results = step[0](subject, parameters)
                if results:
                    findings += [_finding(step, found, part) for found in _violations(results)]
            except MemoryBusy:
                raise
            except Exception as error:  # noqa: BLE001 - the boundary of one rule, see the module's docstring
                findings.append(_failed(step, part, error))


def _channel_findings(policy: ResolvedPolicy, facts: ChannelFacts, part: int) -> tuple[Finding, ...]:
    """The findings of the rules of scope CHANNELS."""
    findings: list[Finding] = []
    _run(policy.plan.channels, facts, policy.parameters, part, findings)
    return tuple(findings)


# Cached, because the frames of a sequence have equal channel lists.
_kept_findings = lru_cache(maxsize=1024)(_channel_findings)


def _without_superseded(findings: list[Finding]) -> list[Finding]:
    """Drop the findings that a more specific rule reports for the same part with at least the same severity."""
    # The worst severity of each fact in each part, and in all parts and the file together (under the part -1).
    worst: dict[tuple[str, str, int | None], Severity] = {}
    for finding in findings:
        for part in (finding.part, _ANY_PART):
            fact = finding.code, finding.found, part
            worst[fact] = max(worst.get(fact, finding.severity), finding.severity)

    def is_superseded(finding: Finding) -> bool:
        rule = RULES.get(finding.code)
        parts = (_ANY_PART,) if finding.part is None else (finding.part, None)
        return any(
            severity >= finding.severity
            for code in (rule.yields_to if rule else ())
            for part in parts
            if (severity := worst.get((code, finding.found, part))) is not None
        )

    return [finding for finding in findings if not is_superseded(finding)]


def _merge_key(finding: Finding) -> tuple[str, ...] | None:
    """The key under which equal findings of several parts are merged into one; None for a finding that is never merged."""
    if finding.part is None or finding.code not in RULES:
        return None
    if _is_reported_once(finding):
        return (finding.code, finding.severity.label, finding.expected)
    rule = RULES[finding.code]
    if rule.scope is not Scope.REPORTED and rule.stage is not Stage.TABLE:
        return None
    return (finding.code, finding.severity.label, finding.expected, finding.found, finding.message)


def _is_reported_once(finding: Finding) -> bool:
    """Whether a finding that several parts have, even with different values, is reported once for the file.

    This holds for rules of severity info (even if a policy raises it), for requirements on the whole file, and for rules on
    channel names and types that are not errors.
    """
    rule = RULES[finding.code]
    is_naming = rule.scope is Scope.CHANNELS and rule.severity is not Severity.ERROR
    return Severity.INFO in {finding.severity, rule.severity} or rule.group in _OF_WHOLE_FILES or is_naming


def _merged_across_parts(findings: list[Finding]) -> list[Finding]:
    """Merge the findings that several parts repeat into one that names the parts."""
    keys = [_merge_key(finding) for finding in findings]
    repeated: dict[tuple[str, ...] | None, list[Finding]] = {}
    for key, finding in zip(keys, findings, strict=True):
        repeated.setdefault(key, []).append(finding)
    parts_of = {
        key: sorted({each.part for each in group if each.part is not None}) if key else []
        for key, group in repeated.items()
    }
    kept = []
    for key, finding in zip(keys, findings, strict=True):
        parts = parts_of[key]
        if len(parts) < 2:
            kept.append(finding)
        elif finding is repeated[key][0]:
            is_equal = len({(each.found, each.message) for each in repeated[key]}) == 1
            every = f"{'the same' if is_equal else 'similar'} in parts {joined_ranges(parts)} ({len(parts)} in all)"
            kept.append(finding._replace(message=_shortened(f"{finding.message}; {every}"), part=None))
    return kept


def _capped(findings: list[Finding]) -> list[Finding]:
    """Keep the first findings of each code, and replace the rest by one that gives their number."""
    counts: dict[str, int] = {}
    worst: dict[str, Severity] = {}
    frames: dict[str, set[int]] = {}
    kept = []
    for finding in findings:
        code = finding.code
        count = counts[code] = counts.get(code, 0) + 1
        worst[code] = max(worst.get(code, finding.severity), finding.severity)
        if count <= MAX_FINDINGS_PER_CODE:
            kept.append(finding)
        else:
            frames.setdefault(code, set()).update(finding.frames)
    for code, count in counts.items():
        if (more := count - MAX_FINDINGS_PER_CODE) > 0:
            rest = FrameNumbers.of(frames[code])
            kept.append(Finding(code, worst[code], f"{more} more of this kind", found=str(count), frames=rest))
    return kept


def validate_file(inspection: Inspection, policy: Policy, bounds: Bounds = NO_BOUNDS) -> tuple[Finding, ...]:
    """Validate one file.

    Args:
        inspection: The inspection of the file; its `findings` are ignored.
        policy: The policy; it is resolved for the file's path.
        bounds: Its `checkpoint` is called before the facts and the rules of each part, its other functions for values that are
            decoded here (id manifests). A DeadlineExceeded or MemoryBusy from them ends the validation.

    Returns:
        Findings of the file, then of each part; at most MAX_FINDINGS_PER_CODE of a code, and one with the number of the rest.
    """
    resolved = policy.for_path(inspection.path)
    findings = problem_findings(inspection, resolved) if inspection.problems else []
    if inspection.error_code is not None:
        failure = failure_finding(inspection, resolved)
        # The cause of an unknown layout, such as an unknown compression, is usually reported as a problem already.
        is_known = inspection.error_code == UnknownLayout.code and any(
            each.severity is Severity.ERROR for each in findings
        )
        if failure is not None and not is_known and all(finding.code != failure.code for finding in findings):
            findings.insert(0, failure)
    header = inspection.header
    if header is not None and header.parts and not header.is_partial:
        try:
            facts = FileFacts(inspection, header, bounds)
        except DeadlineExceeded:
            raise
        except Exception as error:  # noqa: BLE001 - as for a rule that raises, see the module's docstring
            bug = f"No rule could be called ({type(error).__name__}); this is a bug in exr-inspector, not in the file"
            findings.append(Finding(RULE_FAILED, Severity.WARNING, bug))
        else:
            _run_all(facts, resolved, findings)
    if len(findings) > 1:
        findings = _without_superseded(findings)
        if header is not None and len(header.parts) > 1:
            findings = _merged_across_parts(findings)
        if len(findings) > MAX_FINDINGS_PER_CODE:
            findings = _capped(findings)
        findings.sort(key=lambda finding: -1 if finding.part is None else finding.part)
    return tuple(findings)


def _run_all(facts: FileFacts, policy: ResolvedPolicy, findings: list[Finding]) -> None:
    plan, parameters = policy.plan, policy.parameters
    pixels = facts.inspection.stats_mode is not StatsMode.OFF
    _run(plan.files, facts, parameters, None, findings)
    if pixels:
        _run(plan.file_pixels, facts, parameters, None, findings)
    for part in facts.parts:
        facts.bounds.checkpoint()
        findings_of = _kept_findings if part.channel_facts.is_kept else _channel_findings
        findings += findings_of(policy, part.channel_facts, part.index)
        _run(plan.parts, part, parameters, part.index, findings)
        if pixels:
            _run(plan.part_pixels, part, parameters, part.index, findings)


def validate_sequence(
    frames: Sequence[FrameSummary],
    policy: Policy,
    *,
    required: Sequence[range] = (),
    siblings: Siblings = NO_SIBLINGS,
    is_texture: bool = False,
) -> tuple[Finding, ...]:
    """Return the findings of one sequence.

    Args:
        frames: Its frames, in any order; at least one.
        policy: The policy; it is resolved for the path of the first frame.
        required: Required frame ranges, instead of the policy's `frame_range`.
        siblings: The other views and AOVs of the same image.
        is_texture: Whether the files are textures: rules with `of_textures` are called, and no others.
    """
    facts = SequenceFacts(frames[0].sequence, frames, required, siblings, is_texture=is_texture)
    resolved = policy.for_path(facts.frames[0].path)
    steps = [step for step in resolved.plan.sequences if step.rule.of_textures is is_texture]
    findings = _of_steps(steps, facts, resolved.parameters)
    of_views = [step for step in steps if step.rule.of_views]
    views = Counter(view for frame in facts.frames for view in frame.other_views)
    for view, _ in sorted(views.most_common(MOST_IMAGES - 1)):
        images = SequenceFacts(facts.name, (_of_view(frame, view) for frame in facts.frames), required)
        found = _of_steps(of_views, images, resolved.parameters)
        findings += [
            each._replace(message=_shortened(f"View {view}: {each.message}"))
            for each in found
            if not _is_named(each, [other for other in findings if other.code == each.code])
        ]
    findings = [each for each in findings if not _is_said_by_another(each, findings)]
    return tuple(_capped([*findings, *_hosts(facts, findings, resolved.plan.sequences)]))


def _of_steps(steps: Iterable[Step], facts: SequenceFacts, parameters: Parameters) -> list[Finding]:
    findings: list[Finding] = []
    for step in steps:
        try:
            results = step.check(facts, parameters)
            findings += [_of_sequence(step, found) for found in _violations(results or ())]
        except Exception as error:  # noqa: BLE001 - the boundary of one rule, see the module's docstring
            findings.append(_failed(step, None, error))
    return findings


def _of_view(frame: FrameSummary, view: str) -> FrameSummary:
    """The frame with the image of another view in place of the main image, without the size of the file, which holds both."""
    image = frame.other_views.get(view)
    return replace(frame, pixels=image and image.pixels, pixel_hash=image and image.pixel_hash, size_bytes=None)


def _hosts(facts: SequenceFacts, findings: Sequence[Finding], steps: Iterable[Step]) -> list[Finding]:
    """Findings on computers that rendered just the frames which a rule on the sequence, or errors of files, name."""
    step = next((each for each in steps if each.rule.code == _HOST), None)
    named: list[tuple[str, Sequence[int]]] = [(finding.code, finding.frames) for finding in findings if finding.frames]
    if step is None or any(code == _HOST for code, _ in named):
        return []
    errors: dict[str, list[int]] = {}
    for frame in facts.frames:
        for code in frame.error_codes:
            errors.setdefault(code, []).append(frame.frame)
    return [_of_sequence(step, found) for found in hosts_of_findings(facts, [*named, *errors.items()])]


def _is_said_by_another(finding: Finding, findings: Iterable[Finding]) -> bool:
    """Whether more specific rules name all frames of a sequence's finding, with at least its severity."""
    codes = RULES[finding.code].yields_to if finding.code in RULES else ()
    return _is_named(finding, [each for each in findings if each.code in codes])


def _is_named(finding: Finding, findings: Iterable[Finding]) -> bool:
    """Whether other findings name all frames of one, with at least its severity; not of one that names no frames."""
    others = [FrameNumbers.of(each.frames) for each in findings if each.severity >= finding.severity]
    spans = FrameNumbers.of(finding.frames).spans
    return bool(others) and bool(spans) and all(_are_named(span, others) for span in spans)


def _are_named(span: range, others: Sequence[FrameNumbers]) -> bool:
    """Whether each number of a range is among one of the others; in steps of ranges, since a gap may have a billion frames."""
    while span:
        known = max(frames.leading(span) for frames in others)
        if not known:
            return False
        span = span[known:]
    return True
