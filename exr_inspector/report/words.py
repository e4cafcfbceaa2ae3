"""Formats texts and numbers for people, on a terminal or a page. All texts of files pass through `plain`."""

from __future__ import annotations

from exr_inspector.texts import visible

MAX_VALUE_CHARACTERS = 160


def plain(text: str, limit: int = MAX_VALUE_CHARACTERS) -> str:
    """The text in one line, with escapes for control characters; after `limit` characters, its length instead of the rest."""
    cut = text[: limit + 1]
    shown = visible(cut[:limit])
    return f"{shown}... ({len(text):,} characters)" if len(cut) > limit else shown


def human_bytes(count: int) -> str:
    """A number of bytes with a decimal unit: 999 B, 1.2 kB, 3.4 MB."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def figure(value: float | None) -> str:
    """A float with four significant digits, an integer with all digits, or a dash for None."""
    if value is None:
        return "\N{EN DASH}"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}"
