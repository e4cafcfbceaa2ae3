"""What the readers find of a file in memory: header, layouts, chunk offset tables and the state of every chunk."""

from __future__ import annotations

from dataclasses import dataclass

from exr_inspector.errors import FormatError
from exr_inspector.exr.chunks.checks import ChunkMap
from exr_inspector.exr.chunks.layout import Layout, part_layout
from exr_inspector.exr.chunks.tables import ChunkTable, States, chunk_states, read_tables, tables_end
from exr_inspector.exr.header.parser import Header, PartHeader, parse_header


@dataclass(frozen=True)
class Located:
    """A file all of whose parts have a layout.

    Attributes:
        header: Its header.
        layouts: The layout of each part.
        tables: The table of each part.
        first_offset: Where the tables end.
        states: The state of each part's chunks, from its table alone.
        size: Size of the file in bytes.
    """

    header: Header
    layouts: list[Layout]
    tables: tuple[ChunkTable, ...]
    first_offset: int
    states: list[States]
    size: int

    @property
    def chunks(self) -> ChunkMap:
        """Its chunks, for the checks of leaders."""
        orders = [part.line_order for part in self.header.parts]
        is_multi_part = self.header.is_multi_part
        return ChunkMap(self.layouts, self.tables, self.states, is_multi_part, self.first_offset, self.size, orders)


def located(data: bytes, size: int | None = None) -> Located:
    """Read header and tables; `size` is that of the file, if it differs from that of its bytes."""
    size = len(data) if size is None else size
    header = parse_header(data)
    layouts = [part_layout(part) for part in header.parts]
    tables, first = read_tables(data, header, layouts, size), tables_end(header, layouts)
    return Located(header, layouts, tables, first, [chunk_states(table, first, size) for table in tables], size)


def layouts_of(header: Header) -> tuple[Layout | None, ...]:
    """The layout of each part; None for a part that has none."""

    def one(part: PartHeader) -> Layout | None:
        try:
            return part_layout(part)
        except FormatError:
            return None

    return tuple(one(part) for part in header.parts)
