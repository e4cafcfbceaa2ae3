"""Processes a strip in one decoding thread: from the bytes of some chunks of one part and level to their statistics.

A strip's leaders are checked against the chunk tables and the layout. Its chunks are decoded together (`work`), in this process
or in a decoder process (`isolation`), and the statistics of the strip are merged by the thread that reads the file.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from exr_inspector.deadline import Deadline
from exr_inspector.errors import BudgetExceeded, DecodeError, DecoderCrashed, LimitExceeded
from exr_inspector.exr.chunks.layout import ChunkPlace, Layout
from exr_inspector.exr.chunks.leaders import ChunkLeader, address_of, parse_leader
from exr_inspector.exr.header.values import Compression
from exr_inspector.memory import Lease, MemoryPool
from exr_inspector.model import PixelFault
from exr_inspector.pixels.boxes import Canvas
from exr_inspector.pixels.budget import DecodeBudget
from exr_inspector.pixels.decode import DeepPayload
from exr_inspector.pixels.decoded import DecodedBlock
from exr_inspector.pixels.figures import LevelFigures
from exr_inspector.pixels.isolation import DecoderPool
from exr_inspector.pixels.mini_file import Payload
from exr_inspector.pixels.objects import Counting
from exr_inspector.pixels.work import Chunk, StripWork, decode_strip, fault_of, library_bytes
from exr_inspector.settings import limit_text
from exr_inspector.storage import RangeSource

_BLOCK, _ZERO_BLOCKS = 512, 7  # bytes; a page of 4096 zeros has the starts of seven blocks, wherever it begins


@dataclass(frozen=True, slots=True)
class FileContext:
    """Values that all strips of a file share; `picks`, `max_faults` and `deadline` as in StripWork.

    Attributes:
        source: The file.
        file_size: Size of the file in bytes.
        is_multi_part: Whether leaders start with a part number.
        budget: Threads and memory for decoding.
        is_full: Whether every chunk is read.
        library_memory: Memory that the OpenEXR library may use for this file at a time; each strip leases a part of it.
        overlapping: The file with a separate budget, for chunks that overlap others.
        images: As from `image_layers`; None to make no maps of images.
        counting: Cryptomattes whose objects are counted.
        pictures: By part and level, the canvas of thumbnails and the channels that they show; empty without thumbnails.
        decoders: Decoder processes; None to decode in this process.
        is_abandoned: Set when the file has crashed its decoder processes; no more strips are then decoded.
    """

    source: RangeSource
    file_size: int
    is_multi_part: bool
    budget: DecodeBudget
    deadline: Deadline | None
    is_full: bool
    max_faults: int
    library_memory: MemoryPool
    overlapping: RangeSource
    picks: int = 0
    images: Mapping[int, tuple[str, ...]] | None = None
    counting: Counting = field(default_factory=Counting)
    pictures: Mapping[tuple[int, int], tuple[Canvas, tuple[int, ...]]] = field(default_factory=dict)
    decoders: DecoderPool | None = None
    is_abandoned: threading.Event = field(default_factory=threading.Event)

    def images_of(self, part: int, level: int) -> tuple[str, ...] | None:
        """The layers of which maps are made, as in StripWork."""
        if self.images is None:
            return None
        return () if level else self.images.get(part, ())

    def work(self, part: int, level: int, layout: Layout, indices: Sequence[int], **about: Any) -> StripWork:
        """The StripWork for chunks of one part and level; `about` are further fields."""
        canvas, shown = self.pictures.get((part, level), (None, ()))
        return StripWork(
            part=part,
            level=level,
            layout=layout,
            indices=tuple(indices),
            picks=self.picks,
            seed=indices[0],
            images=self.images_of(part, level),
            max_faults=self.max_faults,
            deadline=self.deadline,
            ranks=() if level else self.counting.pairs_of(part),
            canvas=canvas,
            shown=shown,
            **about,
        )


@dataclass(frozen=True, slots=True)
class Strip:
    """Chunks of one part and level that are decoded together, with their bytes.

    Attributes:
        work: The chunks and how to process them.
        offsets: File offset of the leader of each chunk.
        buffer: Bytes of the file with these chunks.
        buffer_offset: File offset of the buffer.
        largest: Unpacked size of the largest chunk in bytes, according to the chunk tables.
        take: Called with decoded chunks, possibly by several threads at a time; the arrays are valid only during the call.
    """

    work: StripWork
    offsets: Sequence[int]
    buffer: memoryview
    buffer_offset: int
    largest: int
    take: Callable[[DecodedBlock], None] | None = None

    @property
    def library_bytes(self) -> int:
        """Estimated memory in bytes that the library needs for it."""
        layout = self.work.layout
        lines = min(layout.tile_height, layout.data_window.height)
        return library_bytes(layout.compression, lines, self.largest)


def run_strip(strip: Strip, context: FileContext, library_lease: Lease) -> LevelFigures:
    """Decode a strip and compute its statistics; `library_lease` is released when the library has decoded it.

    Raises:
        SourceError: Bytes outside the strip's buffer were needed and could not be read.
        DecoderCrashed: The decoder processes of this file ended repeatedly.
    """
    if context.is_abandoned.is_set():
        raise DecoderCrashed("other chunks of this file ended the processes that decoded them")
    faults: list[PixelFault] = []
    chunks: list[Chunk] = []
    extents: list[tuple[int, int, int]] = []
    work = strip.work
    for index, offset in zip(work.indices, strip.offsets, strict=True):
        place = work.layout.place(index)
        try:
            payload, end = _payload(strip, place, offset, context)
            chunks.append((place, payload))
            extents.append((index, offset, end))
        except (DecodeError, LimitExceeded) as error:
            text = limit_text(error) if isinstance(error, LimitExceeded) else str(error)
            faults.append(fault_of(work.part, place, type(error).code, text))
    if faults:
        indices = tuple(place.index for place, _ in chunks)
        work = replace(work, indices=indices, max_faults=work.max_faults - len(faults))
    decode = decode_strip if context.decoders is None else context.decoders.decode
    try:
        figures = decode(work, chunks, context.budget, decoded=library_lease.release, take=strip.take)
    except DecoderCrashed:
        context.is_abandoned.set()
        raise
    if context.decoders is None:
        context.budget.trim(strip.library_bytes)
    figures.faults[:0] = faults
    damaged = {fault.chunk for fault in figures.faults}
    figures.extents = [extent for extent in extents if extent[0] not in damaged]
    return figures


def _payload(strip: Strip, place: ChunkPlace, offset: int, context: FileContext) -> tuple[Payload | DeepPayload, int]:
    """The data after the leader at file offset `offset`, and the file offset of its end.

    Raises:
        DecodeError: It is not the leader of the chunk `place`.
    """
    layout, buffer, start = strip.work.layout, strip.buffer, offset - strip.buffer_offset
    leader = parse_leader(buffer, start, layout, context.is_multi_part)
    expected = address_of(strip.work.part if context.is_multi_part else 0, place, is_tiled=layout.is_tiled)
    if leader.address != expected:
        message, found = "the leader belongs to another chunk", leader.address.text
        if not np.frombuffer(buffer[start:], np.uint8).any():
            message, found = (
                "there are zeros instead, as in an unfinished copy",
                f"{len(buffer) - start:,} bytes of zero",
            )
        raise DecodeError(message, offset=offset, found=found, expected=expected.text)
    size = leader.end - start
    is_flat = leader.unpacked_bytes is None
    most = strip.work.layout.unpacked_bytes(place.window) if is_flat else context.budget.packed.capacity
    if leader.table_bytes + leader.packed_bytes > most and leader.end > len(buffer):
        message = f"chunk {place.index} has an impossible size"
        raise DecodeError(message, offset=offset, found=f"{size} bytes", expected=f"at most {most}")
    if size > context.file_size - offset:
        there = context.file_size - offset
        message = f"the file was cut off {size - there:,} bytes before the end of chunk {place.index}"
        raise DecodeError(message, offset=offset, found=f"{there} bytes", expected=f"{size} bytes")
    if leader.end > len(buffer):
        buffer, start = _read_overlapping(strip, place, leader, offset, context), 0
        leader = parse_leader(buffer, 0, layout, context.is_multi_part)
    if leader.unpacked_bytes is None:
        data = buffer[leader.data_offset : leader.end]
        if layout.compression == Compression.PIZ and len(data) < most:
            _check_piz(data, offset + leader.data_offset - start)
        return data, offset + size
    data_offset = leader.data_offset + leader.table_bytes
    table, data = buffer[leader.data_offset : data_offset], buffer[data_offset : leader.end]
    return DeepPayload(table, data, leader.unpacked_bytes), offset + size


def _check_piz(data: memoryview, offset: int) -> None:
    """Raise DecodeError for zeros where PIZ has Huffman codes, which have no long runs of them.

    The library decodes such data to wrong pixels without an error: PIZ has no checksum. The bitmap of values before the codes,
    of at most 8192 bytes, may be zero.
    """
    first, last = (int.from_bytes(data[at : at + 2], "little") for at in (0, 2))
    codes = np.frombuffer(data, np.uint8)[4 + max(0, last - first + 1) :]
    block = (codes[::_BLOCK] == 0).tobytes().find(b"\1" * _ZERO_BLOCKS)
    if block < 0:
        return
    others = np.flatnonzero(codes)
    after = int(np.searchsorted(others, block * _BLOCK))
    start = int(others[after - 1]) + 1 if after else 0
    zeros = (int(others[after]) if after < len(others) else len(codes)) - start
    if zeros >= (_ZERO_BLOCKS - 1) * _BLOCK:
        message = "zeros replace a piece of the PIZ data (lost blocks of a disk or of a copy?)"
        at = offset + len(data) - len(codes) + start
        raise DecodeError(message, offset=at, found=f"{zeros:,} bytes of zero", expected="Huffman codes")


def _read_overlapping(
    strip: Strip, place: ChunkPlace, leader: ChunkLeader, offset: int, context: FileContext
) -> memoryview:
    """The bytes of a chunk that ends after the start of the next one, because it overlaps it or a table entry is wrong.

    A full read reads some of these chunks with separate requests; a sample reads only what was planned, and raises DecodeError.
    """
    size = leader.end - (offset - strip.buffer_offset)
    message, expected = f"chunk {place.index} overlaps another one", "an end before the next chunk starts"
    overlap = DecodeError(message, offset=offset, found=f"{size} bytes", expected=expected)
    if not context.is_full:
        raise overlap
    try:
        return memoryview(context.overlapping.read(start=offset, end=offset + size))
    except BudgetExceeded:
        raise overlap from None
