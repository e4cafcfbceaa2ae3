"""Channels, views, parts and Cryptomattes with any names: no rule fails, in any profile."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from exr_inspector.validation import PROFILES, builtin_policy, validate_file
from exr_inspector.validation.engine import RULE_FAILED
from tests.support.exrbytes import DWAA, FLOAT, HALF, UINT, Channel, Part, a_string, a_stringvector, build
from tests.unit.validation.judging import inspect

WORDS = ["R", "G", "B", "A", "r", "blue", "RED", "Y", "RY", "Z", "ZBack", "id", "x", "N", "P", "uv", "left", "right"]
WORDS += ["", " ", "crypto", "crypto00", "crypto01", "\udcff", "\u00e9", "\\xff", "diffuse", "objectid", "RA"]
words = st.sampled_from(WORDS)
several = st.lists(words, min_size=2, max_size=4).map(".".join)
channel_names = st.one_of(words.filter(bool), words.map(".{}".format), words.map("{}.".format), several)
channels = st.builds(Channel, channel_names, st.sampled_from([UINT, HALF, FLOAT]))
channel_lists = st.lists(channels, min_size=1, max_size=8, unique_by=lambda channel: channel.name)


@st.composite
def parts(draw: st.DrawFn, name: str | None) -> Part:
    extra = [a_string(f"cryptomatte/{n}/name", draw(words)) for n in range(draw(st.integers(0, 2)))]
    if draw(st.booleans()):
        extra.append(a_stringvector("multiView", draw(st.lists(words, max_size=3))))
    if draw(st.booleans()):
        extra.append(a_string("view", draw(words)))
    return Part(channels=draw(channel_lists), compression=draw(st.sampled_from([0, DWAA])), name=name, extra=extra)


@given(data=st.data())
def test_no_name_is_too_odd_for_a_rule(data: st.DataObject) -> None:
    names = data.draw(st.sampled_from([[None], ["a", "b"], ["left", "left.diffuse", ""]]))
    inspection = inspect(build([data.draw(parts(name)) for name in names]))
    for profile in PROFILES:
        findings = validate_file(inspection, builtin_policy(profile))
        assert RULE_FAILED not in {finding.code for finding in findings}, profile
