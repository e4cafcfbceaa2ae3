"""The HTML document: hostile texts do nothing, it loads nothing, and its policy allows only its own script and style."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from html.parser import HTMLParser

import pytest

from exr_inspector.model import Thumbnail
from exr_inspector.report.content import sequence_page
from exr_inspector.report.page import About, Report, ShownSequence, render, report_of
from exr_inspector.report.pictures import budget, fitting
from tests.support.reports import Made, made

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=a()>\"'{{7*7}}{% raw %}</title>]]>\u202e\x00\x1b[31m\u2028\udcff<!--"
)


class Elements(HTMLParser):
    """Start tags with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def report(*given: Made, pictures: Sequence[Thumbnail] = ()) -> Report:
    """The report of some checks; existing frames get the pictures in turn."""
    views = []
    for each in given:
        (sequence,) = each.check.sequences
        page = sequence_page(sequence, each.figures)
        some = [
            pictures[cell.frame % len(pictures)] if pictures and cell.state != "missing" else None
            for cell in page.cells
        ]
        fitted = [(picture,) for picture in fitting(some, budget(len(some)))]
        views.append(ShownSequence(page, fitted, "sRGB" if pictures else ""))
    return report_of(views, About(given[0].check.sequences[0].pattern, "default@1", "checked today"))


def document(*given: Made) -> str:
    return render(report(*given)).decode()


@pytest.fixture(scope="module")
def hostile() -> str:
    return document(made(pattern=f"{HOSTILE}/####.exr", text=HOSTILE, layer=HOSTILE))


def test_texts_of_files_are_no_markup(hostile: str) -> None:
    found = Elements(hostile)
    plain = Elements(document(made()))
    assert [tag for tag, _ in found.tags] == [tag for tag, _ in plain.tags]
    assert [sorted(attributes) for _, attributes in found.tags] == [sorted(attributes) for _, attributes in plain.tags]
    assert "&lt;script&gt;alert(1)" in hostile
    assert "{{7*7}}" in hostile


def test_control_and_direction_characters_are_shown_as_escapes(hostile: str) -> None:
    assert not set(hostile) & {"\u202e", "\x00", "\x1b", "\u2028"}
    assert "\\u202e" in hostile


def test_data_for_the_script_holds_no_tag(hostile: str) -> None:
    (text,) = re.findall(r'<script type="application/json" class="data">(.*?)</script>', hostile, re.DOTALL)
    assert "<" not in text
    assert json.loads(text)["texts"]


def test_the_policy_allows_the_pages_own_script_and_style_alone() -> None:
    page = document(made())
    found = Elements(page)
    (policy,) = [a["content"] or "" for tag, a in found.tags if tag == "meta" and "http-equiv" in a]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    for kind, text in (
        ("style-src", re.findall("<style>(.*?)</style>", page, re.DOTALL)),
        ("script-src", re.findall("<script>(.*?)</script>", page, re.DOTALL)),
    ):
        (only,) = text
        digest = base64.b64encode(hashlib.sha256(only.encode()).digest()).decode()
        assert rules[kind] == f"'sha256-{digest}'"
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert "unsafe" not in policy


def test_nothing_is_loaded_and_no_attribute_is_a_script_or_style() -> None:
    for tag, attributes in Elements(document(made(), made())).tags:
        assert tag not in {"link", "iframe", "object", "embed", "form", "base"}
        assert not [name for name in attributes if name.startswith("on") or name in {"style", "srcset"}]
        for name in ("src", "href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:image/webp;base64,"))


def test_ids_are_unique_and_links_lead_to_them() -> None:
    tags = Elements(document(made(), made())).tags
    ids = [a["id"] for _, a in tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert {(a["href"] or "")[1:] for tag, a in tags if tag == "a"} <= set(ids)


def test_the_license_of_the_plots_is_in_the_page() -> None:
    assert "Copyright (c) 2022 Leon Sorokin" in document(made())


def test_a_page_of_240_frames_without_pictures_is_small() -> None:
    assert len(render(report(made(240)))) < 250_000
