"""The report in a real browser: Debian's chromium, driven by Playwright; skipped if one of them is missing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exr_inspector.report.page import render
from tests.support.reports import made, noise_picture
from tests.unit.report.test_page import HOSTILE, report

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(600)]

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if CHROMIUM is None:
    pytest.skip("no chromium is installed: apt-get install chromium", allow_module_level=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Pages by name."""
    folder = tmp_path_factory.mktemp("reports")
    pictures = [noise_picture(seed) for seed in range(12)]
    given = {
        "plain": report(made(240), pictures=pictures),
        "two": report(made(30), made(12, "sh020/beauty.####.exr")),
        "hostile": report(made(pattern=f"{HOSTILE}/####.exr", text=HOSTILE, layer=HOSTILE)),
        "long": report(made(2_000), pictures=pictures),
    }
    for name, what in given.items():
        (folder / f"{name}.html").write_bytes(render(what))
    return {name: folder / f"{name}.html" for name in given}


@pytest.fixture
def open_page(browser: Any, files: dict[str, Path]) -> Iterator[Any]:
    """A function that opens a page by its name; afterwards asserts that the browser reported and requested nothing."""
    noted: list[str] = []
    contexts = []

    def opened(name: str, **options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: noted.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: noted.append(f"error: {error}"))
        page.on("dialog", lambda dialog: noted.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: _note_request(noted, request.url))
        page.goto(files[name].as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not noted


def _note_request(noted: list[str], url: str) -> None:
    if not url.startswith(("data:", "file:")) or not (url.startswith("data:") or url.endswith(".html")):
        noted.append(f"request: {url}")


def panel(page: Any) -> str:
    return str(page.locator(".panel").first.inner_text())


def test_pages_are_small(files: dict[str, Path]) -> None:
    assert files["plain"].stat().st_size <= 1_000_000
    assert files["long"].stat().st_size <= 4_000_000


def test_the_first_broken_frame_is_shown(open_page: Any) -> None:
    page = open_page("plain")
    assert "Frame\t1008" in panel(page)
    assert "R holds 15 NaN" in panel(page)
    assert page.locator(".u-wrap").count() == 6
    assert page.locator(".sheet li").count() == 240
    assert page.locator(".sheet img").count() == 239
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")


def test_filters_leave_what_they_say(open_page: Any) -> None:
    page = open_page("plain")
    rows = page.locator(".findings tbody tr:visible")
    assert rows.count() == 4
    page.get_by_role("button", name="warning").click()
    assert {text.split()[0] for text in rows.all_inner_texts()} == {"error"}
    page.get_by_role("searchbox").fill("missing")
    assert rows.count() == 1
    page.get_by_role("searchbox").fill("no such thing")
    assert rows.count() == 0
    assert page.get_by_text("No finding with this filter.").is_visible()
    page.get_by_role("searchbox").fill("1008")  # a frame: what was found in it
    assert [text.split()[1] for text in rows.all_inner_texts()] == ["PIX-NAN"]


def test_findings_lead_to_frames(open_page: Any) -> None:
    page = open_page("plain")
    page.locator(".findings a", has_text="1005").click()
    assert "Frame\t1005" in panel(page)
    assert page.locator(".panel").first.is_visible()
    assert page.locator("li.chosen").get_attribute("id") == "s1-4"


def test_strip_plots_and_sheet_show_the_frame_under_the_pointer(open_page: Any) -> None:
    page = open_page("plain")
    box = page.locator(".strip").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 10)
    assert "Frame\t1121" in panel(page)
    plot = page.locator(".u-over").nth(2)
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 239 * 100, box["y"] + 20)
    assert "Frame\t1101" in panel(page)
    # All plots have their line at this frame.
    lines = page.evaluate("[...document.querySelectorAll('.u-cursor-x')].map(line => line.style.transform)")
    assert len(lines) == 6
    assert len(set(lines)) == 1
    page.locator("#s1-200").click()
    assert "Frame\t1201" in panel(page)


def test_keys_move_along_the_strip(open_page: Any) -> None:
    page = open_page("plain")
    strip = page.get_by_role("slider")
    strip.focus()
    for key, frame in (("Home", 1001), ("ArrowRight", 1002), ("PageDown", 1012), ("ArrowLeft", 1011), ("End", 1240)):
        page.keyboard.press(key)
        assert f"Frame\t{frame}" in panel(page)
    assert strip.get_attribute("aria-valuetext") == "frame 1240, warning"


def test_every_drawing_is_a_table_too(open_page: Any) -> None:
    page = open_page("plain")
    for summary in page.locator("details summary").all():
        summary.click()
    figures = page.locator(".figures tr")
    assert figures.count() == 241
    assert figures.nth(8).inner_text().split()[:2] == ["1008", "error"]
    assert page.locator(".exposures tr").count() == 241


def test_only_frames_with_findings(open_page: Any) -> None:
    page = open_page("plain")
    page.get_by_role("button", name="Only frames with findings").click()
    assert page.locator(".sheet li:visible").count() == 26


def test_two_sequences_on_one_page_are_apart(open_page: Any) -> None:
    page = open_page("two")
    page.locator(".overview a").nth(1).click()
    second = page.locator("#s2")
    second.locator(".findings a", has_text="1010").click()
    assert "Frame\t1010" in second.locator(".panel").inner_text()
    assert "Frame\t1008" in panel(page)


def test_hostile_names_and_texts_are_inert(open_page: Any) -> None:
    page = open_page("hostile")
    assert "<script>alert(1)</script>" in page.locator("h1").inner_text()
    assert "<img src=x" in panel(page)
    assert page.locator("img[src=x]").count() == 0


@pytest.mark.parametrize("name", ["plain", "two"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing(open_page: Any, name: str, scheme: str, width: int) -> None:
    page = open_page(name, color_scheme=scheme, viewport={"width": width, "height": 900}, bypass_csp=True)
    for summary in page.locator("details summary").all():
        summary.click()
    found = axe.Axe().run(page).response["violations"]
    assert [(each["id"], [node["target"] for node in each["nodes"]][:3]) for each in found] == []


def test_a_phone_does_not_scroll_sideways(open_page: Any) -> None:
    page = open_page("plain", viewport={"width": 390, "height": 800}, is_mobile=True, has_touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_two_thousand_frames_are_usable(open_page: Any) -> None:
    page = open_page("long")
    page.get_by_role("slider").focus()
    page.keyboard.press("End")
    assert "Frame\t3000" in panel(page)
    page.get_by_role("searchbox").fill("PIX-NEG")
    assert page.locator(".findings tbody tr:visible").count() == 1


def test_printed_it_is_light_and_without_controls(open_page: Any) -> None:
    page = open_page("plain", color_scheme="dark", viewport={"width": 794, "height": 1123})
    page.emulate_media(media="print")
    assert _becomes(page, is_white=True)
    assert page.locator(".sheet").is_visible()
    assert not page.locator("button:visible").count()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the paper cuts off what is wider"
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.emulate_media(media="screen")
    assert _becomes(page, is_white=False)


def _becomes(page: Any, *, is_white: bool) -> bool:
    """Whether the background has this colour within five seconds; Playwright's own wait needs eval, which the page forbids."""
    for _ in range(50):
        if (page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)") == is_white:
            return True
        page.wait_for_timeout(100)
    return False


def test_the_theme_can_be_switched(open_page: Any) -> None:
    page = open_page("plain", color_scheme="dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Switch between light and dark").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark
