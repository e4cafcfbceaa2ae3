"""Advice in messages names the command that the user has."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from exr_inspector import texts


@pytest.mark.parametrize(
    ("typed", "program"), [("run", "./run"), ("start.py", "./run"), ("exr-inspector", "exr-inspector")]
)
def test_a_checkout_has_both_commands_and_all_pages(typed: str, program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [typed])
    assert texts.program_command("db check") == f"`{program} db check`"
    assert texts.page("settings") == "docs/settings.md"
    assert "duckdb: pip install '.[local]' in the checkout" in str(texts.missing_package("it", "duckdb.x", "local"))


def test_an_installed_package_has_one_command_and_no_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "__file__", str(tmp_path / "exr_inspector" / "texts.py"))
    assert texts.program_command("db check") == "`exr-inspector db check`"
    assert "source of exr-inspector" in texts.page("settings")
    assert str(texts.missing_package("it", "duckdb.x", "local")).endswith("duckdb: pip install 'exr-inspector[local]'")
