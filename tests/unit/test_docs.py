"""The generated documents are what the code generates."""

from __future__ import annotations

import pytest

from docs.build.__main__ import PAGES, ROOT


@pytest.mark.parametrize("name", PAGES)
def test_generated_document_is_current(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == PAGES[name](), "run ./run docs"
