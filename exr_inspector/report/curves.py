"""Curves of figures over the frames of a sequence, and their exposure, as data for the page's script."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from exr_inspector.report.figures import STOPS, FrameFigures

_DIGITS = 6


def _rounded(value: float | None) -> float | None:
    """The value with the digits that a plot needs; None for NaN and infinities."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value


def _mean_of(component: str, frame: FrameFigures) -> float | None:
    return frame.means.get(component)


def curves(known: Sequence[FrameFigures | None]) -> dict[str, Any]:
    """The curves, the plots that show them, and the exposure; `known` has one element for each frame of the page."""
    components = [name for name in ("R", "G", "B", "Y") if any(f is not None and name in f.means for f in known)]
    series: list[dict[str, Any]] = []

    def add(label: str, value_of: Callable[[FrameFigures], float | None], unit: str = "") -> list[int]:
        values = [None if frame is None else _rounded(value_of(frame)) for frame in known]
        if all(value is None for value in values):
            return []
        series.append({"label": label, "unit": unit, "values": values})
        return [len(series) - 1]

    means = [k for name in components for k in add(f"{name} mean", partial(_mean_of, name))]
    luminance = add("Luminance", lambda f: f.luminance)
    maximum = add("Maximum", lambda f: f.maximum)
    bad = add("NaN and Inf", lambda f: f.bad_values, "count")
    size = add("File size", lambda f: f.size_bytes, "bytes")
    time = add("Render time", lambda f: f.render_seconds, "seconds")
    plots = [
        ("Mean of the colour channels", means),
        ("Mean luminance", luminance),
        ("Maximum", maximum),
        ("NaN and infinite values", bad),
        ("File size", size),
        ("Render time", time),
    ]
    exposure = [[round(1000 * share) for share in f.exposure] if f is not None and f.exposure else None for f in known]
    return {
        "series": series,
        "plots": [{"title": title, "series": numbers} for title, numbers in plots if numbers],
        "stops": list(STOPS),
        "exposure": exposure if any(exposure) else None,
    }
