"""Every example of docs/integration.md has the effect that the page states."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from exr_inspector.catalog.schema import TABLES
from exr_inspector.errors import EventError
from tests.support.parsed import parse_events

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "integration.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```json\n(.*?)```\nmeans ([^\n]+)\n", PAGE, re.DOTALL)


def test_every_example_says_what_it_means() -> None:
    assert len(EXAMPLES) == PAGE.count("```json") == 9


@pytest.mark.parametrize(("text", "meaning"), EXAMPLES)
def test_an_example_means_what_the_page_says(text: str, meaning: str) -> None:
    event = json.loads(text)
    if meaning == "nothing":
        with pytest.raises(EventError):
            parse_events(event)
        return
    assert ", ".join(f"`{found.path}` {found.kind.value}" for found in parse_events(event)) == meaning


def test_the_page_names_tables_and_columns_that_exist() -> None:
    tables = {table.name: {column.name for column in table.columns} for table in TABLES}
    named = set(re.findall(r"`([a-z_]+)`", PAGE.split("## Schema")[1].split("## Retention")[0]))
    known = set(tables).union(*tables.values())
    assert named <= known, named - known
