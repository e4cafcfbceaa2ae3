"""Generate `docs/delivery.md` from delivery.md of this folder, with the output of its commands on a synthetic shot."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
from click.testing import CliRunner

from exr_inspector.cli.__main__ import main

TEMPLATE = Path(__file__).with_name("delivery.md")
_COMMAND = re.compile(r"^\{\{\./run (.*)\}\}$", re.MULTILINE)
_WIDTH, _HEIGHT = 96, 54
_FRAMES = range(1001, 1025)
_MISSING = frozenset({1007, 1012, 1013})
_COLUMNS = "120"
_Channels = dict[str, "np.ndarray[Any, Any]"]


def render() -> str:
    """Render the page; its commands run in this process, in a folder with the shot."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        make_shot(Path(name) / "sh010")
        os.chdir(name)
        try:
            return _COMMAND.sub(lambda found: _fence(found[1]), TEMPLATE.read_text(encoding="utf-8"))
        finally:
            os.chdir(before)


def _fence(line: str) -> str:
    arguments = [argument.strip("'") for argument in line.split()]
    printed = CliRunner(env={"COLUMNS": _COLUMNS}).invoke(main, arguments, catch_exceptions=False).output
    rows = "\n".join(row.rstrip() for row in printed.splitlines())
    return f"```\n$ ./run {line}\n{rows}\n```"


def make_shot(folder: Path) -> None:
    """Write 24 frames, some of them with defects."""
    folder.mkdir()
    for frame in _FRAMES:
        path = folder / f"sh010_beauty_v003.{frame}.exr"
        if frame in _MISSING:
            continue
        if frame == 1005:  # a copy of the previous frame
            shutil.copy(folder / "sh010_beauty_v003.1004.exr", path)
            continue
        OpenEXR.File(_header(frame), _channels(frame)).write(str(path))
        if frame == 1015:
            os.truncate(path, path.stat().st_size * 2 // 3)
        if frame == 1023:
            path.write_bytes(b"")
    shutil.copy(folder / "sh010_beauty_v003.1010.exr", folder / "sh010_beauty_v003.01010.exr")


def _header(frame: int) -> dict[str, Any]:
    return {
        "compression": OpenEXR.NO_COMPRESSION if frame != 1019 else OpenEXR.RLE_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        "software": "Arnold 7.3.2" if frame != 1018 else "Arnold 7.2.0",
        "framesPerSecond": Fraction(24 if frame != 1021 else 25, 1),
        "imageCounter": frame,
    }


def _channels(frame: int) -> _Channels:
    """The pixels of a frame: a moving gradient and a diffuse layer."""
    y, x = np.mgrid[0:_HEIGHT, 0:_WIDTH].astype(np.float32)
    waves = {"R": x / 17 + frame, "G": y / 13 + frame, "B": (x + y) / 23 + frame}
    alpha = np.clip(x / _WIDTH * 2, 0, 1)
    colour = {name: ((0.25 + 0.2 * np.sin(wave)) * alpha).astype(np.float16) for name, wave in waves.items()}
    layer = {f"diffuse.{name}": values / 2 for name, values in colour.items()}
    if frame == 1009:
        colour = {name: np.zeros_like(values) for name, values in colour.items()}
    if frame == 1016:
        colour["R"][20:23, 40:45] = np.nan
    if frame == 1017:
        layer = {}
    return {**colour, "A": alpha.astype(np.float16), **layer}
