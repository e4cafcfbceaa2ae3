"""One event to its outcome: which objects, what becomes a row, what is raised, what is told.

Permanent trouble (a damaged file, an event nobody can read, a denied object) is stored and returned; transient trouble is
raised when everything else of the event is done, so that the platform delivers the event again and what was done is then
found unchanged.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from exr_inspector.assembly import inspector_from
from exr_inspector.assembly_catalog import catalog_config
from exr_inspector.catalog import Catalog, Outcome, UpsertResult
from exr_inspector.errors import AccessDenied, EventError, ExrInspectorError, UnsupportedKey
from exr_inspector.events import EventKind, ObjectEvent, parse_events
from exr_inspector.inspector import Inspector
from exr_inspector.model import EventInfo, Inspection, Severity, Status
from exr_inspector.policies import PolicySource
from exr_inspector.settings import Settings
from exr_inspector.sources import Deadline, SourceOpener
from exr_inspector.telemetry import Telemetry

BATCH_WORKERS = 8  # objects of one batch that are inspected at a time: reading waits on the store, not on a core
MAX_RESULTS = 32  # objects listed in one answer: the platform's event broker takes 126 KB, answers stay far below


@dataclass(slots=True)
class _Job:
    """One object of one event on its way: exactly one of the outcomes is set when it is done."""

    event: ObjectEvent
    inspection: Inspection | None = None
    result: dict[str, Any] | None = None
    error: ExrInspectorError | None = None

    @property
    def url(self) -> str:
        return f"s3://{self.event.bucket}/{self.event.key}"


class Service:
    """Carries out events. Made once in `init`; every method may run on many threads at once."""

    def __init__(
        self,
        *,
        settings: Settings,
        opener: SourceOpener,
        inspector: Inspector,
        policies: PolicySource,
        catalog: Catalog,
        telemetry: Telemetry,
    ) -> None:
        self._settings = settings
        self._opener = opener
        self._inspector = inspector
        self._policies = policies
        self._catalog = catalog
        self._telemetry = telemetry

    @classmethod
    def from_settings(cls, settings: Settings, telemetry: Telemetry) -> Service:
        """A service with everything the settings say. Connects to nothing but the policy's object, where it is one.

        Raises:
            SettingsError: A setting that this needs is missing.
            PolicyError: The policy is wrong.
        """
        for warning in settings.warnings:
            telemetry.line("SETTINGS", "warning", level=logging.WARNING, detail=warning)
        opener = SourceOpener(settings)
        # What events may name is restricted, where the policy lies is for the administrator to say.
        unrestricted = replace(settings, allowed_buckets=(), allowed_prefixes=())
        return cls(
            settings=settings,
            opener=opener,
            inspector=inspector_from(settings),
            policies=PolicySource(settings.policy, SourceOpener(unrestricted), telemetry),
            catalog=Catalog(catalog_config(settings.require_catalog())),
            telemetry=telemetry,
        )

    def handle(self, raw: Any) -> dict[str, Any]:
        """Carry out one event.

        Args:
            raw: The event in any shape `events.parse_events` knows.

        Returns:
            `status` (`inspected`, `unchanged`, `failed`, `removed`, `skipped`) with path, ids, counts and worst severity; for
            an event of several objects the worst of their statuses and the objects under `files`.

        Raises:
            ExrInspectorError: A retryable one (or a SettingsError), after everything else of the event was done.
        """
        return self.handle_batch([raw])[0]

    def handle_batch(self, raws: Sequence[Any]) -> list[dict[str, Any]]:
        """Carry out several events: inspected concurrently, stored in one transaction; results in their order.

        Raises:
            ExrInspectorError: A retryable one (or a SettingsError), after everything else of the batch was done: the contract
                has no way to fail one event of a batch, and what was done is found unchanged when the batch comes again.
        """
        deadline = Deadline.after(self._settings.deadline_seconds)
        parsed = [self._parse(raw) for raw in raws]
        jobs = [job for entry in parsed if isinstance(entry, list) for job in entry]
        with self._telemetry.span("exr.handle", events=len(raws), objects=len(jobs)):
            self._inspect_all([job for job in jobs if job.result is None], deadline)
            self._store_all(jobs, deadline)
        for job in jobs:
            self._tell(job)
        fault = next((job.error for job in jobs if job.error), None)
        if fault:
            raise fault
        results = [_combine(entry) for entry in parsed]
        for raw, result in zip(raws, results, strict=True):
            _label(raw, result)
        return results

    def _parse(self, raw: Any) -> list[_Job] | dict[str, Any]:
        try:
            events = parse_events(raw)
        except EventError as error:
            self._telemetry.line("SKIP", "event", level=logging.ERROR, reason=error.code, detail=error)
            self._telemetry.count("exr_files", status="skipped")
            return {"status": "skipped", "reason": error.code, "message": str(error)}
        jobs = [_Job(event) for event in events]
        for job in jobs:
            self._telemetry.line("INPUT", job.url, event=job.event.event_id, name=job.event.event_name)
            reason = self._skip_reason(job.event)
            if reason:
                job.result = {"status": "skipped", "path": f"{job.event.bucket}/{job.event.key}", "reason": reason}
        return jobs

    @staticmethod
    def _skip_reason(event: ObjectEvent) -> str | None:
        if event.kind is EventKind.TAGGED:
            return "tags say nothing of the file"
        if not event.key.lower().endswith(".exr"):
            return "not named .exr"
        return None

    def _inspect_all(self, jobs: Sequence[_Job], deadline: Deadline) -> None:
        if len(jobs) < 2:
            for job in jobs:
                self._inspect(job, deadline)
            return
        workers = min(len(jobs), BATCH_WORKERS)
        with ThreadPoolExecutor(workers, thread_name_prefix="exr-inspect") as pool:
            for _ in pool.map(lambda job: self._inspect(job, deadline), jobs):
                pass

    def _inspect(self, job: _Job, deadline: Deadline) -> None:
        """Set the job's inspection, result or error; only faults of our own making leave this method as exceptions."""
        event = job.event
        started = time.perf_counter()
        try:
            if (
                event.kind is EventKind.REMOVED
                and self._opener.head(event.bucket, event.key, deadline=deadline) is None
            ):
                return  # gone indeed: _store_all removes its rows
            with self._telemetry.span("exr.inspect", path=f"{event.bucket}/{event.key}") as span:
                info = EventInfo(event.event_id, event.sequencer, event.time)
                policy = self._policies.current(deadline=deadline)
                try:
                    source = self._opener.open(event.bucket, event.key, deadline=deadline)
                except UnsupportedKey as error:
                    job.inspection = self._inspector.refused(event.bucket, event.key, error, policy, event=info)
                else:
                    job.inspection = self._inspector.inspect(source, policy, event=info, deadline=deadline)
                cost = job.inspection.cost
                self._telemetry.annotate(
                    span,
                    status=job.inspection.status.value,
                    error_code=job.inspection.error_code,
                    requests=cost.requests,
                    bytes=cost.bytes_read,
                    findings=len(job.inspection.findings),
                )
            if job.inspection.is_gone:
                job.inspection = None
        except AccessDenied as error:  # by our own settings: what the store denies is the inspection's outcome
            job.result = {"status": "skipped", "path": f"{event.bucket}/{event.key}", "reason": str(error)}
        except ExrInspectorError as error:
            job.error = error
        finally:
            self._telemetry.record("exr_inspect_ms", (time.perf_counter() - started) * 1000)

    def _store_all(self, jobs: Sequence[_Job], deadline: Deadline) -> None:
        """Write what was inspected in one transaction, then remove what is gone."""
        started = time.perf_counter()
        inspected = [job for job in jobs if job.inspection is not None]
        gone = [job for job in jobs if job.inspection is None and job.result is None and job.error is None]
        with self._telemetry.span("exr.store", inspections=len(inspected), removals=len(gone)):
            if inspected:
                inspections = [job.inspection for job in inspected if job.inspection is not None]
                try:
                    stored = self._catalog.upsert(inspections, deadline=deadline)
                    for job, upserted in zip(inspected, stored, strict=True):
                        job.result = _result(job.inspection, upserted)
                except ExrInspectorError as error:
                    for job in inspected:
                        job.error = error
            for job in gone:
                self._remove(job, deadline)
        self._telemetry.record("exr_store_ms", (time.perf_counter() - started) * 1000)

    def _remove(self, job: _Job, deadline: Deadline) -> None:
        event = job.event
        path = f"{event.bucket}/{event.key}"
        try:
            info = EventInfo(event.event_id, event.sequencer, event.time)
            removed = self._catalog.remove(path, event=info, deadline=deadline)
            status = "unchanged" if removed.outcome is Outcome.IGNORED_OLDER else "removed"
            job.result = {"status": status, "outcome": removed.outcome.value, "path": path, "rows": removed.rows}
        except ExrInspectorError as error:
            job.error = error

    def _tell(self, job: _Job) -> None:
        """Log and count what became of one object."""
        if job.error:
            self._telemetry.line("ERROR", job.url, level=logging.ERROR, code=job.error.code, detail=job.error)
            self._telemetry.count("exr_errors", code=job.error.code)
            return
        result = job.result or {}
        status = str(result.get("status", ""))
        self._telemetry.count("exr_files", status=status)
        if status == "skipped":
            self._telemetry.line("SKIP", job.url, reason=result.get("reason"))
            return
        inspection = job.inspection
        if inspection is None:
            self._telemetry.line("COMPLETE", job.url, status=status)
            return
        cost = inspection.cost
        self._telemetry.count("exr_source_requests", cost.requests)
        self._telemetry.count("exr_source_bytes", cost.bytes_read)
        if inspection.error_code:
            self._telemetry.count("exr_failures", code=inspection.error_code)
        for severity in Severity:
            found = sum(finding.severity is severity for finding in inspection.findings)
            self._telemetry.count("exr_findings", found, severity=severity.label)
        self._telemetry.line(
            "COMPLETE",
            job.url,
            status=status,
            code=inspection.error_code,
            severity=result.get("worst_severity"),
            requests=cost.requests,
            bytes=cost.bytes_read,
            ms=f"{inspection.duration_ms:.1f}",
            event=job.event.event_id,
        )


def _result(inspection: Inspection | None, stored: UpsertResult) -> dict[str, Any]:
    """What one object's result tells a chained function."""
    if inspection is None:
        raise ValueError("only an inspected object has a result to tell")
    worst = inspection.worst_severity
    changed = stored.outcome.changed
    failed = inspection.status is Status.FAILED
    return {
        "status": "unchanged" if not changed else "failed" if failed else "inspected",
        "outcome": stored.outcome.value,
        "path": inspection.path,
        "bucket": inspection.bucket,
        "key": inspection.key,
        "file_id": stored.file_id,
        "content_key": stored.content_key,
        "error_code": inspection.error_code,
        "parts": len(inspection.header.parts) if inspection.header else 0,
        "channels": sum(len(names.channels) for names in inspection.names),
        "is_complete": inspection.is_complete,
        "findings": len(inspection.findings),
        "worst_severity": worst.label if worst else None,
    }


_WORST_FIRST = ("failed", "inspected", "removed", "unchanged", "skipped")


def _combine(entry: list[_Job] | dict[str, Any]) -> dict[str, Any]:
    """One event's result: its only object's, or a summary of several."""
    if isinstance(entry, dict):
        return entry
    results = [job.result for job in entry if job.result is not None]
    if len(results) == 1:
        return results[0]
    status = next((word for word in _WORST_FIRST if any(result["status"] == word for result in results)), "skipped")
    return {"status": status, "count": len(results), "files": results[:MAX_RESULTS]}


def _label(raw: Any, result: dict[str, Any]) -> None:
    """Label the event for conditional routing, where the runtime's events can carry labels."""
    set_labels = getattr(raw, "set_trigger_labels", None)
    if callable(set_labels):
        set_labels({"exr_status": result["status"], "exr_severity": result.get("worst_severity") or "none"})
