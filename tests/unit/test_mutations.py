"""The deliberate faults of `./run bench mutants`: each changes one place, and the module still is Python."""

from __future__ import annotations

import ast

from bench._mutations import mutations

TEXT = '''"""A module."""
retryable = True

def take(a: "int", b=2):
    """Says something."""
    if a < b and not a:
        raise ValueError("a message")
    return [one for one in (a, b) if one != "word"]
'''


def test_each_fault_changes_one_place_of_a_module_that_stays_python() -> None:
    faults = list(mutations("a.py", TEXT))
    for fault in faults:
        assert ast.dump(ast.parse(fault.changed)) != ast.dump(ast.parse(TEXT)), fault
    made = {(fault.before, fault.after) for fault in faults}
    assert {("True", "False"), ("2", "3"), ("a < b", "a <= b"), ("not a", "a"), ('"word"', "'word_'")} <= made
    assert ('raise ValueError("a message")', "pass") in made
    assert not [fault for fault in faults if "message" in fault.before and fault.after != "pass"]
    assert not [fault for fault in faults if fault.before == '"int"']
