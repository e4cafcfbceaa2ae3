"""Pixels of one file, read once, in order, in bounded memory: the pass that ties source, plan, decoding and figures together.

The calling thread reads ahead and hands strips of chunks to the decoding threads of a shared `DecodeBudget`; figures are
merged in the plan's order, so the same file gives the same figures to the last digit. A damaged chunk is a PixelFault and
the rest still counts; when time or the read budget runs out, what was counted so far is reported as partial. What figures
mean is for `validation` to say.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt
import xxhash

from exr_inspector.errors import BudgetExceeded, DeadlineExceeded, LimitExceeded
from exr_inspector.exr.chunks.layout import Layout
from exr_inspector.exr.chunks.tables import ChunkTable
from exr_inspector.exr.cryptomatte.mattes import Matte
from exr_inspector.exr.header.parser import Header
from exr_inspector.exr.header.values import PIXEL_BYTES, Preview
from exr_inspector.exr.limits import Checkpoint, no_checkpoint
from exr_inspector.memory import Lease, MemoryPool
from exr_inspector.model import (
    ChannelStats,
    PartPixels,
    PixelFault,
    PixelReport,
    StatsMode,
    Thumbnail,
    Thumbnails,
)
from exr_inspector.pixels.boxes import Canvas
from exr_inspector.pixels.budget import DecodeBudget
from exr_inspector.pixels.distribution import WANTED
from exr_inspector.pixels.estimates import Cluster, Estimate, Moments, estimate
from exr_inspector.pixels.figures import LevelFigures, empty_figures, level_samples
from exr_inspector.pixels.hashing import PixelHasher, labelled
from exr_inspector.pixels.isolation import DecoderPool
from exr_inspector.pixels.objects import Counting, ObjectCounter, plan_counting
from exr_inspector.pixels.rows import PartRows
from exr_inspector.pixels.sampling import (
    ChunkExtents,
    PlannedRead,
    SamplePlan,
    Stratum,
    locate_chunks,
    plan_full,
    plan_sample,
    sample_bytes,
)
from exr_inspector.pixels.strips import FileContext, Strip, run_strip
from exr_inspector.pixels.thumbnails import (
    PictureSums,
    ShownLayer,
    canvas_of,
    canvases,
    from_preview,
    shown_layers,
    small_level,
)
from exr_inspector.settings import limit_text
from exr_inspector.storage import Deadline, RangeSource, ReadBudget

__all__ = ["DecodeBudget", "PixelConfig", "read_pixels"]

_STRIP_SAMPLES = 1 << 18
_LEAST_STRIP_BYTES = 4 << 20
# One file's chunks take at most this part of the memory for decoded samples while the library unpacks them: chunks of 256 lines
# of many channels unpack one at a time, while the figures of the one before are made.
_LIBRARY_PART = 3
_MAX_OVERLAPPING_READS = 64
_COLOURS = frozenset({"R", "G", "B", "Y"})


@dataclass(frozen=True, slots=True)
class PixelConfig:
    """How pixels are read.

    Attributes:
        max_sample_bytes: Most bytes that a sample reads of one file; a file whose chunks are no larger is read whole.
        max_sample_share: Most of a large file that a sample reads, 0 to 1.
        share_from_bytes: From what size on a file is large.
        max_sample_requests: Most requests of a sample.
        sample_chunk_bytes: Most bytes of a sample where `max_sample_bytes` does not pay for two chunks of each part.
        seed: Seed of the sample plan.
        all_levels: Whether levels above the first are read, too.
        read_bytes: Bytes of one request when everything is read.
        strip_bytes: Most decoded bytes that a thread works on at a time, few channels get by with less; a single chunk may
            be larger.
        max_picks: Values of all channels together that are kept for percentiles and histograms.
        max_faults: Damaged chunks after which reading ends.
        hash_file: Whether to hash the file's bytes; only when everything is read.
        hash_pixels: Whether to hash decoded pixels; only when everything is read.
        with_zeros: Whether to note where the colour of parts is zero; only when everything is read.
        hash_bytes: Most memory for rows of tiles that wait to be hashed.
        max_ids: Distinct ids of Cryptomattes that are counted; only when everything is read.
        max_objects: Objects of Cryptomattes that are listed, those that cover the most.
        thumbnails: Which to make: of all pixels where all are read, otherwise of the preview or a small level, if there is one.
    """

    max_sample_bytes: int = 4 << 20
    max_sample_share: float = 0.02
    share_from_bytes: int = 64 << 20
    max_sample_requests: int = 8
    sample_chunk_bytes: int = 32 << 20
    seed: int = 0
    all_levels: bool = False
    read_bytes: int = 8 << 20
    strip_bytes: int = 16 << 20
    max_picks: int = 1 << 24
    max_faults: int = 1000
    hash_file: bool = False
    hash_pixels: bool = False
    with_zeros: bool = False
    hash_bytes: int = 256 << 20
    max_ids: int = 1 << 18
    max_objects: int = 0
    thumbnails: Thumbnails = Thumbnails.OFF


def read_pixels(
    source: RangeSource,
    header: Header,
    layouts: Sequence[Layout],
    tables: Sequence[ChunkTable],
    states: Sequence[npt.NDArray[np.uint8] | None],
    *,
    mode: StatsMode,
    file_size: int,
    budget: DecodeBudget,
    decoders: DecoderPool | None = None,
    config: PixelConfig | None = None,
    deadline: Deadline | None = None,
    checkpoint: Checkpoint = no_checkpoint,
    mattes: Sequence[Matte] = (),
) -> PixelReport:
    """Figures of the file's pixels.

    Args:
        source: The file; its own budget and deadline hold, too.
        header: Its header.
        layouts: One for each part that has a table.
        tables: Chunk offset tables, in part order.
        states: Every chunk's ChunkState of each part, None where all are OK; only those that are OK are read.
        mode: How much to read.
        file_size: Bytes of the whole file.
        budget: Threads and memory, shared with others.
        decoders: Processes that decode, shared with others; None to decode in this one.
        config: How to read.
        deadline: Until when to read; then the figures of what was read are made.
        checkpoint: Called before the figures of each part and level are made; what it raises ends the work.
        mattes: The file's Cryptomattes, whose objects are counted when everything is read.

    Raises:
        SourceError: The source failed; budgets that ran out are no failure but `PixelReport.stopped`.
        DecoderCrashed: The OpenEXR library ended the processes that decoded it.
    """
    config = config or PixelConfig()
    file = _File(source, header, layouts, tables, states, file_size, budget, decoders, config, deadline, checkpoint)
    if mode is StatsMode.OFF:
        return PixelReport(mode, thumbnails=file.small_thumbnails())
    extents = locate_chunks(
        layouts, tables, states, file_size, is_multi_part=header.is_multi_part, all_levels=config.all_levels
    )
    if mode is StatsMode.FULL:
        read_bytes = min(config.read_bytes, budget.packed.capacity // 2)
        plan = plan_full(extents, read_bytes=read_bytes, cover_bytes=file_size if config.hash_file else None)
    else:
        limit = sample_bytes(
            file_size,
            max_bytes=config.max_sample_bytes,
            max_share=config.max_sample_share,
            share_from_bytes=config.share_from_bytes,
        )
        plan = plan_sample(
            extents,
            seed=config.seed,
            max_bytes=limit,
            max_requests=config.max_sample_requests,
            chunk_bytes=min(config.sample_chunk_bytes, budget.packed.capacity // 2),
        )
    is_full = mode is StatsMode.FULL
    layers = shown_layers(layouts, config.thumbnails) if is_full or plan.chunks == len(extents) else ()
    pictures = {(part, 0): canvas for part, canvas in canvases(header, layouts, layers).items()}
    context = replace(
        file.context(pictures, layers, is_full=is_full),
        picks=_picks(layouts, config) if is_full else 0,
        with_zeros=config.with_zeros and is_full,
        counting=plan_counting(mattes, layouts) if is_full else Counting(),
    )
    reading = _Reading(context, config, layouts, plan, layers, checkpoint=checkpoint)
    reading.run(at_once=mode is StatsMode.SAMPLED and plan.bytes <= budget.packed.capacity // 2)
    report = reading.report(mode)
    return report if layers else replace(report, thumbnails=file.small_thumbnails())


def part_rows(
    source: RangeSource,
    header: Header,
    layouts: Sequence[Layout],
    tables: Sequence[ChunkTable],
    states: Sequence[npt.NDArray[np.uint8] | None],
    *,
    part: int,
    file_size: int,
    budget: DecodeBudget,
    decoders: DecoderPool | None = None,
) -> PartRows:
    """The rows of a flat part's first level, from the top down. The arguments are those of `read_pixels`."""
    file = _File(source, header, layouts, tables, states, file_size, budget, decoders, PixelConfig(), None)
    extents = locate_chunks(layouts, tables, states, file_size, is_multi_part=header.is_multi_part)
    return PartRows(file.context({}, (), is_full=False), layouts[part], part, extents.only(part, 0))


@dataclass(frozen=True, slots=True)
class _File:
    """The arguments of `read_pixels`."""

    source: RangeSource
    header: Header
    layouts: Sequence[Layout]
    tables: Sequence[ChunkTable]
    states: Sequence[npt.NDArray[np.uint8] | None]
    size: int
    budget: DecodeBudget
    decoders: DecoderPool | None
    config: PixelConfig
    deadline: Deadline | None
    checkpoint: Checkpoint = no_checkpoint

    def context(
        self, pictures: Mapping[tuple[int, int], Canvas], layers: Sequence[ShownLayer], *, is_full: bool
    ) -> FileContext:
        """What strips share, without figures that are made on request.

        Args:
            pictures: By part and level, where thumbnails are made.
            layers: What they show.
            is_full: Whether every chunk is read.
        """
        shown = {part: {n for layer in layers if layer.part == part for n in layer.channels} for part, _ in pictures}
        return FileContext(
            source=self.source,
            file_size=self.size,
            is_multi_part=self.header.is_multi_part,
            budget=self.budget,
            deadline=self.deadline,
            is_full=is_full,
            picks=0,
            max_faults=self.config.max_faults,
            with_zeros=False,
            in_library=MemoryPool(self.budget.decoded.capacity // _LIBRARY_PART),
            overlapping=self.source.limited(ReadBudget(_MAX_OVERLAPPING_READS, self.size)),
            counting=Counting(),
            pictures={key: (canvas, tuple(sorted(shown[key[0]]))) for key, canvas in pictures.items()},
            decoders=self.decoders,
        )

    def small_thumbnails(self) -> tuple[Thumbnail, ...]:
        """Thumbnails without reading all pixels: of the preview attribute, or of a small level; none where there is neither."""
        if self.config.thumbnails is Thumbnails.OFF:
            return ()
        for part in self.header.parts:
            preview = part.value("preview", "preview")
            if isinstance(preview, Preview) and (made := from_preview(preview, part.index)) is not None:
                return (made,)
        layers = shown_layers(self.layouts, Thumbnails.FILE)
        level = small_level(self.layouts[layers[0].part]) if layers else None
        if level is None:
            return ()
        index = layers[0].part
        layout = self.layouts[index]
        located = locate_chunks(
            self.layouts, self.tables, self.states, self.size, is_multi_part=self.header.is_multi_part, all_levels=True
        )
        read_bytes = min(self.config.read_bytes, self.budget.packed.capacity // 2)
        plan = plan_full(located.only(index, level), read_bytes=read_bytes)
        canvas = canvas_of(self.header.parts[index], layout, layout.levels[level])
        context = self.context({(index, level): canvas}, layers, is_full=False)
        config = replace(self.config, all_levels=True, hash_file=False, hash_pixels=False)
        reading = _Reading(context, config, self.layouts, plan, layers, checkpoint=self.checkpoint)
        reading.run(at_once=False)
        return reading.thumbnails()


def _picks(layouts: Sequence[Layout], config: PixelConfig) -> int:
    """How many values of each channel are kept for percentiles: fewer, where channels are so many that memory tells."""
    channels = sum(len(layout.channels) * (len(layout.levels) if config.all_levels else 1) for layout in layouts)
    return min(WANTED, max(1, config.max_picks // max(1, channels)))


def _strip_bytes(layout: Layout, config: PixelConfig) -> int:
    """Decoded bytes of a strip of this part: each channel has samples enough to keep numpy busy for a while."""
    wanted = _STRIP_SAMPLES * sum(PIXEL_BYTES[channel.pixel_type] for channel in layout.channels)
    return min(config.strip_bytes, max(_LEAST_STRIP_BYTES, wanted))


class _Reading:
    """One pass over one file."""

    def __init__(
        self,
        context: FileContext,
        config: PixelConfig,
        layouts: Sequence[Layout],
        plan: SamplePlan,
        layers: Sequence[ShownLayer],
        *,
        checkpoint: Checkpoint,
    ) -> None:
        self._context = context
        self._checkpoint = checkpoint
        self._config = config
        self._layouts = layouts
        self._plan = plan
        # Of a sample: the moments of each channel in each request, by part, level and position of the request in the plan.
        self._moments: dict[tuple[int, int], dict[int, list[Moments]]] = {}
        self._strata: dict[tuple[int, int], dict[int, Stratum]] = {}
        for number, stratum in enumerate(plan.strata):
            self._strata.setdefault((stratum.part, stratum.level), {})[number] = stratum
        self._limits = [_strip_bytes(layout, config) for layout in layouts]
        self._levels: dict[tuple[int, int], LevelFigures] = {}  # of those that were met so far
        self._pending: deque[Future[LevelFigures]] = deque()
        self._hashers: dict[tuple[int, int], PixelHasher] = {}
        self._file_hash = xxhash.xxh3_128()
        self._hashed_bytes = 0
        self._stopped = ""
        self._faults = 0
        self._objects = ObjectCounter(context.counting, config.max_ids)
        self._pictures = {
            (part, level): PictureSums(canvas, [layer for layer in layers if layer.part == part])
            for (part, level), (canvas, _) in context.pictures.items()
        }

    def _level(self, part: int, level: int) -> LevelFigures:
        """The figures of a level so far."""
        if (part, level) not in self._levels:
            self._levels[part, level] = empty_figures(
                part, self._layouts[part], level, picks=self._context.picks, with_zeros=self._context.with_zeros
            )
        return self._levels[part, level]

    def _hasher(self, part: int, level: int) -> PixelHasher | None:
        """What hashes the pixels of a level; None where they are not hashed."""
        if not (self._config.hash_pixels and self._context.is_full):
            return None
        if (part, level) not in self._hashers:
            layout = self._layouts[part]
            self._hashers[part, level] = PixelHasher(layout, layout.levels[level], self._config.hash_bytes)
        return self._hashers[part, level]

    def run(self, *, at_once: bool) -> None:
        """Read and decode what the plan says, until done or stopped.

        Args:
            at_once: Whether all requests are made at the same time: for few and small ones.
        """
        reads = list(enumerate(self._plan.reads))
        waves = [reads] if at_once else [[read] for read in reads]
        try:
            for wave in waves:
                self._within_budgets(partial(self._read, wave))
                if self._stopped:
                    break
            while self._pending:
                self._within_budgets(self._merge)
        finally:
            for future in self._pending:
                future.cancel()

    def _within_budgets(self, work: Callable[[], None]) -> None:
        """Do something that ends reading, but is no failure, when time or the read budget is used up."""
        try:
            work()
        except (BudgetExceeded, DeadlineExceeded) as error:
            self._stopped = self._stopped or ("budget" if isinstance(error, BudgetExceeded) else "time")

    def _read(self, reads: Sequence[tuple[int, PlannedRead]]) -> None:
        """Fetch the bytes of some requests, given with their positions in the plan, and hand their strips to the threads."""
        extents = self._plan.extents
        size = sum(read.end - read.start for _, read in reads)
        pool, deadline = self._context.budget.packed, self._context.deadline
        if deadline is not None:
            deadline.check("reading pixels")
        try:
            lease = pool.lease(size, deadline)
        except LimitExceeded as error:
            for _, read in reads:
                self._refuse(extents, read, error)
            return
        try:
            fetched = self._context.source.read_many([(read.start, read.end) for _, read in reads], coalesce_bytes=0)
            for (number, read), data in zip(reads, fetched, strict=True):
                if self._config.hash_file and read.start == self._hashed_bytes:
                    self._file_hash.update(data)
                    self._hashed_bytes += len(data)
                for strip in self._strips(extents, number, read, memoryview(data)):
                    self._submit(strip, lease)
                    if self._stopped:
                        return
        finally:
            lease.release()

    def _submit(self, strip: Strip, lease: Lease) -> None:
        """Hand over a strip: after merging older ones where too many are under way, and when the library has room for it."""
        budget = self._context.budget
        while len(self._pending) > 2 * budget.workers:
            self._merge()
        pool = self._context.in_library
        turn = pool.lease(min(strip.library_bytes, pool.capacity), self._context.deadline)
        lease.share()
        try:
            future = budget.executor.submit(run_strip, strip, self._context, turn)
        except RuntimeError:  # the system has no more threads: others must not wait for ever for this memory
            lease.release()
            turn.release()
            raise
        future.add_done_callback(lease.release)
        future.add_done_callback(turn.release)
        self._pending.append(future)

    def _strips(self, extents: ChunkExtents, number: int, read: PlannedRead, data: memoryview) -> Iterator[Strip]:
        """The chunks of a request, by part and level, as many at a time as a strip may have."""
        chosen = slice(read.first, read.last)
        columns = (extents.part, extents.level, extents.index, extents.start, extents.unpacked)
        rows = zip(*(column[chosen].tolist() for column in columns), strict=True)
        gathered: dict[tuple[int, int], tuple[list[int], list[int]]] = {}
        sizes: dict[tuple[int, int], tuple[int, int]] = {}  # of all chunks gathered, and of the largest

        def made(key: tuple[int, int], chunks: tuple[list[int], list[int]], largest: int) -> Strip:
            hasher = self._hasher(*key)
            is_hashed = hasher is not None and not hasher.is_given_up
            layout = self._layouts[key[0]]
            return Strip(*key, layout, *chunks, data, read.start, largest, read=number, is_hashed=is_hashed)

        for part, level, index, start, unpacked in rows:
            key = part, level
            indices, offsets = gathered.setdefault(key, ([], []))
            indices.append(index)
            offsets.append(start)
            size, largest = sizes.get(key, (0, 0))
            sizes[key] = size, largest = size + unpacked, max(largest, unpacked)
            if size >= self._limits[part]:
                del sizes[key]
                yield made(key, gathered.pop(key), largest)
        for key, chunks in gathered.items():
            yield made(key, chunks, sizes[key][1])

    def _refuse(self, extents: ChunkExtents, read: PlannedRead, error: LimitExceeded) -> None:
        """A request that does not fit into memory: its chunks are faults, the rest is read."""
        for position in range(read.first, read.last):
            part, level, index = (int(c[position]) for c in (extents.part, extents.level, extents.index))
            window = self._layouts[part].place(index).window
            fault = PixelFault(part, index, window.y_min, window.y_max, type(error).code, limit_text(error))
            self._level(part, level).faults.append(fault)
            self._faults += 1

    def _merge(self) -> None:
        """Take in the oldest strip's figures, once it is done."""
        figures = self._pending.popleft().result()
        key = figures.part, figures.level
        self._level(*key).merge(figures)
        self._objects.add(figures.objects)
        if figures.boxes:
            self._pictures[key].put(figures.boxes)
        if figures.rows is not None:
            self._hashers[key].add(figures.rows)
        if self._plan.strata:
            found = [channel.moments for channel in figures.channels]
            known = self._moments.setdefault(key, {}).setdefault(figures.read, [Moments()] * len(found))
            known[:] = [old.merged(new) for old, new in zip(known, found, strict=True)]
        self._stopped = self._stopped or figures.stopped
        self._faults += len(figures.faults)
        if self._faults >= self._config.max_faults and not self._stopped:
            self._stopped = "faults"

    def report(self, mode: StatsMode) -> PixelReport:
        """What was learned."""
        channels: list[ChannelStats] = []
        parts: list[PartPixels] = []
        faults: list[PixelFault] = []
        for key in self._reported():
            self._checkpoint()
            figures, hasher = self._level(*key), self._hasher(*key)
            layout = self._layouts[figures.part]
            level = layout.levels[figures.level]
            is_worth_threads = self._context.picks and level.width * level.height >= _STRIP_SAMPLES
            each = self._context.budget.executor.map if is_worth_threads else map
            stats = tuple(each(partial(self._channel_stats, figures, layout), range(len(figures.channels))))
            channels.extend(stats)
            parts.append(_part_pixels(figures, layout, stats, hasher.result() if hasher else None))
            faults.extend(figures.faults)
        faults.sort(key=lambda fault: (fault.part, fault.chunk))
        is_hashed = self._config.hash_file and self._context.is_full and self._hashed_bytes == self._context.file_size
        file_hash = labelled(self._file_hash.hexdigest()) if is_hashed else None
        whole_parts = frozenset(entry.part for entry in parts if entry.is_whole and not entry.level_x + entry.level_y)
        mattes = self._objects.results(whole_parts, self._config.max_objects)
        return PixelReport(
            mode,
            tuple(channels),
            tuple(parts),
            tuple(faults),
            self._stopped,
            file_hash,
            mattes,
            self.thumbnails(),
        )

    def _reported(self) -> list[tuple[int, int]]:
        """Part and level of all figures: every one, but only those that were read where the time was up."""
        if self._stopped == "time":
            return sorted(self._levels)
        return [
            (part, level)
            for part, layout in enumerate(self._layouts)
            for level in range(len(layout.levels) if self._config.all_levels else min(1, len(layout.levels)))
        ]

    def thumbnails(self) -> tuple[Thumbnail, ...]:
        """The small pictures; none of a level of which no chunk was decoded."""
        seen = [pictures for key, pictures in self._pictures.items() if self._level(*key).chunks_read]
        return tuple(thumbnail for pictures in seen for thumbnail in pictures.result())

    def _channel_stats(self, figures: LevelFigures, layout: Layout, number: int) -> ChannelStats:
        level, accumulator = layout.levels[figures.level], figures.channels[number]
        exact = figures.chunks_read == level.chunk_count
        seen = figures.deep.pixels if layout.is_deep else accumulator.samples
        expected = level_samples(layout, level, number)
        return accumulator.result(
            part=figures.part,
            channel=layout.channels[number].name,
            level=(level.level_x, level.level_y),
            coverage=1.0 if exact else min(1.0, seen / expected) if expected else 0.0,
            exact=exact,
            estimated=None if exact else self._estimate(figures, number),
        )

    def _estimate(self, figures: LevelFigures, number: int) -> Estimate | None:
        """The mean of one channel by the design of the sample; None of a pass that reads everything."""
        key = figures.part, figures.level
        clusters: dict[int, list[Cluster]] = {}
        for position, moments in self._moments.get(key, {}).items():
            read = self._plan.reads[position]
            size = self._plan.extents.decoded(read.first, read.last)
            clusters.setdefault(read.stratum, []).append(Cluster(size, moments[number]))
        is_as_drawn = not self._stopped and not figures.faults and key not in self._plan.out_of_reach
        return estimate(clusters, self._strata[key], supports_error=is_as_drawn) if clusters else None


def _is_true_of_all(seen: bool, exact: bool) -> bool | None:
    """A property of all pixels from some of them: one counterexample disproves it, only all pixels prove it."""
    return seen if exact or not seen else None


def _part_pixels(
    figures: LevelFigures, layout: Layout, stats: Sequence[ChannelStats], pixel_hash: str | None
) -> PartPixels:
    level = layout.levels[figures.level]
    exact = figures.chunks_read == level.chunk_count
    seen = [channel for channel in stats if channel.samples]
    colours = [channel for channel in seen if channel.channel.rpartition(".")[2] in _COLOURS]
    return PartPixels(
        part=figures.part,
        level_x=level.level_x,
        level_y=level.level_y,
        chunks_total=level.chunk_count,
        chunks_read=figures.chunks_read,
        is_constant=_is_true_of_all(all(channel.is_constant for channel in seen), exact) if seen else None,
        is_black=_is_true_of_all(all(channel.zero_count == channel.samples for channel in colours), exact)
        if colours
        else None,
        deep=figures.deep.result() if layout.is_deep and figures.deep.pixels else None,
        pixel_hash=pixel_hash,
        zeros=figures.zeros.result() if figures.zeros and exact else None,
    )
