"""Engines process shards: in this process, in a pool of processes on this machine, or on a Ray cluster.

An engine accepts a shard and returns a future. If the process that has the shard ends, the future raises `WorkerDied`;
the caller (`run.Ingest`) handles this in the same way for every engine.
"""

from __future__ import annotations

import importlib
import logging
import multiprocessing
import os
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import resource_tracker
from typing import Any, Protocol
from uuid import uuid4

from pebble import ProcessExpired, ProcessPool

from exr_inspector.errors import WorkerDied
from exr_inspector.ingest.worker import WorkerConfig, ingest_in_worker
from exr_inspector.pixels.isolation import interrupts_blocked
from exr_inspector.sync.figures import Figures
from exr_inspector.sync.shard import IngestContext, Shard, ingest_shard
from exr_inspector.texts import missing_package


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


MAX_FAILED_STARTS = 3


class PoolBroken(WorkerDied):
    """Worker processes ended while none of them had a shard, so no shard caused it."""


class Engine(Protocol):
    """Processes shards. Not thread-safe."""

    @property
    def processes(self) -> int:
        """Number of worker processes; 0 if this process does the work."""

    @property
    def capacity(self) -> int:
        """Number of shards to submit at the same time."""

    def submit(self, shard: Shard) -> Future[Figures]:
        """Start to process a shard; the future raises WorkerDied if the process that has it ends."""

    def submit_alone(self, shard: Shard) -> Future[Figures]:
        """As `submit`, in a new process; called only while no other shard is being processed."""

    def close(self) -> None:
        """Stop the workers; unfinished work is lost."""


class InlineEngine:
    """Threads of this process: they start at once, but Python runs only one of them at a time."""

    processes = 0
    capacity = 2  # one shard is read while another is stored

    def __init__(self, context: IngestContext) -> None:
        self._context = context
        self._pool = ThreadPoolExecutor(self.capacity, thread_name_prefix="exr-shard")

    def submit(self, shard: Shard) -> Future[Figures]:
        """See Engine, as for all methods below."""
        return self._pool.submit(ingest_shard, self._context, shard)

    submit_alone = submit  # a crash would end this process as well, so there is nothing to isolate

    def close(self) -> None:
        """Stop the threads once they are idle."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class PoolEngine:
    """Processes of this machine, each a new interpreter. A process that ends is replaced; the future of its shard raises."""

    def __init__(self, config: WorkerConfig, *, processes: int) -> None:
        """Create the engine; the first shard starts the processes."""
        self.processes = processes
        self.capacity = processes + 1  # one shard waits, so that no process is idle
        self._config = config.pickled()
        # Otherwise the first process starts it, which unblocks SIGINT, so that Ctrl-C prints a traceback of that process.
        resource_tracker.ensure_running()
        self._pool = _make_pool(processes)
        self._single: ProcessPool | None = None
        self._failed_starts = 0

    def submit(self, shard: Shard) -> Future[Figures]:
        """See Engine, as for all methods below.

        Raises:
            WorkerDied: New processes repeatedly end before they process a shard.
        """
        with interrupts_blocked():
            try:
                return self._schedule(self._pool, shard)
            except RuntimeError:  # raised by the library if its pool is broken
                self._count_failed_start()
                self._pool = _make_pool(self.processes)
                return self._schedule(self._pool, shard)

    def submit_alone(self, shard: Shard) -> Future[Figures]:
        """As `submit`, in a new process. Raises the same."""
        with interrupts_blocked():
            if self._single is not None:
                if not self._single.active:
                    self._count_failed_start()
                _end(self._single)
            self._single = _make_pool(1)
            return self._schedule(self._single, shard)

    def _schedule(self, pool: ProcessPool, shard: Shard) -> Future[Figures]:
        started = pool.schedule(ingest_in_worker, args=(self._config, shard))
        ours: Future[Figures] = Future()
        started.add_done_callback(lambda done: self._finish(ours, done))
        return ours

    def _finish(self, ours: Future[Figures], done: Future[Figures]) -> None:
        fault = done.exception()
        if fault is None:
            self._failed_starts = 0
            ours.set_result(done.result())
        elif isinstance(fault, ProcessExpired):
            ours.set_exception(WorkerDied(f"the process that read it ended with exit code {fault.exitcode}"))
        elif isinstance(fault, BrokenProcessPool):
            ours.set_exception(PoolBroken("a worker process ended before it began"))
        else:
            ours.set_exception(fault)

    def _count_failed_start(self) -> None:
        self._failed_starts += 1
        if self._failed_starts > MAX_FAILED_STARTS:
            raise WorkerDied("worker processes end before they begin")

    def close(self) -> None:
        """Stop the processes."""
        for pool in (self._pool, self._single):
            if pool is not None:
                _end(pool)


def _make_pool(processes: int) -> ProcessPool:
    return ProcessPool(processes, context=multiprocessing.get_context("spawn"))


def _end(pool: ProcessPool) -> None:
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join()


class RayEngine:
    """Tasks of a Ray cluster: the one that `RAY_ADDRESS` or this machine's `ray start` names, or a new one on this machine.

    Every node needs exr-inspector, and the same addresses for the store, the database and mounted folders.
    """

    def __init__(self, config: WorkerConfig) -> None:
        """Connect to the cluster.

        Raises:
            SettingsError: Ray is not installed.
        """
        try:
            ray: Any = importlib.import_module("ray")  # optional, and takes a second to import
        except ImportError as error:
            raise missing_package("--engine ray", "ray", "ray") from error
        self._ray = ray
        if not ray.is_initialized():
            ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        self.processes = max(1, int(ray.cluster_resources().get("CPU", 1)))
        self.capacity = self.processes + max(1, self.processes // 4)
        self._config = ray.put(config.pickled())
        # Ray must not retry: the rows of a retried shard may be stored already, which the retry has to check first.
        self._task: Any = ray.remote(num_cpus=1, max_retries=0)(ingest_in_worker)

    def submit(self, shard: Shard) -> Future[Figures]:
        """See Engine, as for all methods below."""
        return self._start(self._task, shard)

    def submit_alone(self, shard: Shard) -> Future[Figures]:
        """As `submit`; Ray shares a process only between tasks of the same environment."""
        return self._start(self._task.options(runtime_env={"env_vars": {"EXR_ALONE": uuid4().hex}}), shard)

    def _start(self, task: Any, shard: Shard) -> Future[Figures]:
        started: Future[Figures] = task.remote(self._config, shard).future()
        ours: Future[Figures] = Future()

        def finish(done: Future[Figures]) -> None:
            fault = done.exception()
            errors = self._ray.exceptions
            if fault is None:
                ours.set_result(done.result())
            elif isinstance(fault, errors.RayTaskError):
                ours.set_exception(fault.cause if isinstance(fault.cause, Exception) else fault)
            elif isinstance(fault, errors.RayError):
                ours.set_exception(WorkerDied(f"the Ray worker that read it ended: {type(fault).__name__}"))
            else:
                ours.set_exception(fault)

        started.add_done_callback(finish)
        return ours

    def close(self) -> None:
        """Disconnect; a cluster that was already running continues."""
        self._ray.shutdown()
