"""docs/failures.md states what tests found: a test that does not find the values of its entry fails."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from docs.build.failures import entries
from exr_inspector import errors
from tests.support.documented import Documented

CODES = {
    cls.code for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, errors.ExrInspectorError)
}


def test_every_code_of_the_page_exists() -> None:
    named = set(
        re.findall(r"\b(?:EXR|SOURCE|CATALOG|LIMIT|DECODER|CPU)_[A-Z_]+\b", " ".join(e.outcome for e in entries()))
    )
    assert named <= CODES, named - CODES


def test_every_entry_promises_something_and_says_what_to_do() -> None:
    assert [entry for entry in entries() if "`" not in entry.outcome or not entry.action or not entry.case] == []


def test_what_is_found_must_be_promised_and_what_is_promised_found() -> None:
    documented = Documented(["`A` or `B|C`", "`0` rows"])
    assert documented.unproved == ["A", "B|C", "0"]
    documented("A", "C", 0)
    assert documented.unproved == []
    with pytest.raises(AssertionError, match="found D"):
        documented("D")


@pytest.mark.parametrize(
    ("found", "fails"), [([], True), (["A"], True), (["A", "B"], False)], ids=["nothing", "half", "all"]
)
def test_a_test_fails_that_does_not_find_what_its_entry_promises(
    found: list[str], fails: bool, pytestconfig: pytest.Config
) -> None:
    hook: Callable[[Any], Any] = next(
        plugin.pytest_runtest_call
        for plugin in pytestconfig.pluginmanager.get_plugins()
        if hasattr(plugin, "_outcomes")
    )
    documented = Documented(["`A` and `B`"])
    documented(*found)
    mark = pytest.mark.failure("row", "a case", "`A` and `B`", "nothing").mark
    for funcargs in ({"documented": documented}, {}):
        running = hook(SimpleNamespace(iter_markers=lambda _: iter([mark]), funcargs=funcargs))
        next(running)
        if fails or not funcargs:
            with pytest.raises(AssertionError, match="values that this test did not find"):
                running.send(None)
        else:
            with pytest.raises(StopIteration):
                running.send(None)
