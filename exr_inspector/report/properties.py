"""Properties of a sequence's frames: common ones, changing ones, and channels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exr_inspector.report.figures import FrameFigures
from exr_inspector.report.frames import Run, linked_runs
from exr_inspector.validation import FrameSummary
from exr_inspector.validation.rule import listed

_NAMES_SHOWN = 12
# Names on the page by property of a FrameSummary.
_PROPERTIES = {
    "display_window": "Display window",
    "data_window": "Data window",
    "compression": "Compression",
    "storage": "Storage",
    "channels": "Channels",
    "frame_rate": "Frame rate",
    "colour": "Colour",
    "views": "Views",
    "software": "Software",
    "cryptomattes": "Cryptomattes",
}
# Properties that list a value for each part, and what separates them.
_BETWEEN_PARTS = {"compression": ", ", "colour": "; "}


@dataclass(frozen=True, slots=True)
class DriftRow:
    """One value of a property that changes between frames, with its frames."""

    name: str
    value: str
    count: int
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """One channel over all frames."""

    name: str
    types: str
    frames: int
    minimum: float | None
    mean: float | None
    maximum: float | None
    nan: int
    inf: int
    negative: int


def changing_properties(summaries: Sequence[FrameSummary], place: Mapping[int, int]) -> Iterator[DriftRow]:
    """Yield the values of each property that changes between frames, the most frequent first.

    Args:
        summaries: The frames.
        place: Position of each frame on the page.
    """
    for name, title in _PROPERTIES.items():
        by_value: dict[Any, list[int]] = {}
        for summary in summaries:
            value = getattr(summary, name)
            if value is not None:
                by_value.setdefault(value, []).append(summary.frame)
        if len(by_value) < 2:
            continue
        ranked = sorted(by_value.items(), key=lambda item: -len(item[1]))
        usual = ranked[0][0]
        for value, frames in ranked:
            yield DriftRow(title, _value_text(name, value, usual), len(frames), linked_runs(frames, place))


def _value_text(name: str, value: Any, usual: Any) -> str:
    if name in {"display_window", "data_window"}:
        return _window_text(value)
    if name == "channels":
        return _channels_text(value, usual)
    if isinstance(value, float):
        return f"{value:g}"
    return (", ".join(value) if isinstance(value, tuple) else str(value)) or "none"


def _window_text(window: Sequence[int]) -> str:
    if len(window) == 2:  # from a row of `files`, which has only the size
        return f"{window[0]} x {window[1]}"
    left, top, right, bottom = window
    return f"{right - left + 1} x {bottom - top + 1} at ({left}, {top})"


def _channels_text(value: Sequence[str], usual: Sequence[str]) -> str:
    """The number of channels, and which ones are missing or additional compared with the usual ones."""
    words = [f"{len(value)} channels"]
    for word, some, others in (("without", usual, value), ("with additional", value, usual)):
        names = [name.partition(":")[2] or name for name in sorted(set(some) - set(others))]
        if names:
            words.append(f"{word} {listed(names, _NAMES_SHOWN)}")
    return "; ".join(words)


def facts(summaries: Sequence[FrameSummary], known: Sequence[FrameFigures | None]) -> str:
    """Properties of most frames, in one line."""
    words = []
    sizes = Counter((f.width, f.height) for f in known if f is not None and f.width is not None)
    if sizes:
        width, height = sizes.most_common(1)[0][0]
        words.append(f"{width} x {height}")
    channels = Counter(len(f.channels) for f in known if f is not None and f.channels)
    if channels:
        words.append(f"{channels.most_common(1)[0][0]} channels")
    for name, form in (("compression", "{}"), ("frame_rate", "{:g} fps"), ("software", "{}"), ("colour", "{}")):
        values = Counter(value for s in summaries if (value := getattr(s, name)))
        if values:
            most = values.most_common(1)[0][0]
            if separator := _BETWEEN_PARTS.get(name):
                most = separator.join(dict.fromkeys(most.split(separator)))
            words.append(form.format(most))
    return ", ".join(words)


def channels(known: Iterable[FrameFigures | None]) -> Iterator[ChannelRow]:
    """Yield the figures of each channel over all frames, by part and name."""
    found: dict[tuple[int, str], list[Any]] = {}
    for frame in known:
        for channel in frame.channels if frame is not None else ():
            found.setdefault((channel.part, channel.name), []).append(channel)
    several = len({part for part, _ in found}) > 1
    for (_, name), each in sorted(found.items()):
        means = [channel.mean for channel in each if channel.mean is not None]
        yield ChannelRow(
            name=f"{each[0].part_name}: {name}" if several else name,
            types=", ".join(sorted({channel.type for channel in each})),
            frames=len(each),
            minimum=min((c.minimum for c in each if c.minimum is not None), default=None),
            mean=sum(means) / len(means) if means else None,
            maximum=max((c.maximum for c in each if c.maximum is not None), default=None),
            nan=sum(channel.nan for channel in each),
            inf=sum(channel.inf for channel in each),
            negative=sum(channel.negative for channel in each),
        )
