"""Sweeps: a schedule event makes the function find and store what changed, since writes over NFS and SMB raise no event.

Changes come from the VAST Catalog, or from listing the swept prefixes. A prefix is divided into shards, which are
ranges of the folders directly below it. Shards are processed in parallel, by this invocation and by others that run at
the same time. The table `sweeps` (`catalog.sweeps`) holds the progress of each shard. An invocation stops before its
deadline; the next one continues.

Without the Catalog every sweep compares all objects with all rows. With it, a sweep queries the changes since the
watermark, and compares whole prefixes every EXR_SWEEP_FULL_HOURS. The comparison finds what the Catalog does not
report: removed objects, old names, and renamed folders.
"""

from __future__ import annotations

import logging
import uuid
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from exr_inspector.catalog.sweeps import SweepShard, claim, give_back, move, move_idle, open_shards
from exr_inspector.catalog.vast_catalog import CatalogFile, catalog_files
from exr_inspector.deadline import Deadline
from exr_inspector.errors import CatalogError, ExrInspectorError, PathWithoutView, our_error
from exr_inspector.function.resources import Resources
from exr_inspector.function.results import Result
from exr_inspector.function.sweep_shard import CatalogChange, ShardWorker, SweepRoot, SweepTask
from exr_inspector.settings import Settings
from exr_inspector.storage import is_exr
from exr_inspector.storage.views import Views
from exr_inspector.sync.sequences import outdated_folders, validate_folders
from exr_inspector.sync.shard import IngestContext
from exr_inspector.sync.window import Synced, Timing, trusted_absence
from exr_inspector.texts import unicode_text

READERS = 16  # objects read at a time, all shards together
MOST_CHANGES = 200_000  # Catalog entries per query; if there are more, only the earlier half of the time range is taken
_RESERVE = 0.25  # share at the end of an invocation in which no new work begins
_GRACE_SECONDS = 10.0  # time from the invocation's deadline to the end of its claims
_NODES_DIFFER = timedelta(seconds=5)  # largest difference between the clocks of a cluster's nodes


@dataclass(slots=True)
class SweepReport:
    """The result of a sweep.

    Attributes:
        synced: Files stored, found up to date, removed, and left for later.
        shards: Number of shards processed.
        unfinished: Number of shards that are not finished; this or another invocation continues them.
        unreadable: Number of permanently unreadable files and folders that an earlier sweep already logged.
        faults: Whole prefixes and shards that failed: the path and the error.
    """

    synced: Synced = field(default_factory=Synced)
    shards: int = 0
    unfinished: int = 0
    unreadable: int = 0
    faults: list[tuple[str, ExrInspectorError]] = field(default_factory=list)

    def result(self) -> Result:
        """Return the report as the function's result."""
        figures = self.synced.figures
        return {
            "status": "swept",
            "stored": figures.stored,
            "unchanged": figures.skipped,
            "removed": self.synced.removed,
            "waiting": self.synced.unsettled,
            "failed": sum(figures.errors.values()) + len(self.faults),
            "shards": self.shards,
            "unfinished": self.unfinished,
            "unreadable": self.unreadable,
        }


class Sweep:
    """Brings the tables up to date with the swept prefixes. Created once in `init`; safe to share between threads."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._views = Views(resources.settings.views)

    @property
    def is_configured(self) -> bool:
        """Whether the settings name anything to sweep."""
        return bool(self._resources.settings.sweep or self._resources.settings.sweep_catalog)

    def run(self, deadline: Deadline) -> SweepReport:
        """Sweep until everything is done or the deadline is near.

        Raises:
            CatalogError: The tables cannot be reached; raised after all other work is done.
        """
        settings, opener, inspector, policies, catalog, _ = self._resources
        context = IngestContext(opener, inspector, catalog, policies.current(deadline=deadline), threads=READERS)
        run = _Run(settings, context, self._views, deadline)
        try:
            run.sweep()
        finally:
            context.close()
        self._log_result(run.report)
        for _, fault in run.report.faults:
            if isinstance(fault, CatalogError):
                raise fault
        return run.report

    def _log_result(self, report: SweepReport) -> None:
        result, telemetry = report.result(), self._resources.telemetry
        telemetry.line("SWEEP", "schedule", **{name: value for name, value in result.items() if name != "status"})
        named = [(path, code, message) for code, path, message in report.synced.figures.examples]
        named += [(path, fault.code, str(fault)) for path, fault in report.faults]
        for path, code, message in named:
            telemetry.line("ERROR", f"s3://{path}", level=logging.ERROR, code=code, detail=message)
        for code, count in report.synced.figures.errors.items():
            telemetry.count("exr_errors", count, code=code)
        telemetry.count("exr_files", result["stored"], status="inspected")
        telemetry.count("exr_files", result["removed"], status="removed")


class _Run:
    """One sweep."""

    def __init__(self, settings: Settings, context: IngestContext, views: Views, deadline: Deadline) -> None:
        self._settings = settings
        self._context = context
        self._connection = context.catalog.connection
        self._views = views
        self._deadline = deadline
        self._begin_until = Deadline(deadline.at - deadline.remaining() * _RESERVE)
        self._holder = uuid.uuid4().hex
        self._now = self._connection.config.clock()
        self.report = SweepReport()

    def sweep(self) -> None:
        """Process all shards; the failure of one does not affect the others."""
        tasks: list[SweepTask] = []
        for place, roots in self._places():
            try:
                tasks += self._tasks(place, roots)
            except Exception as error:  # noqa: BLE001 - boundary of one prefix
                self._fault(place or roots[0].path, error)
        if tasks:
            with ThreadPoolExecutor(min(len(tasks), self._settings.sweep_shards), "exr-sweep") as pool:
                outcomes = list(pool.map(self._process_shard, tasks))
            for task, outcome in zip(tasks, outcomes, strict=True):
                self._count(task, outcome)
            compared = [
                task.root for task, each in zip(tasks, outcomes, strict=True) if task.is_compared and each.is_finished
            ]
            for root in dict.fromkeys(compared):
                self._validate_outdated(root)

    def _count(self, task: SweepTask, outcome: _Outcome) -> None:
        self.report.unfinished += not outcome.is_finished
        if outcome.done is not None:
            self.report.shards += 1
            self.report.synced.merge(outcome.done)
            self.report.unreadable += outcome.known
        if outcome.fault is not None:
            self._fault(task.shard.first_path, outcome.fault)

    def _validate_outdated(self, root: SweepRoot) -> None:
        """Validate sequences whose files events have stored or removed; what there is no time for, the next sweep does."""
        if self._begin_until.remaining() <= 0:
            return
        try:
            outdated = outdated_folders(self._connection, root.path, deadline=self._deadline)
            for _ in validate_folders(self._connection, outdated, self._context.policy, deadline=self._deadline):
                if self._begin_until.remaining() <= 0:
                    return
        except Exception as error:  # noqa: BLE001 - boundary of one prefix
            self._fault(root.path, error)

    def _fault(self, path: str, error: Exception) -> None:
        self.report.faults.append((path, our_error(error)))

    # --- planning -----------------------------------------------------------------------------------------

    def _places(self) -> Iterator[tuple[str, list[SweepRoot]]]:
        """Yield each swept path on the cluster with its prefixes; the path is empty without the Catalog."""
        is_catalog = self._settings.sweep_catalog
        for place in self._settings.sweep or tuple(f"{view.cluster}/" for view in self._settings.views):
            if place.startswith("/"):
                yield place, [SweepRoot(*found) for found in self._views.below_cluster(place)]
                continue
            bucket, _, prefix = place.partition("/")
            cluster = self._views.to_cluster(bucket, prefix) if is_catalog else None
            if is_catalog and cluster is None:
                self._fault(place, PathWithoutView("no view of EXR_VIEWS covers it: it was listed instead"))
            yield cluster or "", [SweepRoot(bucket, prefix)]

    def _tasks(self, place: str, roots: Sequence[SweepRoot]) -> list[SweepTask]:
        """Return the shards of these prefixes that have work to do."""
        if not roots:
            raise PathWithoutView("no view of EXR_VIEWS lies below this path, or covers it")
        opened = {root: self._open(root) for root in roots}
        shards = [shard for found, _ in opened.values() for shard in found]
        if not place:
            return [
                SweepTask(root, shard, (), None, True, is_trusted)
                for root, (found, is_trusted) in opened.items()
                for shard in found
            ]
        marks = [shard.state.watermark for shard in shards if shard.state.watermark is not None]
        files, until = self._changed_files(place, min(marks)) if marks else ([], None)
        changes = self._by_shard(place, files, shards)
        tasks: list[SweepTask] = []
        for root, (found, is_trusted) in opened.items():
            mine = [
                SweepTask(root, shard, changes.get(shard.first_path, ()), until, self._is_due(shard), is_trusted)
                for shard in found
            ]
            busy = [task for task in mine if task.changes or task.is_compared]
            idle = [task.shard for task in mine if task not in busy]
            if until is not None:
                behind = [s for s in idle if s.state.watermark is not None and s.state.watermark < until]
                move_idle(self._connection, behind, until, deadline=self._deadline)
            tasks += busy
        return tasks

    def _open(self, root: SweepRoot) -> tuple[list[SweepShard], Callable[[str], bool]]:
        """Return the shards of a prefix, and whether an unlisted path may be taken for deleted."""
        opener, deadline = self._context.opener, self._deadline
        doing = f"listing {root.path}"
        folders = self._context.helpers.run(
            lambda: opener.folders(root.bucket, root.prefix), deadline=deadline, doing=doing
        )
        paths = [unicode_text(f"{root.bucket}/{folder}") for folder in folders]
        shards = open_shards(
            self._connection, unicode_text(root.path), paths, most=self._settings.sweep_shards, deadline=deadline
        )
        trust = trusted_absence(self._context, root.bucket, root.prefix, folders, deadline=deadline, report=self._fault)
        return shards, trust

    def _is_due(self, shard: SweepShard) -> bool:
        """Whether the objects of a shard must be compared with its rows now."""
        state = shard.state
        if state.compared_at is None or state.watermark is None or state.position is not None:
            return True
        return self._now - state.compared_at >= timedelta(hours=self._settings.sweep_full_hours)

    def _changed_files(self, place: str, since: datetime) -> tuple[list[CatalogFile], datetime | None]:
        """Return the changes below a path of the cluster, and the time up to which they are complete.

        That time is the newest change in the snapshot, since a snapshot does not state its age.
        """
        start, until, limit = since - _NODES_DIFFER, None, MOST_CHANGES + 1
        while True:
            found = list(
                catalog_files(self._connection, place, since=start, until=until, limit=limit, deadline=self._deadline)
            )
            if limit and len(found) >= limit:
                half = start + ((until or self._now) - start) / 2
                if half > since:
                    until = half
                else:  # all within seconds: taken in one query
                    limit = 0
            elif not found and until is not None:
                start, since, until = until, until, None
            else:
                break
        found.sort(key=lambda file: file.ctime)
        unsettled = next((file.ctime for file in found if not self._timing().is_settled(file.ctime)), None)
        known = until or max((file.ctime for file in found if file.ctime <= self._now), default=None)
        return found, known if unsettled is None or known is None else min(known, unsettled)

    def _by_shard(
        self, place: str, files: Sequence[CatalogFile], shards: Sequence[SweepShard]
    ) -> dict[str, list[CatalogChange]]:
        """Group the changes by the first path of their shard; all files that no view covers are reported as one fault."""
        found: dict[str, list[CatalogChange]] = {}
        uncovered: list[str] = []
        ordered = sorted(shards, key=lambda shard: shard.first_path)
        firsts = [shard.first_path for shard in ordered]
        for file in files:
            if not is_exr(file.path):
                continue
            where = self._views.from_cluster(file.path)
            if where is None:
                uncovered.append(file.path)
                continue
            bucket, key = where
            path = f"{bucket}/{key}"
            shard = ordered[max(0, bisect_right(firsts, path) - 1)]
            if path.startswith(shard.root) and self._context.opener.includes(bucket, shard.root.partition("/")[2], key):
                found.setdefault(shard.first_path, []).append(CatalogChange(key, file))
        if uncovered:
            text = f"{len(uncovered)} files that changed are covered by no view of EXR_VIEWS, such as {uncovered[0]}"
            self._fault(place, PathWithoutView(text))
        return found

    # --- processing ---------------------------------------------------------------------------------------

    def _timing(self, also: Callable[..., None] | None = None) -> Timing:
        """Give a batch half of the remaining time to read, so that one slow file leaves time for the others."""
        settled = self._now - timedelta(seconds=self._settings.settle_seconds)
        half = lambda: Deadline.after(self._deadline.remaining() / 2)  # noqa: E731
        return Timing(settled, half, self._deadline, also)

    def _process_shard(self, task: SweepTask) -> _Outcome:
        """Process a shard, unless another invocation has claimed it."""
        try:
            seconds = self._deadline.remaining() + _GRACE_SECONDS
            claimed = claim(self._connection, task.shard, self._holder, seconds=seconds, deadline=self._deadline)
        except Exception as error:  # noqa: BLE001 - boundary of one shard
            return _Outcome(fault=our_error(error))
        if claimed is None:
            return _Outcome()
        worker = ShardWorker(self._context, task, claimed, begin_until=self._begin_until, now=self._now)
        fault: ExrInspectorError | None = None
        try:
            worker.work(self._timing(lambda work: move(work, claimed, self._holder, worker.state)))
        except Exception as error:  # noqa: BLE001 - boundary of one shard
            fault = our_error(error)
        failed, known = worker.done.figures, worker.known
        first = [*failed.examples, *known.examples][:1]
        message = str(fault) if fault else "; ".join(f"{path}: {text}" for _, path, text in first)
        count = failed.errors.total() + known.errors.total()
        state = replace(worker.state, failed_files=count, message=message or None)
        try:
            give_back(self._connection, claimed, state, deadline=self._deadline)
        except ExrInspectorError as error:
            fault = fault or error
        return _Outcome(worker.done, known.errors.total(), is_finished=worker.is_finished, fault=fault)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The outcome of one shard.

    Attributes:
        done: What was done; None if another invocation works on the shard.
        known: Number of permanently unreadable files and folders that an earlier sweep already logged.
        is_finished: Whether the shard has no more work in this sweep.
        fault: The error that ended the work.
    """

    done: Synced | None = None
    known: int = 0
    is_finished: bool = False
    fault: ExrInspectorError | None = None
