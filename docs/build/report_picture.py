"""Make docs/images/report.png: the report of a synthetic shot, as a browser shows it.

`.venv/bin/python -m docs.build.report_picture` needs chromium, and what `./run test heavy --collect-only` installs.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
from PIL import Image

from exr_inspector import write_report

_PICTURE = Path(__file__).resolve().parents[1] / "images" / "report.png"
_WIDTH, _HEIGHT = 640, 360
_FIRST, _LAST = 1001, 1096
_MISSING = frozenset({1033, 1034})


def main() -> None:
    """Write the shot, make its report, and save a screenshot."""
    with tempfile.TemporaryDirectory() as name:
        shot = Path(name) / "sh010"
        shot.mkdir()
        for frame in range(_FIRST, _LAST + 1):
            if frame not in _MISSING:
                OpenEXR.File(_header(frame), _channels(frame)).write(str(shot / f"sh010_beauty_v003.{frame}.exr"))
        cut = shot / "sh010_beauty_v003.1052.exr"
        cut.write_bytes(cut.read_bytes()[: cut.stat().st_size * 2 // 3])
        page = Path(name) / "report.html"
        os.chdir(name)  # relative paths, so that the page shows only the name of the shot
        write_report(shot.name, page)
        _PICTURE.parent.mkdir(exist_ok=True)
        _PICTURE.write_bytes(_small(_photograph(page)))
    print(f"{_PICTURE}: {_PICTURE.stat().st_size / 1e3:.0f} kB")


def _header(frame: int) -> dict[str, Any]:
    software = "Arnold 7.3.2" if frame < 1080 else "Arnold 7.3.3"
    return {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, "software": software}


def _channels(frame: int) -> dict[str, np.ndarray[Any, Any]]:
    """The pixels of a frame: a lit sphere that moves in front of a wall; some frames have defects."""
    time = (frame - _FIRST) / (_LAST - _FIRST)
    y, x = np.mgrid[0:_HEIGHT, 0:_WIDTH].astype(np.float32)
    u, v = (x - _WIDTH * (0.2 + 0.6 * time)) / 110, (y - _HEIGHT * 0.5) / 110
    inside = np.clip(1 - u * u - v * v, 0, None)
    light = np.clip(0.6 * np.sqrt(inside) - 0.5 * u - 0.6 * v, 0, None) * (inside > 0)
    wall = 0.10 + 0.06 * np.sin(x / 23) * np.sin(y / 19) + 0.1 * (1 - y / _HEIGHT)
    gain = np.float32(8.0 if frame == 1060 else 1.0 + 0.4 * np.sin(6 * time))
    colour = {
        "R": np.where(inside > 0, 0.9 * light + 0.02, wall * 0.9) * gain,
        "G": np.where(inside > 0, 0.45 * light + 0.02, wall) * gain,
        "B": np.where(inside > 0, 0.2 * light + 0.03, wall * 1.3) * gain,
    }
    if frame == 1045:
        colour = {name: np.zeros_like(values) for name, values in colour.items()}
    if 1070 <= frame <= 1072:
        colour["G"][100:130, 300:340] = np.nan
    layers = {f"diffuse.{name}": np.nan_to_num(values) * 0.6 for name, values in colour.items()}
    if frame >= 1090:
        layers = {}
    return {name: values.astype(np.float16) for name, values in {**colour, **layers}.items()}


def _photograph(page: Path) -> bytes:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    playwright: Any = import_module("playwright.sync_api")  # only requirements-heavy.txt installs it
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 1200, "height": 1420}, color_scheme="light")
        opened.goto(page.as_uri())
        opened.get_by_text("1070-1072", exact=True).click()
        opened.mouse.move(0, 0)
        opened.evaluate("scrollTo(0, 0)")
        taken: bytes = opened.screenshot()
        browser.close()
    return taken


def _small(png: bytes) -> bytes:
    """Reduce the picture to 128 colours."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(128).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
