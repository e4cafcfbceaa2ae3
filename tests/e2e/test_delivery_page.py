"""docs/delivery.md shows what its commands print."""

from __future__ import annotations

from docs.build.__main__ import PAGES, ROOT


def test_every_output_on_the_page_is_what_the_command_prints() -> None:
    page = (ROOT / "docs" / "delivery.md").read_text(encoding="utf-8")
    assert page.count("\n$ ./run check ") == 2
    assert page == PAGES["docs/delivery.md"](), "run ./run docs"
