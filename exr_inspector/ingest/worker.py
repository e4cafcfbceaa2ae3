"""Process a shard in a worker process: what the process receives, and how its context is created."""

from __future__ import annotations

import gc
import io
import pickle
import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from exr_inspector.catalog import Catalog, CatalogConfig
from exr_inspector.catalog.sdk import silence_sdk_loggers
from exr_inspector.inspector import Inspector
from exr_inspector.model import StatsMode
from exr_inspector.settings import Secret, Settings
from exr_inspector.storage import SourceOpener
from exr_inspector.sync.figures import Figures
from exr_inspector.sync.shard import IngestContext, Shard, ingest_shard
from exr_inspector.validation import Policy


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """The configuration from which a worker process creates its `IngestContext`.

    Attributes:
        settings: The settings, with the keys of the store and of the database.
        stats: Which pixels to read: none, a sample, or all.
        policy: The policy that files are validated against.
        threads: Number of objects that one process reads at the same time.
        force: Whether to replace rows that are up to date as well.
    """

    settings: Settings
    stats: StatsMode
    policy: Policy
    threads: int
    force: bool = False

    def pickled(self) -> bytes:
        """Return the configuration as bytes, with secrets: for the pipe to a process of this run, not for a file or a log."""
        buffer = io.BytesIO()
        _ConfigPickler(buffer, pickle.HIGHEST_PROTOCOL).dump(self)
        return buffer.getvalue()


class _ConfigPickler(pickle.Pickler):
    """Pickles secrets, which pickle rejects by default."""

    def reducer_override(self, obj: Any) -> Any:
        """Return how to recreate an object."""
        if isinstance(obj, Secret):
            return Secret, (obj.reveal(),)
        return NotImplemented


@lru_cache(maxsize=1)
def _context(pickled: bytes) -> IngestContext:
    sys.stdout = sys.stderr  # the OpenEXR module prints warnings about damaged chunks to stdout
    silence_sdk_loggers()
    config: WorkerConfig = pickle.loads(pickled)  # noqa: S301 - from the run that started this process
    made = IngestContext(
        SourceOpener(config.settings),
        Inspector.from_settings(config.settings, stats=config.stats),
        Catalog(CatalogConfig.from_settings(config.settings.require_catalog())),
        config.policy,
        threads=config.threads,
        force=config.force,
    )
    gc.freeze()  # modules and rules are permanent; scanning them again takes a tenth of the CPU time
    return made


def ingest_in_worker(pickled: bytes, shard: Shard) -> Figures:
    """Run `ingest_shard` in a worker process; the first call creates the context."""
    return ingest_shard(_context(pickled), shard)
