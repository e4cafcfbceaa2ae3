"""Generated pages that need other processes; `tests/unit/test_docs.py` tests the others."""

from __future__ import annotations

import pytest

from docs.build.__main__ import PAGES, ROOT
from tests.unit.test_docs import FROM_PROCESSES


@pytest.mark.parametrize("name", sorted(FROM_PROCESSES))
def test_a_page_is_what_its_commands_give(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == PAGES[name](), "run ./run docs"


def test_the_page_on_deliveries_runs_its_checks() -> None:
    page = (ROOT / "docs" / "delivery.md").read_text(encoding="utf-8")
    assert page.count("\n$ ./run check ") == 2
