"""Inspect one file: run the probe of `exr` on a source, read pixels, validate, and return one Inspection.

A permanent fault of a file results in an Inspection with status `failed`. A transient fault (an outage, a changed
object, no time left) is raised. This module stores nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone

from exr_inspector.deadline import Deadline
from exr_inspector.errors import (
    BudgetExceeded,
    DecodeError,
    DecoderCrashed,
    ExrInspectorError,
    LimitExceeded,
    MemoryBusy,
    SourceError,
)
from exr_inspector.exr.chunks.tables import ChunkState, Completeness, assess, with_state
from exr_inspector.exr.cryptomatte.mattes import file_mattes
from exr_inspector.exr.file_bytes import FIRST_READ_BYTES, Answer, Ranges, answer_requests
from exr_inspector.exr.header.parser import Header
from exr_inspector.exr.limits import DEFAULT_LIMITS, Bounds, Checkpoint, Limits, Reserve, no_checkpoint, no_reserve
from exr_inspector.exr.names import PartNames, file_names
from exr_inspector.exr.probe import LeaderMode, Probe, probe
from exr_inspector.memory import MEMORY_SETTING, FileMemory, MemoryBudget
from exr_inspector.model import (
    MANIFEST,
    Cost,
    EventInfo,
    Inspection,
    ObjectVersion,
    PixelReport,
    StatsMode,
    Status,
    Thumbnails,
)
from exr_inspector.pixels.decode import LIBRARY
from exr_inspector.pixels.isolation import DecoderPool, can_start_decoders
from exr_inspector.pixels.reader import DecodeBudget, PixelConfig, PixelFile, read_pixels
from exr_inspector.pixels.thumbnails import THUMBNAILS_SETTING, require_encoder
from exr_inspector.settings import Settings, limit_text
from exr_inspector.sidecars import missing_sidecars, with_sidecars
from exr_inspector.storage import PrefixedSource, RangeSource, ReadBudget, is_local
from exr_inspector.storage.sequences import sequence_name
from exr_inspector.validation import Policy, rule_of, validate_file
from exr_inspector.validation.facts.provenance import provenance_of

__all__ = ["Inspector", "InspectorConfig", "LeaderMode"]

LEADER_COALESCE_BYTES = 16 << 10
# Share of the remaining time for reading pixels; the rest is for computing figures, validating and storing.
PIXEL_TIME_SHARE = 0.6
# Limits on the actual content of a file, by their names in `Limits`: a valid file may exceed them. The other limits are on
# declared values, such as a window of 100 million pixels; a file beyond them is damaged, and other readers reject it too.
_INSTALLATION_LIMITS = ("header_bytes", "attributes", "parts", "string_bytes", "inflated_bytes", "manifest_entries")
# Sizes of the requests that search for the chunks of a damaged table: for leaders alone, and if all pixels are read anyway.
_REBUILD_BYTES = 4 << 10
_FULL_REBUILD_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class InspectorConfig:
    """How much of a file to read.

    Attributes:
        initial_read_bytes: Bytes of the first request; contains header and chunk tables of almost every file.
        max_requests: Maximum number of requests for header, tables and leaders.
        leaders: Which chunk leaders are read; None for that of the last chunk in local files, where it costs nothing.
        rebuild: Whether a damaged chunk table is rebuilt by reading the leaders in sequence, also if not all pixels are read.
        limits: The parser's limits.
        stats: Which pixels are read: none, a sample, or all.
        pixels: Options and budgets for reading pixels.
        retry_failed: Whether unchanged files that crashed a decoding process, or took too long, are read again.
    """

    initial_read_bytes: int = FIRST_READ_BYTES
    max_requests: int = 64
    leaders: LeaderMode | None = None
    rebuild: bool = False
    limits: Limits = DEFAULT_LIMITS
    stats: StatsMode = StatsMode.OFF
    pixels: PixelConfig = field(default_factory=PixelConfig)
    retry_failed: bool = False


class Inspector:
    """Inspects any number of files at a time. Contains settings and shared resources, but no state of a file.

    Attributes:
        memory: The memory budget that all files share.
    """

    def __init__(
        self,
        config: InspectorConfig | None = None,
        *,
        memory: MemoryBudget | None = None,
        budget: DecodeBudget | None = None,
        decoders: DecoderPool | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self._config = config or InspectorConfig()
        self.memory = memory or MemoryBudget(1 << 30)
        self._budget = budget or DecodeBudget(memory_bytes=self.memory.decoding_bytes)
        self._decoders = decoders
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
        max_objects: int | None = None,
        is_isolated: bool = False,
        thumbnails: Thumbnails | None = None,
    ) -> Inspector:
        """Create an inspector from the settings; the other arguments replace single settings.

        Args:
            settings: The settings.
            stats: Which pixels to read (none, a sample, all); None for the setting.
            levels: `first` or `all` levels of mipmaps and ripmaps; None for the setting.
            with_hash: Whether to hash file and pixels; None for the setting.
            with_zeros: Whether a full pass records where colour is exactly zero.
            max_objects: Number of objects of Cryptomattes that a full pass lists; None for the setting.
            is_isolated: Whether separate processes decode pixels. They start when the first pixels are read; never in a
                program that embeds Python, which cannot start them.
            thumbnails: Which thumbnails to make; None for the setting.

        Raises:
            SettingsError: Thumbnails are requested, and Pillow is not installed.
        """
        small = Thumbnails(settings.thumbnails) if thumbnails is None else thumbnails
        if small is not Thumbnails.OFF:
            require_encoder("a thumbnail" if thumbnails else THUMBNAILS_SETTING)
        hashed = settings.hash if with_hash is None else with_hash
        pixels = PixelConfig(
            max_sample_bytes=settings.stats_bytes,
            max_sample_requests=settings.stats_requests,
            sample_chunk_bytes=settings.stats_chunk_bytes,
            all_levels=(levels or settings.stats_levels) == "all",
            hash_file=hashed,
            hash_pixels=hashed,
            with_zeros=with_zeros,
            max_ids=settings.max_ids,
            max_objects=settings.max_objects if max_objects is None else max_objects,
            thumbnails=small,
        )
        config = InspectorConfig(
            initial_read_bytes=settings.initial_read_bytes,
            max_requests=settings.max_requests,
            leaders=None if settings.leaders == "local" else LeaderMode(settings.leaders),
            rebuild=settings.rebuild,
            limits=settings.limits,
            stats=StatsMode(settings.stats) if stats is None else stats,
            pixels=pixels,
            retry_failed=settings.retry_failed,
        )
        memory = MemoryBudget(settings.memory_mib << 20)
        size = memory.decoding_bytes
        budget = DecodeBudget(memory_bytes=size, workers=settings.decode_threads)
        decoders = None
        if is_isolated and can_start_decoders():
            decoders = DecoderPool(memory_bytes=size, cpu_seconds=settings.decode_seconds)
        return cls(config, memory=memory, budget=budget, decoders=decoders)

    @property
    def config(self) -> InspectorConfig:
        """The configuration of this inspector."""
        return self._config

    @property
    def stops(self) -> frozenset[str]:
        """The values of `stopped` for files that exceed a limit of this inspector, which reads them in part or not at all."""
        stops = {self._memory_stop, self._requests_stop, *map(self._limit_stop, _INSTALLATION_LIMITS)}
        return frozenset(stops | {f"{MANIFEST} {stop}" for stop in stops})

    @property
    def _memory_stop(self) -> str:
        return f"memory ({self._budget.memory_bytes} bytes for decoding, EXR_MEMORY_MIB)"

    @property
    def _requests_stop(self) -> str:
        return f"limit (EXR_MAX_REQUESTS={self._config.max_requests})"

    def _limit_stop(self, limit: str) -> str:
        return f"limit (EXR_MAX_{limit.upper()}={getattr(self._config.limits, limit)})"

    def _stop_of(self, error: Exception | None) -> str:
        """Return the limit of this installation that ended reading a possibly valid file; empty if the file is at fault."""
        if isinstance(error, BudgetExceeded):
            return self._requests_stop
        if not isinstance(error, LimitExceeded):
            return ""
        if error.limit == MEMORY_SETTING:
            return self._memory_stop
        return self._limit_stop(error.limit) if error.limit in _INSTALLATION_LIMITS else ""

    def inspect(
        self,
        source: RangeSource,
        policy: Policy,
        *,
        event: EventInfo | None = None,
        deadline: Deadline | None = None,
        memory: FileMemory | None = None,
    ) -> Inspection:
        """Inspect one file.

        Args:
            source: Provides its bytes; not read yet. Its budget and deadline limit the cost.
            policy: Rules and severities for its findings.
            event: The event that requested the inspection.
            deadline: When the inspection must end. Reading pixels ends earlier, with partial figures, so that there is
                time to validate and to store what was read.
            memory: Memory of `self.memory` that the caller holds until the file's rows are stored; None to reserve it
                for this call.

        Returns:
            The Inspection; status `failed` for a file that cannot be read as OpenEXR, is denied, deleted or empty.

        Raises:
            ExrInspectorError: Retryable ones only: SourceUnavailable, ObjectChanged, DeadlineExceeded, MemoryBusy.
        """
        if memory is None:
            with self.memory.file(deadline) as own:
                return self.inspect(source, policy, event=event, deadline=deadline, memory=own)
        while True:
            try:
                return self._inspect(source, policy, event or EventInfo(), deadline, memory.reserve)
            except MemoryBusy:
                pass  # the exception refers to the objects read so far; they are freed after this block
            memory.restart_with_double()

    def _inspect(
        self, source: RangeSource, policy: Policy, event: EventInfo, deadline: Deadline | None, reserve: Reserve
    ) -> Inspection:
        started = time.perf_counter()
        checkpoint = no_checkpoint if deadline is None else lambda: deadline.check("inspecting")
        found = self.probe(source, checkpoint, reserve)
        code, message = _failure(found)
        ended: Exception | None = found.error
        names = file_names(found.header, checkpoint) if found.header else ()
        left: list[LimitExceeded] = []  # limits that manifests exceed
        if code is None and self._config.stats is StatsMode.FULL:
            names = with_sidecars(source, names, self._config.limits.string_bytes, reserve, left.append)
        pixels = None
        is_asked = self._config.stats is not StatsMode.OFF or self._config.pixels.thumbnails is not Thumbnails.OFF
        if code is None and is_asked:
            try:
                pixels = self._read_pixels(source, found, names, deadline, checkpoint)
            except ExrInspectorError as error:
                if error.retryable:
                    raise
                code, message, ended = type(error).code, str(error), error
        completeness = found.completeness if pixels is None else _with_decoded(found, pixels, checkpoint)
        if pixels and not pixels.stopped and any(fault.code == LimitExceeded.code for fault in pixels.faults):
            pixels = replace(pixels, stopped=self._memory_stop)
        inspection = Inspection(
            bucket=source.bucket,
            key=source.key,
            version=source.version,
            status=Status.FAILED if code else Status.INSPECTED,
            error_code=code,
            error_message=message,
            name=sequence_name(source.bucket, source.key),
            inspected_at=self._now(),
            header=found.header,
            layouts=found.layouts,
            completeness=completeness,
            names=names,
            problems=found.problems,
            pixels=pixels,
            policy=policy.label,
            event=event,
            decoder=LIBRARY if pixels or code == DecoderCrashed.code else None,
            stopped=self._stop_of(ended),
            provenance=provenance_of(found.header, policy.for_path(source.path).parameters.attribute_map),
        )
        bounds = Bounds(self._config.limits, checkpoint, reserve, left.append)
        validated = _validated(inspection, policy, source.cost, started, bounds)
        stops = (stop for error in left if (stop := self._stop_of(error)))
        beyond = next((f"{MANIFEST} {stop}" for stop in stops), "")
        return replace(validated, manifest_stop=beyond or missing_sidecars(names))

    def refused(
        self,
        bucket: str,
        key: str,
        error: ExrInspectorError,
        policy: Policy,
        *,
        event: EventInfo | None = None,
        version: ObjectVersion | None = None,
    ) -> Inspection:
        """Return the failed Inspection of an object that is not read: it cannot be requested, or its version takes too long."""
        inspection = Inspection(
            bucket=bucket,
            key=key,
            version=version,
            status=Status.FAILED,
            error_code=type(error).code,
            error_message=str(error),
            name=sequence_name(bucket, key),
            inspected_at=self._now(),
            policy=policy.label,
            event=event or EventInfo(),
            decoder=LIBRARY if isinstance(error, DecoderCrashed) else None,
        )
        return _validated(inspection, policy, Cost(), time.perf_counter(), Bounds(self._config.limits))

    def probe(
        self, source: RangeSource, checkpoint: Checkpoint = no_checkpoint, reserve: Reserve = no_reserve
    ) -> Probe:
        """Read header, tables and leaders, within the request budget."""
        config = self._config
        of_place = LeaderMode.LAST if is_local(source.bucket) else LeaderMode.OFF
        metered = source.limited(ReadBudget(requests=config.max_requests))

        def read(ranges: Ranges) -> Answer:
            pieces = metered.read_many(ranges, coalesce_bytes=LEADER_COALESCE_BYTES)
            version = source.version
            if version is None:
                raise SourceError("the source answered a read without saying which version it read")
            return Answer(pieces, version.size_bytes)

        requests = probe(
            config.limits,
            leaders=config.leaders or of_place,
            rebuild_bytes=_FULL_REBUILD_BYTES if config.stats is StatsMode.FULL else _REBUILD_BYTES * config.rebuild,
            first_bytes=config.initial_read_bytes,
            checkpoint=checkpoint,
            reserve=reserve,
        )
        return answer_requests(requests, read)

    def pixel_file(self, source: RangeSource, found: Probe) -> PixelFile | None:
        """Return a file that `probe` has read, to read its pixels; None for a file without chunk tables."""
        version = source.version
        if found.header is None or not found.tables or version is None:
            return None
        prefixed, size = PrefixedSource(source, found.start), version.size_bytes
        return PixelFile(
            prefixed, found.header, found.located, found.tables, found.states, size, self._budget, self._decoders
        )

    def _read_pixels(
        self,
        source: RangeSource,
        found: Probe,
        names: Sequence[PartNames],
        deadline: Deadline | None,
        checkpoint: Checkpoint,
    ) -> PixelReport | None:
        file = self.pixel_file(source, found)
        if file is None:
            return None
        return read_pixels(
            file,
            mode=self._config.stats,
            config=self._config.pixels,
            deadline=None if deadline is None else deadline.fraction(PIXEL_TIME_SHARE),
            checkpoint=checkpoint,
            mattes=file_mattes(names) if self._config.stats is StatsMode.FULL else (),
        )


def _validated(inspection: Inspection, policy: Policy, cost: Cost, started: float, bounds: Bounds) -> Inspection:
    findings = validate_file(inspection, policy, bounds)
    return replace(inspection, findings=findings, cost=cost, duration_ms=(time.perf_counter() - started) * 1000)


def _failure(found: Probe) -> tuple[str | None, str | None]:
    """Return code and message of the error that ended the probe, or of the first fatal problem; both are None without one."""
    if found.error is not None:
        error = found.error
        text = limit_text(error) if isinstance(error, LimitExceeded) else str(error)
        return type(error).code, _in_part(found.header, found.error_part, text)
    for problem in found.problems:
        if problem.fatal:
            return rule_of(problem.kind), _in_part(found.header, problem.part, problem.text)
    return None, None


def _with_decoded(found: Probe, pixels: PixelReport, checkpoint: Checkpoint) -> tuple[Completeness, ...]:
    """Return the completeness after decoding: a chunk that does not decode, or overlaps another one, counts as missing.

    Parts of which every chunk was read are marked `decoded`. A chunk that was not read for lack of memory proves
    nothing.
    """
    undecodable: dict[int, list[int]] = {}
    unread = set()
    for fault in pixels.faults:
        if fault.code == DecodeError.code:
            undecodable.setdefault(fault.part, []).append(fault.chunk)
        else:
            unread.add(fault.part)
    levels_read: dict[int, int] = {}
    for level in pixels.parts:
        levels_read[level.part] = levels_read.get(level.part, 0) + level.chunks_total
    completeness = []
    for known, layout, table, states in zip(found.completeness, found.located, found.tables, found.states, strict=True):
        checkpoint()
        part = known.part
        is_read = pixels.mode is StatsMode.FULL and not pixels.stopped and part not in unread
        checked = "decoded" if is_read and levels_read.get(part) == layout.chunk_count else known.checked
        marked = with_state(states, table.count, pixels.overlapping.get(part, ()), ChunkState.DUPLICATE)
        marked = with_state(marked, table.count, undecodable.get(part, []), ChunkState.NOT_DECODABLE)
        completeness.append(assess(layout, table, marked, known.declared, checked))
    return tuple(completeness)


def _in_part(header: Header | None, part: int | None, message: str) -> str:
    """Prefix a message with its part if the file has several."""
    return f"part {part}: {message}" if part is not None and header and len(header.parts) > 1 else message
