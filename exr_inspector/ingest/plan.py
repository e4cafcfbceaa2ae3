"""A listing written down once and divided into lanes, for farms: each lane is one task of a render manager or cluster.

A lane is a Parquet file with the objects of one range of guard rows, so that two lanes never wait for each other in the
database. Nothing else is recorded: what is done already is what the tables hold, so a lane may be run again at any time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from exr_inspector.catalog.schema import LEAST_GUARDS
from exr_inspector.catalog.versions import file_id, guard_id
from exr_inspector.errors import SettingsError, SourceError
from exr_inspector.ingest.run import Target
from exr_inspector.storage import ObjectEntry, SourceOpener

_BUFFERED = 20_000  # objects of a lane kept in memory before they are written
_SCHEMA = pa.schema(
    [
        ("bucket", pa.string()),
        ("key", pa.string()),
        ("etag", pa.string()),
        ("size_bytes", pa.int64()),
        ("mtime", pa.timestamp("us", "UTC")),
    ]
)
_ABOUT = b"exr_inspector.plan"


def lane_of(path: str, lanes: int) -> int:
    """The lane of a file, 0 to `lanes` - 1: files that share a guard row share a lane."""
    return guard_id(file_id(path), LEAST_GUARDS) * lanes // LEAST_GUARDS


def write_plan(
    opener: SourceOpener,
    targets: Sequence[Target],
    folder: Path,
    *,
    lanes: int,
    mounts: Sequence[tuple[str, Path]],
    report: Callable[[str, SourceError], None],
) -> list[int]:
    """List all targets and write `folder/0` to `folder/<lanes - 1>`.

    Args:
        opener: Lists the objects.
        targets: What to list.
        folder: Where the lanes go; made when it is not there.
        lanes: How many; each is one task.
        mounts: Folders that stand in for buckets, which every lane finds at the same place.
        report: Called with what cannot be listed.

    Returns:
        Objects in each lane.

    Raises:
        SettingsError: The folder holds something already.
        SourceError: A target cannot be listed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise SettingsError(f"{folder}: expected an empty folder or none, since lanes of an older plan would mix in")
    about = {
        "targets": [[target.bucket, target.prefix] for target in targets],
        "mounts": [[name, str(root.resolve())] for name, root in mounts],
    }
    schema = _SCHEMA.with_metadata({_ABOUT: json.dumps(about).encode()})
    counts = [0] * lanes
    with ExitStack() as stack:
        writers = [_LaneWriter(folder / str(lane), schema, stack) for lane in range(lanes)]
        for target in targets:
            for entry in target.entries(opener, report):
                lane = lane_of(f"{target.bucket}/{entry.key}", lanes)
                counts[lane] += 1
                writers[lane].add((target.bucket, entry.key, entry.etag, entry.size_bytes, entry.mtime))
        for writer in writers:
            writer.flush()
    return counts


class _LaneWriter:
    """Writes one lane in row groups of `_BUFFERED` objects."""

    def __init__(self, path: Path, schema: pa.Schema, stack: ExitStack) -> None:
        self._schema = schema
        self._writer = stack.enter_context(pq.ParquetWriter(path, schema, compression="zstd"))
        self._rows: list[tuple[object, ...]] = []

    def add(self, row: tuple[object, ...]) -> None:
        """Take one object, in the order of the schema's columns."""
        self._rows.append(row)
        if len(self._rows) >= _BUFFERED:
            self.flush()

    def flush(self) -> None:
        """Write what was taken."""
        if self._rows:
            columns = [
                pa.array(column, field.type)
                for column, field in zip(zip(*self._rows, strict=True), self._schema, strict=True)
            ]
            self._writer.write_table(pa.Table.from_arrays(columns, schema=self._schema))
            self._rows = []


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane of a plan.

    Attributes:
        path: Its file.
        size: Objects in it.
        mounts: Folders that stand in for buckets.
        listings: Its objects, by the targets of the plan.
    """

    path: Path
    size: int
    mounts: tuple[tuple[str, Path], ...]
    listings: tuple[LaneListing, ...] = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> Lane:
        """The lane in a file that `write_plan` wrote.

        Raises:
            SettingsError: It is none.
        """
        try:
            metadata = pq.read_metadata(path)
            about = json.loads(metadata.metadata[_ABOUT])
        except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
            raise SettingsError(f"{path}: expected a lane that ./run ingest-plan wrote") from error
        mounts = tuple((name, Path(root)) for name, root in about["mounts"])
        listings = tuple(LaneListing(path, bucket, prefix) for bucket, prefix in about["targets"])
        return cls(path, metadata.num_rows, mounts, listings)


@dataclass(frozen=True, slots=True)
class LaneListing:
    """The objects of a lane that belong to one target; a `run.Listing`."""

    path: Path
    bucket: str
    prefix: str

    def entries(
        self,
        opener: SourceOpener,  # noqa: ARG002 - as in run.Listing
        report: Callable[[str, SourceError], None],  # noqa: ARG002
    ) -> Iterator[ObjectEntry]:
        """The objects as they were listed when the plan was written."""
        with pq.ParquetFile(self.path) as file:
            for batch in file.iter_batches(_BUFFERED):
                for row in batch.to_pylist():
                    if row.pop("bucket") == self.bucket and row["key"].startswith(self.prefix):
                        yield ObjectEntry(**row)
