"""The headers of a file: parts, their attributes, and typed access to the common ones.

A value is what the file contains, or None; there are no defaults. `parser` reads headers from bytes.
"""

from __future__ import annotations

from typing import NamedTuple

from exr_inspector.exr.header.attributes import readable_text
from exr_inspector.exr.header.channel_lists import readable_channels
from exr_inspector.exr.header.standard import STANDARD
from exr_inspector.exr.header.values import (
    MULTI_PART,
    NON_IMAGE,
    TILED,
    Attribute,
    AttributeValue,
    Box2i,
    Channel,
    TileDesc,
)

# If one of these is repeated in a header, the library uses the first; of all other attributes the last.
FIRST_WINS = frozenset({"name", "type", "version", "chunkCount"})


class PartHeader(NamedTuple):
    """One part's header.

    A property is None if its attribute is missing, has another type, or has a malformed value.

    Attributes:
        index: Position of the part in the file, from 0.
        version_word: The file's version word; in single-part files its flags determine the part type.
        attributes: All attributes in file order, including duplicates.
        by_name: The effective attribute of each name.
    """

    index: int  # type: ignore[assignment]  # hides tuple.index, which is not needed here
    version_word: int
    attributes: tuple[Attribute, ...]
    by_name: dict[str, Attribute]

    def value(self, name: str, type_name: str) -> AttributeValue | None:
        """The value of attribute `name`; None if it is missing, has another type, or is malformed."""
        attribute = self.by_name.get(name)
        if attribute is None or attribute.type_name != type_name or attribute.problem:
            return None
        return attribute.value

    def text(self, name: str) -> str | None:
        r"""The value of the string attribute `name`; invalid UTF-8 bytes are written `\xNN`."""
        attribute = self.by_name.get(name)
        return None if attribute is None or attribute.type_name != "string" else readable_text(attribute)

    def integer(self, name: str) -> int | None:
        """The value of the int attribute `name`."""
        value = self.value(name, "int")
        return value if isinstance(value, int) else None

    @property
    def channels(self) -> tuple[Channel, ...] | None:
        """The channel list in file order, also if its end is malformed in a way that readers accept."""
        attribute = self.by_name.get("channels")
        if attribute is None or attribute.type_name != "chlist":
            return None
        if isinstance(attribute.value, bytes):
            return readable_channels(attribute.value)
        return attribute.value  # type: ignore[return-value]  # decode() returns this type

    @property
    def compression(self) -> int | None:
        """The compression code as stored."""
        return self.value("compression", "compression")  # type: ignore[return-value]  # as above

    @property
    def data_window(self) -> Box2i | None:
        """The window of stored pixels."""
        return self.value("dataWindow", "box2i")  # type: ignore[return-value]  # as above

    @property
    def display_window(self) -> Box2i | None:
        """The window of displayed pixels."""
        return self.value("displayWindow", "box2i")  # type: ignore[return-value]  # as above

    @property
    def line_order(self) -> int | None:
        """The line order code as stored."""
        return self.value("lineOrder", "lineOrder")  # type: ignore[return-value]  # as above

    @property
    def pixel_aspect_ratio(self) -> float | None:
        """Width of a pixel over its height."""
        return self.value("pixelAspectRatio", "float")  # type: ignore[return-value]  # as above

    @property
    def tiles(self) -> TileDesc | None:
        """The tile description; readers use it only for tiled parts."""
        return self.value("tiles", "tiledesc")  # type: ignore[return-value]  # as above

    @property
    def name(self) -> str | None:
        """The part's name."""
        return self.text("name")

    @property
    def view(self) -> str | None:
        """The part's view."""
        return self.text("view")

    @property
    def chunk_count(self) -> int | None:
        """The declared number of chunks, which may be wrong; `chunks.layout` computes the correct one."""
        return self.integer("chunkCount")

    @property
    def declared_type(self) -> str | None:
        """The `type` attribute as stored."""
        return self.text("type")

    @property
    def part_type(self) -> str | None:
        """The effective part type: determined by the flags for a single flat part, by the `type` attribute otherwise."""
        word = self.version_word
        if word & (NON_IMAGE | MULTI_PART):
            return self.declared_type
        return "tiledimage" if word & TILED else "scanlineimage"

    @property
    def is_deep(self) -> bool:
        """Whether pixels contain lists of samples."""
        return self.part_type in {"deepscanline", "deeptile"}

    @property
    def is_tiled(self) -> bool:
        """Whether chunks are tiles."""
        return self.part_type in {"tiledimage", "deeptile"}


class Header(NamedTuple):
    """Everything before the chunk offset tables.

    Attributes:
        version_word: Bytes 4 to 7; the low 8 bits are the version, the rest flags.
        parts: The parts in file order.
        end: File offset of the end of the last header, where the first chunk offset table starts. For a partial header, the
            offset up to which it was read.
        is_partial: Whether reading ended early. The last part may then lack attributes that the file contains.
    """

    version_word: int
    parts: tuple[PartHeader, ...]
    end: int
    is_partial: bool = False

    @property
    def is_multi_part(self) -> bool:
        """Whether the multi-part flag is set; chunk leaders then start with a part number."""
        return bool(self.version_word & MULTI_PART)


def make_part(index: int, version_word: int, attributes: tuple[Attribute, ...]) -> PartHeader:
    """The part with these attributes, which may come from a file or from stored rows."""
    by_name = {attribute.name: attribute for attribute in attributes}
    if len(by_name) < len(attributes):
        for attribute in reversed(attributes):
            # The library uses the first of FIRST_WINS attributes, and skips a standard attribute of another type.
            standard = STANDARD.get(attribute.name)
            counts = attribute.name in FIRST_WINS or by_name[attribute.name].type_name != attribute.type_name
            if standard is not None and standard.type_name == attribute.type_name and counts:
                by_name[attribute.name] = attribute
        _join_channel_lists(attributes, by_name)
    return PartHeader(index, version_word, attributes, by_name)


def _join_channel_lists(attributes: tuple[Attribute, ...], by_name: dict[str, Attribute]) -> None:
    """Merge several valid channel lists as the library does: it reads each list up to the first name that it already has."""
    valid = [one for one in attributes if one.name == "channels" and one.type_name == "chlist" and not one.problem]
    if len(valid) < 2:
        return
    lists: list[tuple[Channel, ...]] = [one.value for one in valid]  # type: ignore[misc]  # decode() returns tuples of channels
    joined = list(lists[0])
    seen = {channel.name for channel in joined}
    for channels in lists[1:]:
        for channel in channels:
            if channel.name in seen:
                break  # the library ignores the rest of this list
            seen.add(channel.name)
            joined.append(channel)
    by_name["channels"] = valid[-1]._replace(value=tuple(joined))
