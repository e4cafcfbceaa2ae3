"""Make checked sequences of any length with statistics, for tests of the report page."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from exr_inspector.delivery.check import DeliveryCheck
from exr_inspector.delivery.sequences import CheckedFile, CheckedSequence
from exr_inspector.model import Finding, Severity, StatsMode, Thumbnail
from exr_inspector.report.figures import STOPS, ChannelFigures, FrameFigures, ViewFigures
from exr_inspector.validation import FrameSummary
from exr_inspector.validation.frame_numbers import FrameNumbers

FIRST = 1001


@dataclass
class Made:
    """The check of one sequence, and the statistics of its files by path."""

    check: DeliveryCheck
    figures: dict[str, FrameFigures] = field(default_factory=dict)


def noise_picture(seed: int, mark: tuple[int, int] | None = None, layer: str = "") -> Thumbnail:
    """A noisy picture, which compresses badly, with a magenta pixel at `mark`."""
    rng = np.random.default_rng(seed)
    pixels = (rng.random((18, 32, 3)) * 120).astype(np.uint8).repeat(5, axis=0).repeat(5, axis=1)
    pixels += (rng.random(pixels.shape) * 60).astype(np.uint8)
    if mark is not None:
        pixels[mark[1], mark[0]] = (255, 0, 255)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", quality=80, lossless=mark is not None)
    return Thumbnail(0, layer, 160, 90, buffer.getvalue(), "level 0,0", 0.0, "sRGB", seed)


def made(
    count: int = 20, pattern: str = "sh010/beauty.####.exr", text: str = "R holds 15 NaN", layer: str = "diffuse"
) -> Made:
    """Make frames from 1001 on: the fifth is missing, the eighth has an error, every tenth a warning; `text` is a message."""
    last = FIRST + count - 1
    missing, broken = FIRST + 4, FIRST + 7
    files, figures = [], {}
    for frame in range(FIRST, last + 1):
        if frame == missing:
            continue
        path = pattern.replace("####", str(frame))
        findings = [Finding("PIX-NAN", Severity.ERROR, text, 0, "R")] if frame == broken else []
        if frame % 10 == 0:
            findings.append(Finding("PIX-NEGATIVE", Severity.WARNING, f"R goes down to -{frame}", 0, "R"))
        compression = "PIZ" if frame == last else "ZIP"
        summary = FrameSummary(
            path, pattern, frame, 4, compression=compression, channels=(f"0:{layer}.R HALF", "0:R HALF")
        )
        files.append(CheckedFile(path, frame, tuple(findings), summary=summary))
        figures[path] = _figures(frame, layer, has_nan=frame == broken)
    gap = Finding("SEQ-MISSING", Severity.ERROR, f"1 frame is missing: {missing}", frames=(missing,))
    odd = Finding(
        "SEQ-COMPRESSION", Severity.WARNING, f"Frame {last}: the compression is PIZ, in others ZIP", frames=(last,)
    )
    sequence = CheckedSequence(
        pattern=pattern,
        file_count=len(files),
        expected=FrameNumbers.of(range(FIRST, last + 1)),
        missing=FrameNumbers.of([missing]),
        findings=(gap, odd),
        rerender=FrameNumbers.of([missing, broken]),
        files=tuple(files),
    )
    return Made(DeliveryCheck((sequence,), (), (), (), StatsMode.FULL, "default@1", len(files)), figures)


def _figures(frame: int, layer: str, *, has_nan: bool) -> FrameFigures:
    mean = 0.5 + 0.3 * math.sin(frame / 9)
    shares = [0.0] * len(STOPS)
    shares[10], shares[11] = 0.25, 0.75
    means = {"R": mean, "G": mean * 0.9, "B": mean * 0.8}
    channels = (
        ChannelFigures(0, f"{layer}.R", "HALF", 0.0, mean / 2, 1.0),
        ChannelFigures(0, "R", "HALF", -0.25, mean, 2.0, nan=15 if has_nan else 0),
    )
    return FrameFigures(
        size_bytes=1_000_000 + frame,
        width=1920,
        height=1080,
        channels=channels,
        views={"": ViewFigures(means, mean * 0.91, 2.0, tuple(shares))},
        bad_values=15 if has_nan else 0,
        render_seconds=60.0 + frame % 7,
    )
