"""Make the frames of sequences, and check them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import yaml

from exr_inspector.catalog.rows.plain import file_rows
from exr_inspector.model import ColourLines, Finding, Inspection, ZeroGrid
from exr_inspector.validation import RULES, FrameSummary, validate_sequence
from exr_inspector.validation.engine import RULE_FAILED
from exr_inspector.validation.facts.sequences import NO_SIBLINGS, Siblings
from exr_inspector.validation.facts.timecodes import Clock
from exr_inspector.validation.frames import FramePixels
from exr_inspector.validation.inspected_frames import frame_of_inspection
from exr_inspector.validation.policies.policy import Policy
from tests.unit.validation.judging import inspect, policy

Image = np.ndarray
START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def frame(number: int, **changed: Any) -> FrameSummary:
    made = FrameSummary(
        path=f"b/shot/beauty.{number:04}.exr",
        sequence="b/shot/beauty.####.exr",
        frame=number,
        padding=4,
        size_bytes=1_000_000 + number,
        mtime=START + timedelta(minutes=number),
        display_window=(0, 0, 3, 2),
        pixel_aspect=1.0,
        data_window=(0, 0, 3, 2),
        channels=("0:B HALF", "0:G HALF", "0:R HALF"),
        compression="ZIP",
        storage="scanlineimage",
        colour="lin_ap1_scene",
        views="",
        software="writer 1",
        frame_rate=24.0,
        time_code=Clock(1, 0, number // 24, number % 24, is_drop_frame=False),
        embedded_frame=number,
        image_counter=number,
        cryptomattes=("abc: 3 layers",),
        pixel_hash=f"h{number}",
    )
    return replace(made, **changed)


def frames(count: int = 10, odd: int = 5, **changed: Any) -> list[FrameSummary]:
    return [frame(number, **changed) if number == odd else frame(number) for number in range(1, count + 1)]


def sequence_policy(*, nam: str = "off", **parameters: Any) -> Policy:
    """All rules; `nam` is the severity of DEL-NFX-NUMBERING, which replaces SEQ-MISSING."""
    document = {"name": "test", "extends": None, "parameters": parameters, "rules": {"DEL-NFX-NUMBERING": nam}}
    return policy(yaml.safe_dump(document))


def judged(
    given: list[FrameSummary], siblings: Siblings = NO_SIBLINGS, *, is_texture: bool = False, **parameters: Any
) -> tuple[Finding, ...]:
    """The findings by `sequence_policy`."""
    findings = validate_sequence(given, sequence_policy(**parameters), siblings=siblings, is_texture=is_texture)
    assert RULE_FAILED not in {finding.code for finding in findings}, findings
    return findings


def reported(code: str, given: list[FrameSummary], *arguments: Any, **parameters: Any) -> list[Finding]:
    """The findings of one rule."""
    nam = "on" if code == "DEL-NFX-NUMBERING" else "off"
    is_texture = RULES[code].of_textures
    findings = judged(given, *arguments, nam=nam, is_texture=is_texture, **parameters)
    return [finding for finding in findings if finding.code == code]


def grid(*lit: tuple[int, int]) -> ZeroGrid:
    """10 x 6 cells, of which the named ones are zero."""
    cells = np.zeros((6, 10), np.bool_)
    for x, y in lit:
        cells[y, x] = True
    return ZeroGrid(10, 6, 8, np.packbits(cells).tobytes())


def seen(
    luminance: float | None = 0.5, *, zeros: ZeroGrid | None = None, shows: Image | None = None, **changed: Any
) -> FramePixels:
    """The pixels of a frame; `shows` is its small image."""
    made = FramePixels(luminance, False, False, True, 0, zeros or grid())
    if shows is not None:
        made = replace(made, lines=ColourLines((), np.float32(shows).tobytes()))
    return replace(made, **changed)


PIXELS: dict[bool, dict[str, bool]] = {
    False: {},
    True: {"is_black": True, "is_constant": True, "has_other_content": False, "is_empty": True},
}


GREY = {"R": 0.4, "G": 0.4, "B": 0.4}
MAGENTA = {"R": 0.5, "G": 0.3, "B": 0.5}


HOLE = grid((2, 2), (3, 2), (2, 3), (3, 3))


def noisy(number: int, size: float = 1.2, deviation: float = 0.3, **changed: Any) -> FrameSummary:
    return frame(number, size_bytes=round(1e6 * size) + number, pixels=seen(deviation=deviation, **changed))


def small(*, is_turned: bool = False, changed: int = 0, gain: float = 1.0) -> Image:
    """A small image that is bright at its top, or at its bottom, and darker in some areas at its left side."""
    rows = gain * np.linspace(1, 0, 16, dtype=np.float32)
    image = np.repeat(rows[::-1] if is_turned else rows, 16).reshape(16, 16)
    image[:10, :changed] *= 0.6
    return image


def stored(inspection: Inspection) -> dict[str, Any]:
    """The row of a file as the SDK returns it: times have no zone."""
    return {**file_rows(inspection)["files"][0], "mtime": inspection.version.mtime.replace(tzinfo=None)}


def frame_of(data: bytes, key: str = "shot/sh.1001.exr") -> FrameSummary:
    """The summary of a file of which all pixels are read."""
    found = frame_of_inspection(inspect(data, stats=True, key=key))
    assert found is not None
    return found


def pixels_of(data: bytes, key: str = "shot/sh.1001.exr") -> FramePixels:
    """The pixels of a file as sequence rules see them."""
    found = frame_of(data, key).pixels
    assert found is not None
    return found
