"""The deliberate faults of `./run bench mutants`: each changes one place, and the module is still valid Python."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench import mutants
from bench._mutations import Mutation, mutations
from bench.mutants import SECONDS, Map, noticed_before, try_one, try_soundly

TEXT = '''"""A module."""
retryable = True

def take(a: "int", b=2):
    """Says something."""
    if a < b and not a:
        raise ValueError("a message")
    for empty in a:
        return False
    return [one for one in (a, b) if one != "word"]
'''


def test_each_fault_changes_one_place_of_a_module_that_stays_python() -> None:
    faults = list(mutations("a.py", TEXT))
    for fault in faults:
        assert ast.dump(ast.parse(fault.changed)) != ast.dump(ast.parse(TEXT)), fault
    made = {(fault.before, fault.after) for fault in faults}
    assert {("True", "False"), ("2", "3"), ("a < b", "a <= b"), ("not a", "a"), ('"word"', "'word_'")} <= made
    assert ('raise ValueError("a message")', "pass") in made
    assert [fault.line for fault in faults if fault.after == "return None"] == [10], "False is as good as None"
    assert not [fault for fault in faults if "message" in fault.before and fault.after != "pass"]
    assert not [fault for fault in faults if fault.before == '"int"']


def test_a_run_continues_after_the_recorded_faults(tmp_path: Path) -> None:
    result = tmp_path / "result.tsv"
    assert noticed_before(result) == {}
    result.write_text("noticed\ttest_a\ta.py\tb=2\t2\t3\t4\nsurvived\t-\ta.py\tb=2\t2\t4\t4\ntimeout\t-\ta.py\t")
    assert noticed_before(result) == {("a.py", "b=2", "2", "3"): "noticed"}


def test_tests_of_the_package_come_first_and_the_documents_last_beyond_the_limit() -> None:
    fault = next(fault for fault in mutations("exr_inspector/pixels/a.py", TEXT) if fault.before == "a < b")
    seconds = {
        "tests/contract/test_quick.py::test": 0.1,
        "tests/contract/test_slow.py::test": SECONDS,
        "tests/unit/pixels/test_b.py::test": 2.0,
        "tests/unit/pixels/test_a.py::test": 3.0,
        "tests/unit/test_docs.py::test": 9.0,
        "tests/unit/test_other.py::test": 0.1,
    }
    run = [test for test in seconds if "test_other" not in test and "test_docs" not in test]
    assert Map({}, {"exr_inspector/pixels/a.py": {"6": run}}, seconds).tests_of(fault, TEXT) == [
        "tests/unit/pixels/test_a.py::test",
        "tests/unit/pixels/test_b.py::test",
        "tests/contract/test_quick.py::test",
        "tests/unit/test_docs.py::test",
    ]
    assert "tests/unit/pixels/test_a.py::test" in Map(
        {}, {"exr_inspector/pixels/a.py": {"6": run[:1]}}, seconds
    ).tests_of(fault, TEXT), "it may read a constant"
    assert Map({}, {}, seconds).tests_of(fault, TEXT) == [
        "tests/unit/pixels/test_a.py::test",
        "tests/unit/pixels/test_b.py::test",
        "tests/unit/test_docs.py::test",
    ], "a module of constants"


def test_a_fault_that_only_renames_a_test_is_not_detected(tmp_path: Path) -> None:
    text = 'WORD = "word"\n'
    test = "import pytest\nimport a\n@pytest.mark.parametrize('word', [a.WORD])\ndef test(word):\n    assert word\n"
    for name, content in {"a.py": text, "test_a.py": test, "pytest.ini": "[pytest]\n"}.items():
        (tmp_path / name).write_text(content)
    known = Map({}, {}, {"test_a.py::test[word]": 0.1})
    (fault,) = mutations("a.py", text)
    assert try_one(fault, list(known.seconds), known, tmp_path, [1e9]) == ("survived", "-")


def test_a_test_that_fails_without_the_fault_detects_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.py").write_text(TEXT)
    tried: list[tuple[bool, list[str]]] = []

    def first_fails(fault: Mutation, tests: Sequence[str], *_: object) -> tuple[str, str]:
        tried.append((fault.changed != TEXT, list(tests)))
        failed = next((test for test in tests if test == "needs others" or fault.changed != TEXT), None)
        return ("noticed", failed) if failed else ("survived", "-")

    monkeypatch.setattr(mutants, "try_one", first_fails)
    fault, fails_anyway = next(mutations("a.py", TEXT)), dict[str, bool]()
    for _ in range(2):
        found = try_soundly(
            fault, ["needs others", "alone"], Map({}, {}, {}), tmp_path, [1e9], fails_anyway=fails_anyway
        )
        assert found == ("noticed", "alone")
    assert tried == [
        (True, ["needs others", "alone"]),
        (False, ["needs others"]),
        (True, ["alone"]),
        (False, ["alone"]),
        (True, ["alone"]),
    ]
