"""Reads and decodes the chunks of a file in order, in bounded memory.

The calling thread reads ahead and submits strips of chunks to the decoding threads of a shared `DecodeBudget`. Statistics are
merged in the order of the plan, so the same file always has exactly the same statistics. A damaged chunk becomes a PixelFault,
and the other chunks are still read. If time or the read budget is used up, the statistics so far are reported as partial.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt
import xxhash

from exr_inspector.errors import BudgetExceeded, DeadlineExceeded, LimitExceeded
from exr_inspector.exr.chunks.layout import Layout
from exr_inspector.exr.header.values import PIXEL_BYTES
from exr_inspector.exr.limits import Checkpoint
from exr_inspector.memory import Lease
from exr_inspector.model import ChannelStats, PartPixels, PixelFault, PixelReport, StatsMode, Thumbnail
from exr_inspector.pixels.config import PixelConfig
from exr_inspector.pixels.estimates import Cluster, Estimate, Moments, estimate
from exr_inspector.pixels.figures import LevelFigures, empty_figures, level_samples
from exr_inspector.pixels.hashing import PixelHasher, labelled
from exr_inspector.pixels.objects import ObjectCounter
from exr_inspector.pixels.plans import ChunkExtents, PlannedRead, ReadPlan, Stratum
from exr_inspector.pixels.strips import FileContext, Strip, run_strip
from exr_inspector.pixels.thumbnails import PictureSums, ShownLayer
from exr_inspector.pixels.work import fault_of
from exr_inspector.settings import limit_text

_STRIP_SAMPLES = 1 << 19
_LEAST_STRIP_BYTES = 4 << 20
_COLOURS = frozenset({"R", "G", "B", "Y"})


def _strip_bytes(layout: Layout, config: PixelConfig) -> int:
    """Decoded size of a strip of this part in bytes, with enough samples of each channel for efficient numpy calls."""
    wanted = _STRIP_SAMPLES * sum(PIXEL_BYTES[channel.pixel_type] for channel in layout.channels)
    return min(config.strip_bytes, max(_LEAST_STRIP_BYTES, wanted))


class FilePass:
    """One pass over the chunks of one file: reads ahead, submits strips for decoding, merges their statistics."""

    def __init__(
        self,
        context: FileContext,
        config: PixelConfig,
        layouts: Sequence[Layout],
        plan: ReadPlan,
        layers: Sequence[ShownLayer],
        *,
        checkpoint: Checkpoint,
    ) -> None:
        self._context = context
        self._checkpoint = checkpoint
        self._config = config
        self._layouts = layouts
        self._plan = plan
        # For a sample: the moments of each channel in each request, by part, level and position of the request in the plan.
        self._moments: dict[tuple[int, int], dict[int, list[Moments]]] = {}
        self._strata: dict[tuple[int, int], dict[int, Stratum]] = {}
        for number, stratum in enumerate(plan.strata):
            self._strata.setdefault((stratum.part, stratum.level), {})[number] = stratum
        self._limits = [_strip_bytes(layout, config) for layout in layouts]
        self._levels: dict[tuple[int, int], LevelFigures] = {}  # levels with chunks or results so far
        self._pending: deque[Future[LevelFigures]] = deque()
        self._hashers: dict[tuple[int, int], PixelHasher] = {}
        self._file_hash = xxhash.xxh3_128()
        self._hashed_bytes = 0
        self._stopped = ""
        self._faults = 0
        self._extents: list[npt.NDArray[np.int64]] = []  # of a full read: part, index, start and end of chunks
        self._objects = ObjectCounter(context.counting, config.max_ids)
        self._pictures = {
            (part, level): PictureSums(canvas, [layer for layer in layers if layer.part == part])
            for (part, level), (canvas, _) in context.pictures.items()
        }

    def _level(self, part: int, level: int) -> LevelFigures:
        """The statistics of a level so far."""
        if (part, level) not in self._levels:
            self._levels[part, level] = empty_figures(
                part,
                self._layouts[part],
                level,
                picks=self._context.picks,
                images=self._context.images_of(part, level),
            )
        return self._levels[part, level]

    def _hasher(self, part: int, level: int) -> PixelHasher | None:
        """The hasher of a level's pixels; None if they are not hashed."""
        if not (self._config.hash_pixels and self._context.is_full):
            return None
        if (part, level) not in self._hashers:
            layout = self._layouts[part]
            self._hashers[part, level] = PixelHasher(layout, layout.levels[level], self._config.hash_bytes)
        return self._hashers[part, level]

    def run(self, *, at_once: bool) -> None:
        """Read and decode the planned chunks until done or stopped; `at_once` sends all requests at the same time."""
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
        """Call `work`; end reading without an error if time or the read budget is used up."""
        try:
            work()
        except (BudgetExceeded, DeadlineExceeded) as error:
            self._stopped = self._stopped or ("budget" if isinstance(error, BudgetExceeded) else "time")

    def _read(self, reads: Sequence[tuple[int, PlannedRead]]) -> None:
        """Read the bytes of some requests, given as (position in the plan, request), and submit their strips."""
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
        """Submit a strip; merge older ones first if too many are pending, and wait for the memory that the library needs."""
        budget = self._context.budget
        while len(self._pending) > 2 * budget.workers:
            self._merge()
        pool = self._context.library_memory
        library_lease = pool.lease(min(strip.library_bytes, pool.capacity), self._context.deadline)
        lease.share()
        try:
            future = budget.executor.submit(run_strip, strip, self._context, library_lease)
        except RuntimeError:  # no more threads can start: release the memory that others may wait for
            lease.release()
            library_lease.release()
            raise
        future.add_done_callback(lease.release)
        future.add_done_callback(library_lease.release)
        self._pending.append(future)

    def _strips(self, extents: ChunkExtents, number: int, read: PlannedRead, data: memoryview) -> Iterator[Strip]:
        """The chunks of a request, divided by part, level and maximum strip size."""
        chosen = slice(read.first, read.last)
        columns = (extents.part, extents.level, extents.index, extents.start, extents.unpacked)
        rows = zip(*(column[chosen].tolist() for column in columns), strict=True)
        gathered: dict[tuple[int, int], tuple[list[int], list[int]]] = {}
        sizes: dict[tuple[int, int], tuple[int, int]] = {}  # decoded size of all gathered chunks, and of the largest

        def made(key: tuple[int, int], chunks: tuple[list[int], list[int]], largest: int) -> Strip:
            hasher = self._hasher(*key)
            is_hashed = hasher is not None and not hasher.is_given_up
            layout = self._layouts[key[0]]
            work = self._context.work(*key, layout, chunks[0], read=number, is_hashed=is_hashed)
            return Strip(work, chunks[1], data, read.start, largest)

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
        """Add a fault for each chunk of a request that does not fit into memory; other requests are still read."""
        for position in range(read.first, read.last):
            part, level, index = (int(c[position]) for c in (extents.part, extents.level, extents.index))
            fault = fault_of(part, self._layouts[part].place(index), type(error).code, limit_text(error))
            self._level(part, level).faults.append(fault)
            self._faults += 1

    def _merge(self) -> None:
        """Wait for the oldest strip and merge its statistics."""
        figures = self._pending.popleft().result()
        key = figures.part, figures.level
        self._level(*key).merge(figures)
        self._objects.add(figures.objects)
        if figures.boxes:
            self._pictures[key].put(figures.boxes)
        if figures.rows is not None:
            self._hashers[key].add(figures.rows)
        if self._context.is_full and figures.extents:
            extents = np.array(figures.extents, np.int64)
            self._extents.append(np.insert(extents, 0, figures.part, axis=1))
        if self._plan.strata:
            found = [channel.moments for channel in figures.channels]
            known = self._moments.setdefault(key, {}).setdefault(figures.read, [Moments()] * len(found))
            known[:] = [old.merged(new) for old, new in zip(known, found, strict=True)]
        self._stopped = self._stopped or figures.stopped
        self._faults += len(figures.faults)
        if self._faults >= self._config.max_faults and not self._stopped:
            self._stopped = "faults"

    def report(self, mode: StatsMode) -> PixelReport:
        """The report of this pass."""
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
        complete_parts = frozenset(
            entry.part for entry in parts if entry.is_complete and not entry.level_x + entry.level_y
        )
        mattes = self._objects.results(complete_parts, self._config.max_objects)
        return PixelReport(
            mode,
            tuple(channels),
            tuple(parts),
            tuple(faults),
            self._stopped,
            file_hash,
            mattes,
            self.thumbnails(),
            self._overlapping(),
        )

    def _overlapping(self) -> dict[int, tuple[int, ...]]:
        """By part, the indices of chunks that end behind the start of the next one in the file."""
        found: dict[int, list[int]] = {}
        if self._extents:
            extents = np.concatenate(self._extents)
            extents = extents[np.argsort(extents[:, 2], kind="stable")]
            is_long = extents[:-1, 3] > extents[1:, 2]
            for part, index in extents[:-1][is_long, :2].tolist():
                found.setdefault(part, []).append(index)
        return {part: tuple(indices) for part, indices in found.items()}

    def _reported(self) -> list[tuple[int, int]]:
        """(part, level) of all reported levels: all requested levels, or only those that were read if time was up."""
        if self._stopped == "time":
            return sorted(self._levels)
        return [
            (part, level)
            for part, layout in enumerate(self._layouts)
            for level in range(len(layout.levels) if self._config.all_levels else min(1, len(layout.levels)))
        ]

    def thumbnails(self) -> tuple[Thumbnail, ...]:
        """The thumbnails; none of a level without decoded chunks."""
        seen = [pictures for key, pictures in self._pictures.items() if self._level(*key).chunks_read]
        return tuple(thumbnail for pictures in seen for thumbnail in pictures.result())

    def _channel_stats(self, figures: LevelFigures, layout: Layout, number: int) -> ChannelStats:
        level, accumulator = layout.levels[figures.level], figures.channels[number]
        exact = figures.chunks_read == level.chunk_count
        seen = figures.deep.pixels if layout.is_deep else accumulator.samples
        expected = level_samples(layout, level, number)
        stats = accumulator.result(
            part=figures.part,
            channel=layout.channels[number].name,
            level=(level.level_x, level.level_y),
            coverage=1.0 if exact else min(1.0, seen / expected) if expected else 0.0,
            exact=exact,
            estimated=None if exact else self._estimate(figures, number),
        )
        coverage = figures.coverages.get(number)
        if coverage is None or not exact:
            return stats
        colours = [figures.channels[position].moments for position in coverage.colours]
        return replace(
            stats,
            uncovered_count=coverage.uncovered,
            low_alpha_colour=coverage.low_alpha_colour(stats.zero_count, colours),
        )

    def _estimate(self, figures: LevelFigures, number: int) -> Estimate | None:
        """The estimated mean of one channel according to the sample's design; None in a full read."""
        key = figures.part, figures.level
        clusters: dict[int, list[Cluster]] = {}
        for position, moments in self._moments.get(key, {}).items():
            read = self._plan.reads[position]
            size = self._plan.extents.decoded(read.first, read.last)
            clusters.setdefault(read.stratum, []).append(Cluster(size, moments[number], read.place))
        is_as_drawn = not self._stopped and not figures.faults and key not in self._plan.over_budget
        return estimate(clusters, self._strata[key], supports_error=is_as_drawn) if clusters else None


def _is_true_of_all(seen: bool, exact: bool) -> bool | None:
    """Whether a property holds for all pixels, from those read: False on a counterexample, True only if all were read."""
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
        **(figures.maps.result(stats) if figures.maps and exact else {}),
    )
