"""The engine: traits only save time, failing rules are reported, caches are bounded, equal channels are checked once."""

from __future__ import annotations

import pickle
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exr_inspector.exr.header.parser import parse_header
from exr_inspector.exr.names import file_names
from exr_inspector.model import Finding, Inspection, Severity, Status
from exr_inspector.validation import RULES, validate_file
from exr_inspector.validation.engine import MAX_FINDINGS_PER_CODE, RULE_FAILED
from exr_inspector.validation.facts import traits
from exr_inspector.validation.facts.channel_facts import channel_facts, channel_source
from exr_inspector.validation.facts.facts import FileFacts
from exr_inspector.validation.facts.roles import Role, role_of
from exr_inspector.validation.policies.plan import RulePlan, Step
from exr_inspector.validation.policies.policy import ResolvedPolicy
from exr_inspector.validation.restored import with_problems_restored
from exr_inspector.validation.rule import Scope
from tests.support.exrbytes import Channel, Part, a_string, a_stringvector, build
from tests.unit.validation.judging import EVERYTHING, PLAIN, inspect, policy
from tests.unit.validation.judging import judge as judge_bytes
from tests.unit.validation.test_rules import CASES


def findings_of(inspection: Inspection, resolved: ResolvedPolicy) -> tuple[Finding, ...]:
    return validate_file(inspection, SimpleNamespace(for_path=lambda _: resolved))


def without_traits(resolved: ResolvedPolicy) -> ResolvedPolicy:
    """The same policy, but every rule is called for every part."""
    groups = (
        tuple((traits.ALWAYS, steps) for _, steps in group)
        for group in (resolved.plan.channels, resolved.plan.parts, resolved.plan.files)
    )
    channels, parts, files = groups
    plan = RulePlan(channels, parts, files, resolved.plan.part_pixels, resolved.plan.file_pixels, ())
    return replace(resolved, plan=plan)


def test_traits_never_change_findings() -> None:
    # Rules of ACES containers and deep parts need their traits, since they fail on other files: they are off here.
    resolved = policy("name: x\nextends: null\nrules: {'ACE-*': off, 'DEEP-*': off}").for_path("")
    every = without_traits(resolved)
    for data in {case.bad for case in CASES if len(case.bad) < 100_000}:
        inspection = inspect(data)

        def key(finding: object) -> str:
            return repr(finding)

        assert sorted(findings_of(inspection, resolved), key=key) == sorted(findings_of(inspection, every), key=key)


def test_every_trait_is_a_bit_of_its_own() -> None:
    bits = [value for name, value in vars(traits).items() if name.isupper() and isinstance(value, int)]
    bits.remove(traits.LARGE_PX)
    assert len(bits) == sum(bits).bit_count() > 20


def breaking(code: str) -> ResolvedPolicy:
    """Every rule, of which one raises."""

    def broken(*_: object) -> tuple[()]:
        raise KeyError("a bug")

    resolved = EVERYTHING.for_path("")

    def changed(groups: tuple[tuple[int, tuple[Step, ...]], ...]) -> tuple[tuple[int, tuple[Step, ...]], ...]:
        return tuple(
            (mask, tuple(step._replace(check=broken) if step.rule.code == code else step for step in steps))
            for mask, steps in groups
        )

    old = resolved.plan
    plan = RulePlan(changed(old.channels), changed(old.parts), changed(old.files), (), (), ())
    return replace(resolved, plan=plan)


@pytest.mark.parametrize("code", ["WIN-TOO-LARGE", "COL-UNTAGGED", "CMP-LOSSY-MASTER"])
def test_a_failing_rule_is_reported_and_stops_no_other(code: str) -> None:
    inspection = inspect(build([Part(compression=8, display_window=(1, 1, 3, 2))]))
    sound = {finding.code for finding in findings_of(inspection, EVERYTHING.for_path(""))}
    findings = findings_of(inspection, breaking(code))
    (failed,) = [finding for finding in findings if finding.code == RULE_FAILED]
    assert (failed.severity, failed.found) == (Severity.WARNING, code)
    assert sound - {code} <= {finding.code for finding in findings}


def test_findings_of_a_kind_are_counted_not_listed() -> None:
    findings = judge_bytes(build([Part(channels=[Channel(f"c{i}", 1, 2, 1) for i in range(300)])]))
    odd = [finding for finding in findings if finding.code == "CHN-SUBSAMPLED"]
    assert len(odd) == MAX_FINDINGS_PER_CODE + 1
    assert [finding.found for finding in odd if "more of this kind" in finding.message] == ["300"]


def test_findings_are_of_the_file_first_then_part_by_part() -> None:
    parts = [Part(name=name, display_window=(1, 1, 3, 2)) for name in "abc"]
    order = [-1 if finding.part is None else finding.part for finding in judge_bytes(build(parts))]
    assert order == sorted(order)
    assert set(order) == {-1, 0, 1, 2}


def test_equal_channel_lists_share_their_facts() -> None:
    one, two, other = (inspect(data) for data in (PLAIN, PLAIN + b" ", build([Part(compression=3)])))

    def facts(inspection: Inspection) -> object:
        assert inspection.header
        return FileFacts(inspection, inspection.header).parts[0].channel_facts

    assert facts(one) is facts(two)
    assert facts(one) is not facts(other)


@pytest.mark.parametrize(
    "part",
    [
        Part(channels=[Channel(f"c{i}") for i in range(1000)]),
        Part(channels=[Channel("c" * 20_000)]),
        Part(extra=[a_stringvector("multiView", ["v" * 5_000])]),
        Part(extra=[a_stringvector("multiView", [f"v{i}" for i in range(100)])]),
        Part(extra=[a_string("cryptomatte/0000000/name", "m" * 5_000)]),
    ],
)
def test_names_of_hostile_headers_are_not_cached(part: Part) -> None:
    header = parse_header(build([part]))
    (read,) = header.parts
    source = channel_source(read, file_names(header)[0], is_deep=False, is_multi_part=False)
    assert channel_facts(source) is not channel_facts(source)
    assert not channel_facts(source).is_kept


def test_manifests_are_not_kept_with_the_facts_of_a_channel_list() -> None:
    manifest = a_string("cryptomatte/0000000/manifest", "{}" + " " * 100_000)
    inspection = inspect(build([Part(extra=[a_string("cryptomatte/0000000/name", "m"), manifest])]))
    assert inspection.header
    facts = FileFacts(inspection, inspection.header).parts[0].channel_facts
    assert facts.is_kept
    assert len(pickle.dumps((facts.channels, facts._named, facts._layers))) < 10_000


def test_same_channels_with_another_view_are_other_facts() -> None:
    parts = [Part(name=view, extra=[a_string("view", view)]) for view in ("left", "right")]
    inspection = inspect(build(parts))
    assert inspection.header
    left, right = FileFacts(inspection, inspection.header).parts
    assert [channel.view for channel in left.named] == ["left"] * 3
    assert [channel.view for channel in right.named] == ["right"] * 3


@pytest.mark.parametrize(
    ("layer", "component", "role"),
    [
        ("", "R", Role.COLOUR),
        ("", "Y", Role.COLOUR),
        ("", "A", Role.ALPHA),
        ("", "Z", Role.DEPTH),
        ("", "ZBack", Role.DEPTH),
        ("beauty", "Z", Role.DEPTH),
        ("N", "Z", Role.NORMAL),
        ("N", "R", Role.NORMAL),
        ("normals", "x", Role.NORMAL),
        ("left.depth", "V", Role.DEPTH),
        ("Pworld", "Y", Role.POSITION),
        ("motionVector", "u", Role.MOTION),
        ("objectId", "R", Role.ID),
        ("", "materialid", Role.ID),
        ("id_1", "R", Role.ID),
        ("diffuse_p", "R", Role.COLOUR),
        ("ambient", "B", Role.COLOUR),
        ("grid", "R", Role.COLOUR),
        ("studio", "value", Role.OTHER),
        ("", "N", Role.OTHER),
    ],
)
def test_layers_and_components_give_the_role_of_a_channel(layer: str, component: str, role: Role) -> None:
    assert role_of(layer, component) is role


def test_an_unreadable_object_is_no_finding() -> None:
    inspection = replace(
        inspect(PLAIN), status=Status.FAILED, error_code="SOURCE_NOT_FOUND", header=None, names=(), problems=()
    )
    assert validate_file(inspection, EVERYTHING) == ()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("EXR_EMPTY", "STR-MAGIC"),
        ("EXR_MAGIC", "STR-MAGIC"),
        ("EXR_VERSION", "STR-VERSION"),
        ("EXR_HEADER_TRUNCATED", "STR-HDR-END"),
        ("EXR_HEADER_DAMAGED", "STR-HDR-END"),
        ("EXR_DAMAGED", "STR-HDR-END"),
        ("EXR_LAYOUT", "STR-REQ-MISSING"),
        ("EXR_DECODE", "CHK-DECODE"),
        ("DECODER_CRASHED", "CHK-DECODE"),
        ("LIMIT_EXCEEDED", "STR-LIMIT"),
    ],
)
def test_the_error_that_ended_the_reading_of_a_file_is_a_finding(error: str, code: str) -> None:
    ended = replace(inspect(PLAIN), status=Status.FAILED, error_code=error, error_message="x", header=None, names=())
    assert code in {finding.code for finding in validate_file(ended, EVERYTHING)}


def test_a_file_that_cannot_be_read_has_an_error_by_itself() -> None:
    for data in (b"", b"\x76\x2f\x31\x01", PLAIN[:50], PLAIN[:4] + b"\x07" + PLAIN[5:]):
        assert max(finding.severity for finding in judge_bytes(data)) is Severity.ERROR


def test_judging_again_from_the_header_alone() -> None:
    for case in CASES:
        if len(case.bad) < 100_000 and RULES[case.code].scope is Scope.REPORTED and not case.stats:
            inspection = inspect(case.bad)
            first = validate_file(inspection, EVERYTHING)
            again = validate_file(
                with_problems_restored(replace(inspection, problems=(), findings=first), EVERYTHING), EVERYTHING
            )
            assert {finding.code for finding in again} == {finding.code for finding in first}, case.code


@given(st.data())
def test_no_rule_fails_on_damaged_files(data: st.DataObject) -> None:
    case = data.draw(st.sampled_from([case for case in CASES if len(case.bad) < 5_000]))
    raw = bytearray(case.bad)
    for _ in range(data.draw(st.integers(1, 6))):
        raw[data.draw(st.integers(4, len(raw) - 1))] = data.draw(st.integers(0, 255))
    judge_bytes(bytes(raw))  # asserts that no rule failed


def test_the_memo_is_not_shared_between_policies() -> None:
    loose = policy("name: a\nextends: null\nrules: {CHN-CASE: off}")
    odd = build([Part(channels=[Channel(name) for name in "rgb"])])
    assert "CHN-CASE" in {finding.code for finding in judge_bytes(odd)}
    assert "CHN-CASE" not in {finding.code for finding in judge_bytes(odd, loose)}
    assert "CHN-CASE" in {finding.code for finding in judge_bytes(odd)}
