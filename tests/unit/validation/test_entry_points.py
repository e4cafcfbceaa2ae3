"""Rules of other packages, whose modules are named by the entry point `exr_inspector.rules`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from exr_inspector.validation import registry
from exr_inspector.validation.rule import Scope

RULES = """
from exr_inspector.model import Severity
from exr_inspector.validation.rule import Found, file_rule

@file_rule("{code}", Severity.WARNING, "A title", why="Why.", source="the show", fix="Rename it.")
def own(file, parameters):
    return [Found("found")]
"""


def install(folder: Path, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of an installed package: its module, and its entry points."""
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "studio_rules", raising=False)
    (folder / "studio_rules.py").write_text(RULES.format(code=code))
    about = folder / "studio_rules-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: studio-rules\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[exr_inspector.rules]\nstudio = studio_rules\n")


def test_a_package_adds_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "STUDIO-OWN", monkeypatch)
    found = registry._collect()
    assert set(found) == {*registry.RULES, "STUDIO-OWN"}
    assert (found["STUDIO-OWN"].scope, found["STUDIO-OWN"].group) == (Scope.FILE, "STUDIO")


def test_a_package_cannot_take_the_code_of_one_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "CMP-DWA-NAMES", monkeypatch)
    with pytest.raises(ValueError, match="two rules are called CMP-DWA-NAMES"):
        registry._collect()
