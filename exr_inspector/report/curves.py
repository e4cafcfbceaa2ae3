"""Curves of figures over the frames of a sequence, and their exposure, as data for the page's script."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from exr_inspector.report.figures import STOPS, FrameFigures, ViewFigures

_DIGITS = 6


def _rounded(value: float | None) -> float | None:
    """The value with the digits that a plot needs; None for NaN and infinities."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value


def curves(
    known: Sequence[FrameFigures | None], views: Sequence[str], images: Sequence[Sequence[ViewFigures]]
) -> dict[str, Any]:
    """The curves, the plots that show them, and the exposure of the first view.

    Args:
        known: The frames of the page.
        views: The names of the views.
        images: The images of each frame, one for each view.
    """
    series: list[dict[str, Any]] = []

    def add(label: str, found: Iterable[float | None], unit: str = "") -> list[int]:
        values = [*map(_rounded, found)]
        if all(value is None for value in values):
            return []
        series.append({"label": label, "unit": unit, "values": values})
        return [len(series) - 1]

    def add_images(label: str, value_of: Callable[[ViewFigures], float | None]) -> list[int]:
        labels = [label] if len(views) == 1 else [f"{label}, {view or 'main'}" for view in views]
        columns = zip(labels, zip(*images, strict=True), strict=True)
        return [number for name, column in columns for number in add(name, map(value_of, column))]

    def add_frames(label: str, value_of: Callable[[FrameFigures], float | None], unit: str) -> list[int]:
        return add(label, (None if frame is None else value_of(frame) for frame in known), unit)

    means = [n for name in "RGBY" for n in add(f"{name} mean", (first.means.get(name) for first, *_ in images))]
    luminance = add_images("Luminance", lambda image: image.luminance)
    maximum = add_images("Maximum", lambda image: image.maximum)
    bad = add_frames("NaN and Inf", lambda f: f.bad_values, "count")
    size = add_frames("File size", lambda f: f.size_bytes, "bytes")
    time = add_frames("Render time", lambda f: f.render_seconds, "seconds")
    plots = [
        ("Mean of the colour channels" + (f", {views[0] or 'main'}" if len(views) > 1 else ""), means),
        ("Mean luminance", luminance),
        ("Maximum", maximum),
        ("NaN and infinite values", bad),
        ("File size", size),
        ("Render time", time),
    ]
    exposure = [[round(1000 * share) for share in first.exposure] or None for first, *_ in images]
    return {
        "series": series,
        "plots": [{"title": title, "series": numbers} for title, numbers in plots if numbers],
        "stops": list(STOPS),
        "exposure": exposure if any(exposure) else None,
    }
