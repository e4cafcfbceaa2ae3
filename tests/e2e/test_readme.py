"""The README is short, shows what its commands print, and links to existing files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from exr_inspector.cli.__main__ import main
from exr_inspector.validation import PROFILES, RULES

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"```\n\$ \./run (.*)\n((?:.*\n)*?)```", TEXT)


def test_it_is_short_and_counts_what_there_is() -> None:
    assert len(TEXT.splitlines()) < 120
    assert f"**{len(RULES)} rules" in TEXT
    assert re.search(r"\*\*Eight profiles\*\*:((?:.|\n)*?)\(", TEXT)[1].count("`") == 2 * len(PROFILES)


@pytest.mark.parametrize(("line", "output"), SHOWN, ids=lambda text: text.split("\n")[0][:40])
def test_every_shown_result_is_what_the_command_prints(line: str, output: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    printed = CliRunner(env={"COLUMNS": "200"}).invoke(main, line.split()).output.replace(f"{ROOT}/", "")
    have = iter([row.rstrip() for row in printed.splitlines()])
    for row in output.splitlines():
        if row.strip() not in {"...", ""}:
            assert row in have, f"{row!r} is not printed, or not in this order"


def test_three_questions_have_a_result_each() -> None:
    assert [line.split()[0] for line, _ in SHOWN] == ["inspect", "validate", "check"]


def test_every_link_leads_to_a_file() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", TEXT):
        assert (ROOT / target).is_file(), target
