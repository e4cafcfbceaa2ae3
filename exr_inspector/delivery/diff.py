"""Compare two files: header attributes, windows, channels, compression and pixels.

Parts are paired by name; parts without a name by index. Pixels are compared channel by channel in the intersection of both data
windows, in bands of rows that do not depend on the chunk layout. Only the first level of flat parts is compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from exr_inspector.delivery.files import expand, is_folder
from exr_inspector.delivery.image_names import without_version
from exr_inspector.delivery.patterns import fixed_folder
from exr_inspector.delivery.surround import SurroundedRows
from exr_inspector.delivery.tables import COMPARED_CHANNELS, DIFFERING_ATTRIBUTES, to_pandas
from exr_inspector.documents import json_document
from exr_inspector.errors import ExrInspectorError, NothingMatches, SourceError
from exr_inspector.exr.chunks.layout import Layout, span_text
from exr_inspector.exr.header.as_json import to_json_text, value_text
from exr_inspector.exr.header.parser import Header, PartHeader
from exr_inspector.exr.header.values import Attribute, Box2i, PixelType, code_name
from exr_inspector.exr.probe import Probe
from exr_inspector.inspector import Inspector
from exr_inspector.model import PixelFault
from exr_inspector.pixels.comparing import ChannelComparison, ChannelDiff
from exr_inspector.pixels.difference import DifferencePicture
from exr_inspector.pixels.rows import Band, PartRows, part_rows
from exr_inspector.settings import local_path
from exr_inspector.storage import RangeSource, SourceOpener
from exr_inspector.storage.keys import split_url
from exr_inspector.texts import visible
from exr_inspector.validation.rule import counted, listed

if TYPE_CHECKING:
    import pandas as pd

_BAND_ROWS = 64
_NAMED = 4  # files named in a message


@dataclass(frozen=True, slots=True)
class AttributeDiff:
    """An attribute that differs between two files.

    Attributes:
        part: Name of the part, or its index if it has no name.
        name: Attribute name.
        one: Its value in the first file as readable text; None if the file lacks it.
        other: Its value in the second file.
    """

    part: str
    name: str
    one: str | None
    other: str | None


@dataclass(frozen=True, slots=True)
class PartDiff:
    """The comparison of the pixels of two parts.

    Attributes:
        part: Name of the part, or its index if it has no name.
        window: The compared pixels (x_min, y_min, x_max, y_max, inclusive); None if the data windows do not intersect.
        channels: The differences of each channel that both parts have.
        only_one: Channels that only the first file has.
        only_other: Channels that only the second file has.
        notes: Other differences, such as windows and channel types; each of them makes the files different.
        unchecked: What was not compared and may be equal, such as deep samples; it does not make the files different.
        faults: Chunks of either file that could not be read; their rows were not compared.
    """

    part: str
    window: tuple[int, int, int, int] | None
    channels: tuple[ChannelDiff, ...]
    only_one: tuple[str, ...]
    only_other: tuple[str, ...]
    notes: tuple[str, ...]
    unchecked: tuple[str, ...]
    faults: tuple[str, ...]

    @property
    def is_same(self) -> bool:
        """Whether everything that was compared is equal within the threshold."""
        differs = self.only_one or self.only_other or self.notes or self.faults
        return not differs and all(channel.is_same for channel in self.channels)


@dataclass(frozen=True, slots=True)
class FileDiff:
    """The comparison of two files. Its `repr` is one line.

    Attributes:
        one: Path or URL of the first file.
        other: Path or URL of the second file.
        attributes: Attributes that differ.
        parts: The comparison of the pixels of each pair of parts.
        only_one: Parts that only the first file has.
        only_other: Parts that only the second file has.
        trouble: Why the files could not be compared, or why the picture was not written; empty without an error.
        picture: The picture that was written, and what it shows; empty if none was requested.
    """

    one: str
    other: str
    attributes: tuple[AttributeDiff, ...] = ()
    parts: tuple[PartDiff, ...] = ()
    only_one: tuple[str, ...] = ()
    only_other: tuple[str, ...] = ()
    trouble: str = ""
    picture: str = ""

    def __repr__(self) -> str:
        """`<FileDiff A, B: the same>`, or the numbers of what differs, or the trouble."""
        result = self.trouble or ("the same" if self.is_same else f"different: {self._counts}")
        return f"<FileDiff {visible(self.one)}, {visible(self.other)}: {visible(result)}>"

    @property
    def _counts(self) -> str:
        channels = sum(not each.is_same for part in self.parts for each in part.channels)
        channels += sum(len(part.only_one) + len(part.only_other) for part in self.parts)
        numbers = {
            "attribute": len(self.attributes),
            "channel": channels,
            "part": len(self.only_one) + len(self.only_other),
            "note": sum(len(part.notes) for part in self.parts),
            "unreadable chunk": sum(len(part.faults) for part in self.parts),
        }
        return ", ".join(counted(number, noun) for noun, number in numbers.items() if number)

    @property
    def is_same(self) -> bool:
        """Whether no difference was found; False if the files could not be compared."""
        differs = self.attributes or self.only_one or self.only_other or self.trouble
        return not differs and all(part.is_same for part in self.parts)

    @property
    def exit_code(self) -> int:
        """The exit code as of diff(1): 0 equal, 1 different, 2 if a file or some of its chunks could not be read."""
        if self.trouble or any(part.faults for part in self.parts):
            return 2
        return 0 if self.is_same else 1

    def to_json(self, *, indent: int | None = None) -> str:
        """The document of `diff --format json`."""
        return json_document({"is_same": self.is_same, **asdict(self)}, indent=indent)

    def to_arrow(self) -> dict[str, pa.Table]:
        """Tables by name: `attributes` with those that differ, and `channels` with the errors of those that were compared."""
        paths = {"one_path": self.one, "other_path": self.other}
        attributes = [{**paths, **asdict(each)} for each in self.attributes]
        channels = [
            {
                **paths,
                "part": part.part,
                **asdict(each),
                **dict(zip(("max_x", "max_y"), each.max_at or (), strict=False)),
            }
            for part in self.parts
            for each in part.channels
        ]
        return {
            "attributes": pa.Table.from_pylist(attributes, schema=DIFFERING_ATTRIBUTES),
            "channels": pa.Table.from_pylist(channels, schema=COMPARED_CHANNELS),
        }

    def to_pandas(self) -> dict[str, pd.DataFrame]:
        """The tables of `to_arrow` as DataFrames.

        Raises:
            SettingsError: pandas is not installed.
        """
        return {name: to_pandas(table) for name, table in self.to_arrow().items()}


_Keyed = dict[tuple[int, str], str]


def pairs(opener: SourceOpener, one: str, other: str) -> list[tuple[str | None, str | None]]:
    """The pairs of files of two targets to compare; None in a pair if one target has no counterpart.

    Two single files are a pair, whatever their names. Files of two patterns are paired by frame, files of two folders by their
    path within the folder. If one target is a folder and the other is not, files are paired by name. Files in several folders
    that match patterns are paired by their path below the first of these patterns. Versions in names (`v002`) may differ,
    unless a target has several versions of a file.

    Raises:
        NothingMatches: A target names no file, or the targets have no file in common.
        ExrInspectorError: A target cannot be listed.
    """
    folders = [is_folder(target) for target in (one, other)]
    found = _without_versions([_keyed(opener, target, by_name=any(folders)) for target in (one, other)])
    if folders[0] != folders[1]:
        named, inside = (found[1], found[0]) if folders[0] else (found[0], found[1])
        if not {*named} & {*inside}:
            some = listed(sorted(path.rpartition("/")[2] for path in named.values()), _NAMED)
            raise NothingMatches(f"{one if folders[0] else other} holds no file of this name: {some}")
        return [(found[0].get(key), found[1].get(key)) for key in sorted(named)]
    if all(len(files) == 1 for files in found):
        return [(next(iter(found[0].values())), next(iter(found[1].values())))]
    if not {*found[0]} & {*found[1]}:
        common = "path within its folder" if all(folders) else "frame or name"
        remedy = "; two patterns such as left/*.exr and right/*.exr compare them by frame" if all(folders) else ""
        raise NothingMatches(f"no file of {one} has the same {common} as a file of {other}{remedy}")
    return [(found[0].get(key), found[1].get(key)) for key in sorted({*found[0], *found[1]})]


def _keyed(opener: SourceOpener, target: str, *, by_name: bool) -> _Keyed:
    """The files of a target by frame number, by name, or by path within the folder."""
    expansion = expand(opener, target)
    known = expansion.recognition
    if not by_name and not expansion.folders and len(known.sequences) == 1 and not known.singles:
        by_frame = {(frame.number, ""): frame.path for frame in known.sequences[0].members}
        if len(by_frame) == len(known.sequences[0].members):  # else some frames are there in two paddings
            return by_frame
    folder = f"{target.rstrip('/')}/" if expansion.folders else target[: target.rfind("/") + 1]
    start = folder if all(path.startswith(folder) for path in expansion.paths) else fixed_folder(folder)
    return {(0, _path_within(start, path)): path for path in expansion.paths}


def _without_versions(targets: list[_Keyed]) -> list[_Keyed]:
    masked = [{(number, without_version(name)): path for (number, name), path in files.items()} for files in targets]
    is_clear = all(len(files) == len(named) for files, named in zip(targets, masked, strict=True))
    return masked if is_clear else targets


def _path_within(folder: str, path: str) -> str:
    if split_url(path) is not None:
        return path.removeprefix(folder)
    return str(local_path(path).relative_to(local_path(folder)))


def diff_files(
    opener: SourceOpener,
    inspector: Inspector,
    one: str,
    other: str,
    *,
    threshold: float = 0.0,
    header: bool = True,
    picture: DifferencePicture | None = None,
) -> FileDiff:
    """Compare two files. A permanent read error is returned in `trouble`.

    Args:
        opener: Opens the files.
        inspector: Reads the files.
        one: Path or URL of the first file.
        other: Path or URL of the second file.
        threshold: Samples that differ by at most this much are equal.
        header: Whether attributes are compared.
        picture: Collects the samples of the part that it shows.

    Raises:
        ExrInspectorError: A retryable error.
    """
    try:
        opened = [_Opened.open(opener, inspector, name) for name in (one, other)]
        if picture is not None and opened[0].found.header is not None:
            picture.begin(opened[0].found.header, opened[0].found.located)
        return _diff(opened[0], opened[1], _Work(inspector, threshold, picture), header=header)
    except ExrInspectorError as error:
        if error.retryable:
            raise
        return FileDiff(one, other, trouble=f"{error.code}: {error}")


@dataclass(frozen=True, slots=True)
class _Work:
    """The arguments that the comparisons of all parts share."""

    inspector: Inspector
    threshold: float
    picture: DifferencePicture | None


@dataclass(frozen=True, slots=True)
class _Opened:
    name: str
    source: RangeSource
    found: Probe

    @classmethod
    def open(cls, opener: SourceOpener, inspector: Inspector, name: str) -> _Opened:
        source = opener.open_url(name)
        found = inspector.probe(source)
        if found.error is not None:
            raise found.error
        return cls(name, source, found)


def named_parts(header: Header | None) -> dict[str, PartHeader]:
    """The parts by name, or by index if they have no name; a part with the name of one before it has its index behind it."""
    found: dict[str, PartHeader] = {}
    for part in header.parts if header else ():
        name = part.name or str(part.index)
        found[f"{name} (part {part.index})" if name in found else name] = part
    return found


def _diff(one: _Opened, other: _Opened, work: _Work, *, header: bool) -> FileDiff:
    left, right = named_parts(one.found.header), named_parts(other.found.header)
    if len(left) == len(right) == 1:  # single parts are a pair, whatever their names
        right = dict(zip(left, right.values(), strict=True))
    both = [name for name in left if name in right]
    attributes = [item for name in both for item in compare_attributes(name, left[name], right[name])] if header else []
    return FileDiff(
        one.name,
        other.name,
        attributes=tuple(attributes),
        parts=tuple(_part((one, other), (left[name], right[name]), work, name=name) for name in both),
        only_one=tuple(name for name in left if name not in right),
        only_other=tuple(name for name in right if name not in left),
    )


def compare_attributes(part: str, one: PartHeader, other: PartHeader) -> Iterator[AttributeDiff]:
    """The attributes that differ between two parts: first those of the first part, in its order."""
    left = {attribute.name: attribute for attribute in one.attributes}
    right = {attribute.name: attribute for attribute in other.attributes}
    for name in dict.fromkeys([*left, *right]):
        texts = [(a.type_name, to_json_text(a)) if a else None for a in (left.get(name), right.get(name))]
        if texts[0] != texts[1]:
            values = [_shown(a) for a in (left.get(name), right.get(name))]
            if values[0] == values[1] and texts[0] and texts[1] and texts[0][0] != texts[1][0]:
                values = [f"{value} ({text[0]})" for value, text in zip(values, texts, strict=True) if text]
            yield AttributeDiff(part, name, *values)


def _shown(attribute: Attribute | None) -> str | None:
    if attribute is None:
        return None
    text = value_text(attribute)
    return f"{attribute.size} bytes of type {attribute.type_name}" if text is None else text


def _part(files: tuple[_Opened, _Opened], parts: tuple[PartHeader, PartHeader], work: _Work, *, name: str) -> PartDiff:
    sides = list(zip(files, parts, strict=True))
    layouts = [file.found.located[part.index] for file, part in sides]
    numbers = [{channel.name: n for n, channel in enumerate(layout.channels)} for layout in layouts]
    only = [tuple(n for n in numbers[i] if n not in numbers[1 - i]) for i in (0, 1)]
    shared = _overlap(layouts[0].data_window, layouts[1].data_window)
    notes, unchecked, common = _notes(layouts, numbers, shared)
    channels: tuple[ChannelDiff, ...] = ()
    faults: tuple[str, ...] = ()
    if shared is not None and common and not any(layout.is_deep for layout in layouts):
        rows: list[PartRows | SurroundedRows] = []
        for (file, part), layout in zip(sides, layouts, strict=True):
            opened = work.inspector.pixel_file(file.source, file.found)
            if opened is None:
                raise SourceError("rows are read of a file whose header was read")
            plain = part_rows(opened, part.index)
            rows.append(plain if layout.data_window == shared else SurroundedRows(plain, layout, shared))
        picture = work.picture if work.picture and work.picture.part == parts[0].index else None
        channels, faults = _Rows(layouts, numbers, rows, common, replace(work, picture=picture)).compare(shared)
        for which, side in zip(("first", "second"), rows, strict=True):
            is_zero = side.is_zero_outside() if isinstance(side, SurroundedRows) else None
            if is_zero is not None:
                notes[0] += f"; the others of the {which} file are {'all' if is_zero else 'not all'} 0"
    box = None if shared is None else (shared.x_min, shared.y_min, shared.x_max, shared.y_max)
    return PartDiff(name, box, channels, only[0], only[1], tuple(notes), tuple(unchecked), faults)


def _notes(
    layouts: list[Layout], numbers: list[dict[str, int]], shared: Box2i | None
) -> tuple[list[str], list[str], list[str]]:
    """The differences of two layouts, what is not compared, and the names of the channels to compare."""
    notes, unchecked, common = [], [], []
    one, other = layouts
    if one.data_window != other.data_window:
        seen = "only the pixels of both are compared" if shared else "they have no pixel in common"
        notes.append(f"data windows differ: {box_text(one.data_window)} and {box_text(other.data_window)}; {seen}")
    if one.is_deep or other.is_deep:
        unchecked.append("samples of deep parts are not compared; hashes of all pixels show whether they are equal")
    if len(one.levels) > 1 or len(other.levels) > 1:
        unchecked.append("levels above the first are not compared")
    for name in numbers[0]:
        if name not in numbers[1]:
            continue
        left, right = one.channels[numbers[0][name]], other.channels[numbers[1][name]]
        if left.pixel_type != right.pixel_type:
            types = " and ".join(code_name(PixelType, channel.pixel_type) for channel in (left, right))
            notes.append(f"channel {name} has other types: {types}")
        if (left.x_sampling, left.y_sampling) != (right.x_sampling, right.y_sampling):
            notes.append(f"channel {name} is sampled in another way, and not compared")
        else:
            common.append(name)
    return notes, unchecked, common


class _Rows:
    """Compares the pixels of two parts in bands of rows."""

    def __init__(
        self,
        layouts: list[Layout],
        numbers: list[dict[str, int]],
        rows: Sequence[PartRows | SurroundedRows],
        common: list[str],
        work: _Work,
    ) -> None:
        self._layouts = layouts
        self._picture = work.picture
        self._numbers = numbers
        self._rows = rows
        self._comparisons = {
            name: ChannelComparison(name, (self._type(0, name), self._type(1, name)), work.threshold) for name in common
        }

    def _type(self, side: int, name: str) -> int:
        return self._layouts[side].channels[self._numbers[side][name]].pixel_type

    def compare(self, shared: Box2i) -> tuple[tuple[ChannelDiff, ...], tuple[str, ...]]:
        """The differences of each channel, and descriptions of the chunks that could not be read."""
        faults: dict[tuple[str, PixelFault], None] = {}
        for first in range(shared.y_min, shared.y_max + 1, _BAND_ROWS):
            last = min(first + _BAND_ROWS - 1, shared.y_max)
            bands = [rows.bands(first, last) for rows in self._rows]
            for one, other in _overlapping(bands[0], bands[1]):
                top, bottom = max(first, one.first, other.first), min(last, one.last, other.last)
                faults.update(dict.fromkeys(("first", fault) for fault in one.faults))
                faults.update(dict.fromkeys(("second", fault) for fault in other.faults))
                for low, high in _readable_rows(top, bottom, (*one.faults, *other.faults)):
                    self._compare(shared, (one, other), low, high)
        return tuple(comparison.result() for comparison in self._comparisons.values()), tuple(_described(faults))

    def _compare(self, shared: Box2i, bands: tuple[Band, Band], top: int, bottom: int) -> None:
        for name, comparison in self._comparisons.items():
            number = self._numbers[0][name]
            sampling = self._layouts[0].channels[number].x_sampling, self._layouts[0].channels[number].y_sampling
            left, above = (-(-low // step) for low, step in zip((shared.x_min, top), sampling, strict=True))
            right = shared.x_max // sampling[0]
            planes = []
            for side, band in enumerate(bands):
                layout, own = self._layouts[side], self._numbers[side][name]
                start = -(-layout.data_window.x_min // sampling[0])
                planes.append(band.rows(layout, own, top, bottom)[:, left - start : right + 1 - start])
            if planes[0].size:
                comparison.add(planes[0], planes[1], (left * sampling[0], above * sampling[1]), sampling)
                if self._picture is not None:
                    corner = self._layouts[0].data_window
                    at = above - -(-corner.y_min // sampling[1]), left - -(-corner.x_min // sampling[0])
                    self._picture.add(name, planes[0], planes[1], at)


def _overlapping(ones: list[Band], others: list[Band]) -> Iterator[tuple[Band, Band]]:
    for one in ones:
        for other in others:
            if one.first <= other.last and other.first <= one.last:
                yield one, other


def _readable_rows(top: int, bottom: int, faults: Iterable[PixelFault]) -> Iterator[tuple[int, int]]:
    """The runs of readable rows from `top` to `bottom`, as (first, last): rows of faulty chunks are left out."""
    for low, high in sorted((fault.y_min, fault.y_max) for fault in faults):
        if top < low:
            yield top, min(low - 1, bottom)
        top = max(top, high + 1)
    if top <= bottom:
        yield top, bottom


def _described(faults: Iterable[tuple[str, PixelFault]]) -> Iterator[str]:
    """One line for each fault, and for each run of consecutive chunks with the same fault."""
    ordered = sorted(faults, key=lambda each: (each[0], each[1].chunk))
    runs: list[tuple[str, PixelFault, PixelFault]] = []  # the file, the first and the last chunk
    for which, fault in ordered:
        if runs and _continues(runs[-1], which, fault):
            runs[-1] = (which, runs[-1][1], fault)
        else:
            runs.append((which, fault, fault))
    for which, first, last in runs:
        chunks = span_text("chunk", first.chunk, last.chunk)
        rows = span_text("row", min(first.y_min, last.y_min), max(first.y_max, last.y_max))
        yield f"{chunks} of the {which} file ({rows}): {first.code}: {first.message}"


def _continues(run: tuple[str, PixelFault, PixelFault], which: str, fault: PixelFault) -> bool:
    file, _, last = run
    return (file, last.chunk + 1, last.code, last.message) == (which, fault.chunk, fault.code, fault.message)


def _overlap(one: Box2i, other: Box2i) -> Box2i | None:
    box = Box2i(
        max(one.x_min, other.x_min),
        max(one.y_min, other.y_min),
        min(one.x_max, other.x_max),
        min(one.y_max, other.y_max),
    )
    return box if box.width > 0 and box.height > 0 else None


def box_text(box: Box2i) -> str:
    """A window as people read it."""
    return f"({box.x_min}, {box.y_min}) - ({box.x_max}, {box.y_max})"
