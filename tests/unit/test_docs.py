"""The generated documents are what the code generates."""

from __future__ import annotations

import pytest

from docs.build.__main__ import PAGES, ROOT

# These pages need decoding processes: see tests/e2e/test_generated_pages.py.
FROM_PROCESSES = {"docs/delivery.md", "docs/demo.md"}


@pytest.mark.parametrize("name", sorted(PAGES.keys() - FROM_PROCESSES))
def test_generated_document_is_current(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == PAGES[name](), "run ./run docs"
