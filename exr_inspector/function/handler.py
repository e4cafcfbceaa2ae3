"""Handle events: decide which objects to read, what to store, what to raise and what to log.

Permanent failures (a damaged file, a malformed event, a denied object) are stored and returned. Transient failures are
raised after all other work of the event is done. The platform then delivers the event again; the finished work is found
unchanged. `docs/failures.md` lists every case.
"""

from __future__ import annotations

import contextvars
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

from exr_inspector.catalog import Outcome, UpsertResult
from exr_inspector.catalog.recheck import confirm, remove_gone, upsert_if_current
from exr_inspector.catalog.rows.groups import Prepared, is_large, prepare
from exr_inspector.deadline import Deadline
from exr_inspector.errors import (
    AccessDenied,
    DeadlineExceeded,
    DecoderCrashed,
    EventError,
    ExrInspectorError,
    MemoryBusy,
    SourceError,
    SourceUnavailable,
    our_error,
)
from exr_inspector.function.commit import GroupCommit
from exr_inspector.function.envelope import envelope_or_none
from exr_inspector.function.events import EventKind, ObjectEvent, parse_each
from exr_inspector.function.known_failures import KnownFailures
from exr_inspector.function.resources import Resources
from exr_inspector.function.results import Result, combined, removed_result, stored_result
from exr_inspector.function.sweep import Sweep
from exr_inspector.function.telemetry import Telemetry, TracedSource
from exr_inspector.memory import FileMemory
from exr_inspector.model import EventInfo, Inspection, ObjectVersion, Severity
from exr_inspector.settings import Settings
from exr_inspector.storage.sequences import is_apple_double
from exr_inspector.texts import unicode_text

# Objects processed at a time, all batches together: reading waits for the store, not for a core.
BATCH_WORKERS = 16


@dataclass(slots=True, eq=False)
class _Job:
    """One object of an event while it is processed; finished once it has a result or an error."""

    event: ObjectEvent
    inspection: Inspection | None = None
    rows: Prepared | None = None  # only for large files
    stored: UpsertResult | None = None
    is_gone: bool = False
    is_seen: bool = True  # False if access is denied, so that the event is the only evidence of the deletion
    result: Result | None = None
    error: ExrInspectorError | None = None
    memory: FileMemory | None = None
    other: _Job | None = None  # the object of the other spelling of the key, if both may be meant

    @property
    def url(self) -> str:
        return f"s3://{self.event.path}"

    @property
    def info(self) -> EventInfo:
        return EventInfo(self.event.event_id, self.event.sequencer, self.event.time)


@dataclass(slots=True)
class _Delivery:
    """One raw event: its objects, results for its unusable parts, and whether it requests a sweep."""

    raw: Any
    jobs: list[_Job] = field(default_factory=list)
    refusals: list[Result] = field(default_factory=list)
    is_sweep: bool = False
    error: ExrInspectorError | None = None

    @property
    def fault(self) -> ExrInspectorError | None:
        """The error that makes the platform deliver this event again; None if there is none."""
        return self.error or next((job.error for job in self.jobs if job.error), None)


class Service:
    """Handles events. Created once in `init`; every method is safe to call from many threads."""

    def __init__(self, resources: Resources) -> None:
        settings, self._opener, self._inspector, self._policies, self._catalog, self._telemetry = resources
        self._settings = settings
        self._failures = KnownFailures(settings.deadline_seconds)
        self._commit = GroupCommit(self._catalog, settings.db_retry_seconds)
        self._sweep = Sweep(resources)
        self._pool = ThreadPoolExecutor(BATCH_WORKERS, thread_name_prefix="exr-batch")

    @classmethod
    def from_settings(cls, settings: Settings, telemetry: Telemetry) -> Service:
        """Create the service from the settings. Raises: as `Resources.from_settings`."""
        return cls(Resources.from_settings(settings, telemetry))

    def handle(self, raw: Any) -> Result:
        """Handle one event.

        Args:
            raw: The event, in any shape that `events.parse_each` accepts.

        Returns:
            `status` (`inspected`, `unchanged`, `failed`, `removed`, `skipped`) with path, ids, counts and worst
            severity; for an event of several objects their worst status, with the objects under `files`.

        Raises:
            ExrInspectorError: A later delivery may succeed, or a person must act first. Raised after all other work is
                done.
        """
        return self.handle_batch([raw])[0]

    def handle_batch(self, raws: Sequence[Any]) -> list[Result]:
        """Handle several events: inspect concurrently, store in one transaction, return results in the order of the events.

        Raises:
            ExrInspectorError: As for `handle`, after all other work of the batch is done. The platform cannot fail one
                event of a batch, so it delivers the batch again; the finished work is then found unchanged.
        """
        deadline = Deadline.after(self._settings.deadline_seconds)
        with self._telemetry.span("exr.handle", events=len(raws)) as span:
            with self._commit.stores.announced():
                with self._telemetry.span("exr.parse"):
                    deliveries = [self._parse(raw) for raw in raws]
                parsed = [job for delivery in deliveries for job in delivery.jobs if job.result is None]
                self._each([job for job in parsed if job.event.literal_key], lambda job: self._resolve(job, deadline))
                for delivery in deliveries:
                    delivery.jobs += [job.other for job in delivery.jobs if job.other]
                jobs = [job for delivery in deliveries for job in delivery.jobs]
                self._telemetry.annotate(span, objects=len(jobs))
                busy = self._process(jobs, deadline)
                for job in busy:  # the other objects of the batch have released their memory
                    self._process([job], deadline)
            self._sweep_once([delivery for delivery in deliveries if delivery.is_sweep], deadline)
            fault = next((delivery.fault for delivery in deliveries if delivery.fault), None)
            if fault:
                raise fault
            results = [
                combined([job.result for job in delivery.jobs if job.result] + delivery.refusals)
                for delivery in deliveries
            ]
            self._telemetry.annotate(span, outcome=results[0]["status"] if len(results) == 1 else None)
        for raw, result in zip(raws, results, strict=True):
            self._telemetry.label(raw, exr_status=result["status"], exr_severity=result.get("worst_severity") or "none")
        return results

    def _process(self, jobs: Sequence[_Job], deadline: Deadline) -> list[_Job]:
        """Inspect, store, finish and log objects. Each holds its memory until the end, so only a single one may wait for it.

        Returns:
            The objects for which there was not enough memory.
        """
        may_wait = len(jobs) == 1
        try:
            todo = [job for job in jobs if job.result is None and job.error is None]
            self._each(todo, lambda job: self._inspect(job, deadline, may_wait))
            busy = [job for job in jobs if isinstance(job.error, MemoryBusy) and not may_wait]
            self._store([job for job in jobs if job.inspection], deadline)
            self._each([job for job in jobs if job.is_gone or job.stored], lambda job: self._settle(job, deadline))
            for job in jobs:
                if job in busy:
                    job.error = None
                else:
                    self._log_outcome(job)
        finally:
            for job in jobs:
                job.inspection = job.rows = None
                if job.memory is not None:
                    job.memory.release()
                    job.memory = None
        return busy

    def _sweep_once(self, deliveries: Sequence[_Delivery], deadline: Deadline) -> None:
        """Run one sweep for all schedule events of a batch."""
        if not deliveries:
            return
        try:
            with self._telemetry.span("exr.sweep"):
                result = self._sweep.run(deadline).result()
        except ExrInspectorError as error:
            self._telemetry.line("ERROR", "schedule", level=logging.ERROR, code=error.code, detail=error)
            for delivery in deliveries:
                delivery.error = error
            return
        for delivery in deliveries:
            delivery.refusals.append(result)

    def _parse(self, raw: Any) -> _Delivery:
        try:
            found = parse_each(raw)
        except EventError as error:
            envelope = envelope_or_none(raw)
            if envelope and envelope.is_schedule and self._sweep.is_configured:
                return _Delivery(raw, is_sweep=True)
            return _Delivery(raw, refusals=[self._refused(error, raw)])
        except Exception as error:  # noqa: BLE001 - boundary of one event; members of the platform's objects may raise anything
            fault = our_error(error)
            self._telemetry.line("ERROR", "event", level=logging.ERROR, code=fault.code, detail=fault)
            return _Delivery(raw, error=fault)
        jobs = [_Job(event) for event in found if isinstance(event, ObjectEvent)]
        refusals = [self._refused(error, raw) for error in found if isinstance(error, EventError)]
        for job in jobs:
            self._telemetry.line("INPUT", job.url, event=job.event.event_id, name=job.event.event_name)
            reason = _skip_reason(job.event)
            if reason:
                job.result = _skipped(job, reason)
        return _Delivery(raw, jobs, refusals)

    def _refused(self, error: EventError, raw: Any) -> Result:
        """Log an event, or a record of one, that names no usable object, and return its result."""
        envelope = envelope_or_none(raw)
        self._telemetry.line(
            "SKIP",
            (envelope and envelope.elementpath) or "event",
            level=logging.INFO if envelope and envelope.is_schedule else logging.ERROR,
            reason=error.code,
            detail=error,
            event=envelope and envelope.event_id,
        )
        self._telemetry.count("exr_files", status="skipped")
        return {"status": "skipped", "reason": error.code, "message": str(error)}

    def _each(self, jobs: Sequence[_Job], work: Callable[[_Job], None]) -> None:
        """Call `work`, which never raises, for every job: a single job on this thread, several on the thread pool."""
        if len(jobs) < 2:
            for job in jobs:
                work(job)
            return
        # Each runs in a copy of this context, so that its spans are children of the batch's span.
        running = [self._pool.submit(contextvars.copy_context().run, work, job) for job in jobs]
        for future in running:
            future.result()

    def _inspect(self, job: _Job, deadline: Deadline, may_wait: bool) -> None:
        """Inspect the object; sets the job's inspection, `is_gone`, result or error."""
        started = time.perf_counter()
        try:
            if job.event.kind is EventKind.REMOVED and self._is_gone(job, deadline):
                job.is_gone = True
                return
            with self._telemetry.span("exr.inspect", path=job.event.path) as span:
                job.memory = self._inspector.memory.file(deadline, may_wait=may_wait)
                inspection = self._inspection(job, deadline)
                cost = inspection.cost
                self._telemetry.annotate(
                    span,
                    status=inspection.status.value,
                    error_code=inspection.error_code,
                    requests=cost.requests,
                    bytes=cost.bytes_read,
                    findings=len(inspection.findings),
                )
            if inspection.is_gone:
                self._expect_settled(job.event)
                job.is_gone = True
            else:
                job.inspection = inspection
        except AccessDenied as error:  # denied by our settings; a denial by the store is a failed inspection
            job.result = _skipped(job, str(error))
        except Exception as error:  # noqa: BLE001 - boundary of one object: the rest of the batch continues
            job.error = our_error(error)
        finally:
            self._telemetry.record("exr_inspect_ms", (time.perf_counter() - started) * 1000)

    def _expect_settled(self, event: ObjectEvent) -> None:
        """Raise if a missing file was created only recently: a file server's client may not see it yet.

        Clients cache for a while that a file does not exist.

        Raises:
            SourceUnavailable: The event reports a creation and is younger than EXR_SETTLE_SECONDS.
        """
        is_mounted = self._opener.is_mounted(event.bucket, event.key)
        if not is_mounted or event.kind is not EventKind.CREATED or event.time is None:
            return
        age = (datetime.now(timezone.utc) - event.time).total_seconds()
        if abs(age) < self._settings.settle_seconds:  # abs: a clock that is far ahead must not delay an event forever
            raise SourceUnavailable(
                f"{event.path}: does not exist {age:.1f} s after the event of its creation; mounts may show new files late, "
                f"so the event is retried until EXR_SETTLE_SECONDS ({self._settings.settle_seconds:g} s) have passed"
            )

    def _resolve(self, job: _Job, deadline: Deadline) -> None:
        """Find out which objects an event means whose key decoding changes, since some stores do not encode keys.

        The object of the decoded key and that of the literal key are both looked at if they exist or have rows. If neither
        does, or the store cannot tell, the decoded key is meant. Sets the job's event and `other`, or its error.
        """
        decoded = replace(job.event, literal_key=None)
        meant = [decoded, replace(decoded, key=job.event.literal_key or "")]
        try:
            there = [self._opener.head(each.bucket, each.key, deadline=deadline) is not None for each in meant]
            paths = [unicode_text(each.path) for each in meant]
            rows = {} if all(there) else self._catalog.stored_at(paths, deadline=deadline)
        except Exception as error:  # noqa: BLE001 - boundary of one object: the rest of the batch continues
            fault = our_error(error)
            if fault.retryable or not isinstance(fault, SourceError):
                job.error = fault
            return
        found = [each for each, path, is_there in zip(meant, paths, there, strict=True) if is_there or path in rows]
        job.event, *others = found or [decoded]
        job.other = next(map(_Job, others), None)

    def _is_gone(self, job: _Job, deadline: Deadline) -> bool:
        """Whether an object that an event reports as removed is deleted; if access is denied, the event is trusted.

        Raises:
            AccessDenied: The settings forbid access to it.
            ExrInspectorError: A retryable one.
        """
        event = job.event
        try:
            self._opener.open(event.bucket, event.key)
        except AccessDenied:
            raise
        except SourceError:
            job.is_seen = False
            return True
        try:
            return self._opener.head(event.bucket, event.key, deadline=deadline) is None
        except SourceError as error:
            if error.retryable:
                raise
            job.is_seen = False
            return True

    def _inspection(self, job: _Job, deadline: Deadline) -> Inspection:
        event = job.event
        policy = self._policies.current(deadline=deadline)
        try:
            source = self._opener.open(event.bucket, event.key, deadline=deadline)
        except AccessDenied:
            raise
        except SourceError as error:  # a name that no store can have
            return self._inspector.refused(event.bucket, event.key, error, policy, event=job.info)
        if known := self._known(event, deadline):
            return self._inspector.refused(event.bucket, event.key, known[1], policy, event=job.info, version=known[0])
        traced = TracedSource.around(source, self._telemetry)
        started = time.thread_time()
        try:
            inspection = self._inspector.inspect(traced, policy, event=job.info, deadline=deadline, memory=job.memory)
            if is_large(inspection):  # here, so that the time counts for this file and delays no other event
                (job.rows,) = prepare([inspection], checkpoint=lambda: deadline.check("making rows"))
        except DeadlineExceeded:
            self._failures.note_overrun(event.path, source.version, time.thread_time() - started)
            raise
        if inspection.error_code == DecoderCrashed.code:
            self._failures.note_crash(event.path, inspection.version, inspection.error_message or "")
        return inspection

    def _known(self, event: ObjectEvent, deadline: Deadline) -> tuple[ObjectVersion, ExrInspectorError] | None:
        """Return the object's version and its earlier error if this version is not inspected again; otherwise None."""
        known = None if self._settings.retry_failed else self._failures.of(event.path)
        if known is None:
            return None
        return known if self._opener.head(event.bucket, event.key, deadline=deadline) == known[0] else None

    def _store(self, jobs: Sequence[_Job], deadline: Deadline) -> None:
        """Store the inspections in one transaction, together with those of other threads."""
        inspections = [job.rows or job.inspection for job in jobs if job.inspection]
        if not inspections:
            return
        started = time.perf_counter()
        with self._telemetry.span("exr.store", inspections=len(inspections)) as span:
            for job, outcome in zip(jobs, self._commit.stores.write(inspections, deadline), strict=True):
                if isinstance(outcome, UpsertResult):
                    job.stored = outcome
                else:
                    job.error = outcome
            codes = sorted({job.error.code for job in jobs if job.error})
            self._telemetry.annotate(span, error_code=",".join(codes) or None)
        self._telemetry.record("exr_store_ms", (time.perf_counter() - started) * 1000)

    def _settle(self, job: _Job, deadline: Deadline) -> None:
        """Remove the rows of deleted objects and recheck stored ones; sets the job's result or error."""
        event = job.event
        try:
            with self._telemetry.span("exr.settle", path=event.path):
                removed = None
                if job.is_gone:
                    removed = remove_gone(
                        self._opener,
                        self._commit,
                        event.bucket,
                        event.key,
                        event=job.info,
                        is_seen=job.is_seen,
                        deadline=deadline,
                    )
                elif job.inspection and job.stored:
                    if job.stored.outcome.changed:
                        removed = confirm(self._opener, self._commit, job.inspection, deadline=deadline)
                    elif job.stored.outcome is Outcome.IGNORED_OLDER and job.inspection.version:
                        stored = upsert_if_current(self._opener, self._catalog, job.inspection, deadline=deadline)
                        job.stored = stored or job.stored
                    job.result = stored_result(job.inspection, job.stored)
                if removed:
                    job.result = removed_result(removed)
        except Exception as error:  # noqa: BLE001 - boundary of one object
            job.error = our_error(error)

    def _log_outcome(self, job: _Job) -> None:
        """Log and count the outcome of one object."""
        event_id, inspection = job.event.event_id, job.inspection
        if inspection:
            self._count(inspection)
        if job.error:
            self._telemetry.line(
                "ERROR", job.url, level=logging.ERROR, code=job.error.code, detail=job.error, event=event_id
            )
            self._telemetry.count("exr_errors", code=job.error.code)
            return
        result = job.result or {}
        status = str(result.get("status", ""))
        self._telemetry.count("exr_files", status=status)
        if status == "skipped":
            self._telemetry.line("SKIP", job.url, reason=result.get("reason"), event=event_id)
            return
        self._telemetry.line(
            "COMPLETE",
            job.url,
            status=status,
            outcome=result.get("outcome"),
            code=inspection and inspection.error_code,
            severity=result.get("worst_severity"),
            requests=inspection and inspection.cost.requests,
            bytes=inspection and inspection.cost.bytes_read,
            ms=inspection and f"{inspection.duration_ms:.1f}",
            event=event_id,
        )

    def _count(self, inspection: Inspection) -> None:
        self._telemetry.count("exr_source_requests", inspection.cost.requests)
        self._telemetry.count("exr_source_bytes", inspection.cost.bytes_read)
        if inspection.error_code:
            self._telemetry.count("exr_failures", code=inspection.error_code)
        for severity in Severity:
            found = sum(finding.severity is severity for finding in inspection.findings)
            self._telemetry.count("exr_findings", found, severity=severity.label)


def _skip_reason(event: ObjectEvent) -> str | None:
    if event.kind is EventKind.UNCHANGED:
        return f"{event.event_name} does not change the object"
    if event.key.endswith("/"):
        return "a folder marker"
    if not event.key.lower().endswith(".exr"):
        return "not named .exr"
    if is_apple_double(event.key):
        return "attributes that macOS keeps beside a file (AppleDouble)"
    return None


def _skipped(job: _Job, reason: str) -> Result:
    return {"status": "skipped", "path": job.event.path, "reason": reason}
