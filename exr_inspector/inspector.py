"""The one place where a source of bytes meets the format: fetch, parse, locate, read pixels, judge - one Inspection.

What is wrong with a file, for good, is an Inspection with status `failed`; what may be gone in a moment (an outage, a
changed object, no time left) is raised. Nothing is written here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from enum import Enum

from exr_inspector.errors import BudgetExceeded, EmptyFile, ExrInspectorError, FormatError, SourceError
from exr_inspector.exr.chunks.layout import Layout, part_layout
from exr_inspector.exr.chunks.leader_walk import (
    ByteRange,
    ChunkMap,
    LeaderReport,
    check_all_leaders,
    check_last_leader,
    rebuild_tables,
    run,
)
from exr_inspector.exr.chunks.tables import (
    ChunkTable,
    Completeness,
    States,
    assess,
    chunk_states,
    read_tables,
    shared_entries,
    tables_end,
)
from exr_inspector.exr.conformance.header import check_header
from exr_inspector.exr.header.parser import Header, HeaderParser, NeedMore
from exr_inspector.exr.limits import DEFAULT_LIMITS, Limits
from exr_inspector.exr.names import file_names
from exr_inspector.exr.problems import Problem
from exr_inspector.model import Cost, EventInfo, Inspection, ObjectVersion, PixelReport, StatsMode, Status
from exr_inspector.pixels.reader import DecodeBudget, PixelConfig, read_pixels
from exr_inspector.settings import Settings
from exr_inspector.storage import Deadline, PrefixedSource, RangeSource, ReadBudget
from exr_inspector.storage.sequences import sequence_name
from exr_inspector.validation import Policy, validate

LEADER_COALESCE_BYTES = 16 << 10


class LeaderMode(str, Enum):
    """Which chunk leaders are read: none beyond those that came with the header, the last chunk's, or all."""

    OFF = "off"
    LAST = "last"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class InspectorConfig:
    """How much of a file to read.

    Attributes:
        initial_read_bytes: Bytes of the first request; holds header and chunk tables of almost every file.
        max_requests: Most requests for header, tables and leaders.
        leaders: Which chunk leaders are looked at.
        rebuild: Whether a damaged chunk table is rebuilt by walking the leaders.
        limits: What a file may ask for.
        stats: Whether and how deep pixels are read.
        pixels: Budgets for that.
    """

    initial_read_bytes: int = 65_536
    max_requests: int = 64
    leaders: LeaderMode = LeaderMode.OFF
    rebuild: bool = False
    limits: Limits = DEFAULT_LIMITS
    stats: StatsMode = StatsMode.OFF
    pixels: PixelConfig = field(default_factory=PixelConfig)


@dataclass(slots=True)
class _Known:
    """What has been learned so far; becomes an Inspection, also when reading ended early."""

    header: Header | None = None
    layouts: tuple[Layout | None, ...] = ()
    tables: tuple[ChunkTable, ...] = ()
    states: tuple[States, ...] = ()
    completeness: tuple[Completeness, ...] = ()
    problems: tuple[Problem, ...] = ()
    pixels: PixelReport | None = None
    error_code: str | None = None
    error_message: str | None = None


class _Bytes:
    """The file's first bytes, as far as they were read.

    Where only the next step is known (a header is read attribute by attribute) each request reads further ahead than the one
    before: requests grow with the logarithm of what is needed, no more than twice of which is read, and all copying together
    stays linear.
    """

    def __init__(self, source: RangeSource, first_bytes: int, limit: int) -> None:
        self._source = source
        self._ahead = first_bytes
        self._limit = limit
        self.buffer = source.read(start=0, end=first_bytes)

    def read_until(self, until: int, size: int) -> bytes:
        """Have the bytes before `until`, or all there are."""
        have = len(self.buffer)
        if have < min(until, size):
            self.buffer += self._source.read(start=have, end=min(until, size))
        return self.buffer

    def read_beyond(self, until: int, size: int) -> bytes:
        """Have the bytes before `until`, or all there are, and some of those behind."""
        ahead, self._ahead = self._ahead, 2 * self._ahead
        return self.read_until(max(until, min(until + ahead, self._limit)), size)


class Inspector:
    """Inspects files, any number at a time: it holds settings and the shared decode budget, nothing of any file."""

    def __init__(
        self,
        config: InspectorConfig | None = None,
        *,
        budget: DecodeBudget | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self._config = config or InspectorConfig()
        self._budget = budget or DecodeBudget()
        self._now = now

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        *,
        stats: StatsMode | None = None,
        levels: str | None = None,
        with_hash: bool | None = None,
        with_zeros: bool = False,
    ) -> Inspector:
        """An inspector with the settings' limits.

        Args:
            settings: The settings.
            stats: How deep to look at pixels, if not as the settings say.
            levels: `first` or `all` levels of mipmaps and ripmaps, if not as the settings say.
            with_hash: Whether to hash file and pixels, if not as the settings say.
            with_zeros: Whether a full pass notes where colour is exactly zero.
        """
        hashed = settings.hash if with_hash is None else with_hash
        pixels = PixelConfig(
            max_sample_bytes=settings.stats_bytes,
            max_sample_requests=settings.stats_requests,
            all_levels=(levels or settings.stats_levels) == "all",
            hash_file=hashed,
            hash_pixels=hashed,
            with_zeros=with_zeros,
        )
        config = InspectorConfig(
            initial_read_bytes=settings.initial_read_bytes,
            max_requests=settings.max_requests,
            leaders=LeaderMode(settings.leaders),
            rebuild=settings.rebuild,
            limits=settings.limits,
            stats=StatsMode(settings.stats) if stats is None else stats,
            pixels=pixels,
        )
        budget = DecodeBudget(memory_bytes=settings.memory_mib << 20, workers=settings.decode_threads)
        return cls(config, budget=budget)

    @property
    def config(self) -> InspectorConfig:
        """The settings it was made with."""
        return self._config

    def inspect(
        self,
        source: RangeSource,
        policy: Policy,
        *,
        event: EventInfo | None = None,
        deadline: Deadline | None = None,
    ) -> Inspection:
        """Inspect one file.

        Args:
            source: Where its bytes come from; not read yet. Its budget and deadline bound what this costs.
            policy: What to judge it by.
            event: The event that asked for it.
            deadline: When reading pixels ends with partial figures; what the source does by then is its own business.

        Returns:
            The Inspection; status `failed` for a file that cannot be read as OpenEXR, is denied, gone or empty.

        Raises:
            ExrInspectorError: Retryable ones only: SourceUnavailable, ObjectChanged, DeadlineExceeded.
        """
        started = time.perf_counter()
        known = _Known()
        try:
            self._read(source, known, deadline)
        except ExrInspectorError as error:
            if error.retryable:
                raise
            self._failed(known, error)
            if known.header is not None and not known.problems:  # what could be read of it can be judged
                known.problems = check_header(known.header, known.layouts)
        inspection = self._inspection(source.bucket, source.key, known, policy, event=event, version=source.version)
        return self._judged(inspection, policy, source.cost, started)

    def refused(
        self, bucket: str, key: str, error: ExrInspectorError, policy: Policy, *, event: EventInfo | None = None
    ) -> Inspection:
        """The Inspection of an object that could not even be asked for."""
        known = _Known()
        self._failed(known, error)
        return self._judged(
            self._inspection(bucket, key, known, policy, event=event, version=None), policy, Cost(), time.perf_counter()
        )

    def _inspection(
        self,
        bucket: str,
        key: str,
        known: _Known,
        policy: Policy,
        *,
        event: EventInfo | None,
        version: ObjectVersion | None,
    ) -> Inspection:
        return Inspection(
            bucket=bucket,
            key=key,
            version=version,
            status=Status.FAILED if known.error_code else Status.INSPECTED,
            error_code=known.error_code,
            error_message=known.error_message,
            name=sequence_name(bucket, key),
            inspected_at=self._now(),
            header=known.header,
            layouts=known.layouts,
            completeness=known.completeness,
            names=file_names(known.header) if known.header else (),
            problems=known.problems,
            pixels=known.pixels,
            policy=policy.label,
            event=event or EventInfo(),
        )

    @staticmethod
    def _judged(inspection: Inspection, policy: Policy, cost: Cost, started: float) -> Inspection:
        findings = validate(inspection, policy)
        return replace(inspection, findings=findings, cost=cost, duration_ms=(time.perf_counter() - started) * 1000)

    @staticmethod
    def _failed(known: _Known, error: ExrInspectorError) -> None:
        known.error_code, known.error_message = type(error).code, str(error)
        if isinstance(error, FormatError) and isinstance(error.partial, Header):
            known.header = error.partial

    def _read(self, source: RangeSource, known: _Known, deadline: Deadline | None) -> None:
        config = self._config
        metered = source.limited(ReadBudget(requests=config.max_requests))
        start = _Bytes(metered, config.initial_read_bytes, config.limits.header_bytes + config.limits.table_bytes)
        version = source.version
        if version is None:
            raise SourceError("the source answered a read without saying which version it read")
        size = version.size_bytes
        known.header = self._read_header(start, size)
        self._locate(start, known, size)
        known.problems = check_header(known.header, known.layouts)
        self._check_chunks(PrefixedSource(metered, start.buffer), known, size)
        fatal = next((problem for problem in known.problems if problem.fatal), None)
        if fatal and not known.error_code:
            known.error_code, known.error_message = fatal.code, _in_part(known.header, fatal.part, fatal.text)
        if config.stats is not StatsMode.OFF and not known.error_code:
            known.pixels = self._read_pixels(PrefixedSource(source, start.buffer), known, size, deadline)

    def _read_header(self, start: _Bytes, size: int) -> Header:
        if size == 0:
            raise EmptyFile("the file is empty", found="0 bytes", expected="an OpenEXR file")
        parser = HeaderParser(size, self._config.limits)
        while isinstance(answer := parser.feed(start.buffer), NeedMore):
            start.read_beyond(answer.until, size)
        return answer

    def _locate(self, start: _Bytes, known: _Known, size: int) -> None:
        """Layouts and chunk tables of all parts before the first whose layout is unknown."""
        header, limits = known.header, self._config.limits
        if header is None:
            return
        layouts: list[Layout | None] = []
        for part in header.parts:
            try:
                layouts.append(part_layout(part, limits))
            except FormatError as error:
                layouts.append(None)
                if not known.error_code:
                    self._failed(known, error)
                    known.error_message = _in_part(header, part.index, known.error_message)
        known.layouts = tuple(layouts)
        located = list(_leading(layouts))
        while isinstance(tables := read_tables(start.buffer, header, located, size, limits), NeedMore):
            start.read_until(tables.until, size)
        first_offset = tables_end(header, located)
        known.tables = tables
        known.states = tuple([chunk_states(table, first_offset, size) for table in tables])
        if len(tables) > 1:
            known.states = shared_entries(tables, known.states)

    def _check_chunks(self, source: RangeSource, known: _Known, size: int) -> None:
        """Completeness of every located part, by tables and as many leaders as the settings ask for.

        The leader of the chunk that is last in the file is looked at in any case when it was read already.
        """
        header, layouts = known.header, list(_leading(known.layouts))
        if header is None or not layouts:
            return
        line_orders = [part.line_order for part in header.parts[: len(layouts)]]
        first_offset = tables_end(header, layouts)
        chunks = ChunkMap(
            layouts,
            known.tables,
            known.states,
            header.is_multi_part,
            first_offset,
            size,
            line_orders,
            is_whole=len(layouts) == len(header.parts),
        )
        report = self._ask(source, chunks)
        if self._config.rebuild and len(layouts) == len(known.layouts) and any(s is not None for s in report.states):
            rebuilt = run(rebuild_tables(chunks), self._reader(source, only_at_hand=False))
            report = replace(rebuilt, problems=report.problems + rebuilt.problems)
        known.tables, known.states = report.tables, report.states
        known.problems += report.problems
        known.completeness = tuple(
            assess(layout, table, states, header.parts[table.part].chunk_count, report.checked)
            for layout, table, states in zip(layouts, known.tables, known.states, strict=True)
        )

    def _ask(self, source: RangeSource, chunks: ChunkMap) -> LeaderReport:
        mode = self._config.leaders
        question = check_all_leaders if mode is LeaderMode.ALL else check_last_leader
        return run(question(chunks), self._reader(source, only_at_hand=mode is LeaderMode.OFF))

    def _reader(
        self, source: RangeSource, *, only_at_hand: bool
    ) -> Callable[[tuple[ByteRange, ...]], Sequence[bytes] | None]:
        """Answers a leader generator's questions, until the budget for requests is used up."""

        def read(ranges: tuple[ByteRange, ...]) -> Sequence[bytes] | None:
            pairs = [(wanted.start, wanted.end) for wanted in ranges]
            if only_at_hand and not (isinstance(source, PrefixedSource) and source.holds(pairs)):
                return None
            try:
                return source.read_many(pairs, coalesce_bytes=LEADER_COALESCE_BYTES)
            except BudgetExceeded:
                return None

        return read

    def _read_pixels(
        self, source: RangeSource, known: _Known, size: int, deadline: Deadline | None
    ) -> PixelReport | None:
        layouts = list(_leading(known.layouts))
        if known.header is None or not layouts:
            return None
        return read_pixels(
            source,
            known.header,
            layouts,
            known.tables,
            known.states,
            mode=self._config.stats,
            file_size=size,
            budget=self._budget,
            config=self._config.pixels,
            deadline=deadline,
        )


def _in_part(header: Header, part: int | None, message: str | None) -> str:
    """A message with the part that it speaks of, where there are several."""
    return f"part {part}: {message}" if part is not None and len(header.parts) > 1 else message or ""


def _leading(layouts: Sequence[Layout | None]) -> Iterator[Layout]:
    """The layouts before the first that is unknown: behind it no table's place is known."""
    for layout in layouts:
        if layout is None:
            return
        yield layout
