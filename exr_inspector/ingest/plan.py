"""A listing written down once and divided into lanes, for farms: each lane is one task of a render manager or cluster.

A lane is a file of Arrow streams with the objects of one range of guard rows, so that two lanes never wait for each other in
the database. `plan.json` beside the lanes says how many objects each holds; it is written last, and no lane is read without
it, so an unfinished plan loses no file silently. Nothing else is recorded: what is done already is what the tables hold, so a
lane may be run again at any time.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa

from exr_inspector.catalog.schema import LEAST_GUARDS
from exr_inspector.catalog.versions import file_id, guard_id
from exr_inspector.errors import ArgumentError, SourceError
from exr_inspector.ingest.run import Target
from exr_inspector.settings import Mount
from exr_inspector.storage import ObjectEntry, SourceOpener

_BUFFERED = 200_000  # objects of all lanes kept in memory before they are written
_BATCH = 20_000  # objects that a lane has in memory while it is read
# Names are bytes, since those of files need not be Unicode.
_SCHEMA = pa.schema(
    [
        ("bucket", pa.binary()),
        ("key", pa.binary()),
        ("etag", pa.string()),
        ("size_bytes", pa.int64()),
        ("mtime", pa.timestamp("us", "UTC")),
    ]
)
_COMPRESSED = pa.ipc.IpcWriteOptions(compression="zstd")
_SURROGATES = "surrogatepass"
_ID = b"exr_inspector.plan"
_PLAN = "plan.json"
_UNFINISHED = ".unfinished-"  # prefix of the folder in which a plan is written


def lane_of(path: str, lanes: int) -> int:
    """The lane of a file, 0 to `lanes` - 1: files that share a guard row share a lane."""
    return guard_id(file_id(path), LEAST_GUARDS) * lanes // LEAST_GUARDS


def write_plan(
    opener: SourceOpener,
    targets: Sequence[Target],
    folder: Path,
    *,
    lanes: int,
    mounts: Sequence[Mount],
    report: Callable[[str, SourceError], None],
) -> list[int]:
    """List all targets and write `folder/0` to `folder/<lanes - 1>` and `folder/plan.json`; when that fails, nothing.

    Args:
        opener: Lists the objects.
        targets: What to list; none of them within another one.
        folder: Where the lanes go; made when it is not there.
        lanes: How many; each is one task.
        mounts: Folders that replace buckets; every lane finds them under the same path.
        report: Called with what cannot be listed.

    Returns:
        Objects in each lane.

    Raises:
        ArgumentError: The folder holds something already.
        SourceError: A target cannot be listed.
    """
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    _require_empty(folder)
    for left in folder.iterdir():  # by a run that was killed
        shutil.rmtree(left)
    unfinished = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=folder))
    try:
        spool = _Spool(unfinished, lanes)
        for target in targets:
            for entry in target.entries(opener, report):
                spool.add(target.bucket, entry)
        spool.flush()
        about = {
            "id": spool.identifier,
            "targets": [[target.bucket, target.prefix] for target in targets],
            "mounts": [[mount.bucket, str(mount.folder.resolve()), mount.prefix] for mount in mounts],
            "files": spool.counts,
            "bytes": [path.stat().st_size for path in spool.paths],
        }
        (unfinished / _PLAN).write_text(json.dumps(about), encoding="ascii")
        _require_empty(folder)
        for name in (*(path.name for path in spool.paths), _PLAN):
            (unfinished / name).rename(folder / name)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        if is_new:
            with suppress(OSError):
                folder.rmdir()
        raise
    unfinished.rmdir()
    return spool.counts


def _require_empty(folder: Path) -> None:
    if any(not item.name.startswith(_UNFINISHED) for item in folder.iterdir()):
        raise ArgumentError(f"{folder}: expected an empty folder or none, since lanes of an older plan would mix in")


class _Spool:
    """Writes lanes; their files are open only while something is appended, since there may be more than descriptors.

    Attributes:
        identifier: Identifies the plan in every lane.
        counts: Objects in each lane.
        paths: The files.
    """

    def __init__(self, folder: Path, lanes: int) -> None:
        self.identifier = uuid4().hex
        self.counts = [0] * lanes
        self.paths = [folder / str(lane) for lane in range(lanes)]
        self._schema = _SCHEMA.with_metadata({_ID: self.identifier.encode()})
        self._rows: dict[int, list[tuple[object, ...]]] = {}
        self._buffered = 0
        for path in self.paths:
            path.touch()

    def add(self, bucket: str, entry: ObjectEntry) -> None:
        """Take one object."""
        lane = lane_of(f"{bucket}/{entry.key}", len(self.paths))
        names = (bucket.encode(errors=_SURROGATES), entry.key.encode(errors=_SURROGATES))
        self._rows.setdefault(lane, []).append((*names, entry.etag, entry.size_bytes, entry.mtime))
        self.counts[lane] += 1
        self._buffered += 1
        if self._buffered >= _BUFFERED:
            self.flush()

    def flush(self) -> None:
        """Write what was taken: one stream for each lane."""
        for lane, rows in self._rows.items():
            columns = [
                pa.array(column, field.type)
                for column, field in zip(zip(*rows, strict=True), self._schema, strict=True)
            ]
            table = pa.Table.from_arrays(columns, schema=self._schema)
            with (
                self.paths[lane].open("ab") as file,
                pa.ipc.new_stream(file, self._schema, options=_COMPRESSED) as stream,
            ):
                stream.write_table(table, _BATCH)
        self._rows = {}
        self._buffered = 0


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane of a plan.

    Attributes:
        path: Its file.
        size: Objects in it.
        mounts: Folders that replace buckets.
        listings: Its objects, by the targets of the plan.
    """

    path: Path
    size: int
    mounts: tuple[Mount, ...]
    listings: tuple[LaneListing, ...] = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> Lane:
        """The lane in a file that `write_plan` wrote.

        Raises:
            ArgumentError: The folder is not a plan, is damaged, or was not finished.
        """
        about = _plan_of(path)
        try:
            number = int(path.name)
            size, expected = about["files"][number], about["bytes"][number]
            mounts = tuple(Mount(bucket, Path(root), prefix) for bucket, root, prefix in about["mounts"])
            listings = tuple(LaneListing(path, bucket, prefix, about["id"]) for bucket, prefix in about["targets"])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise ArgumentError(f"{path}: expected a lane of the plan in {path.with_name(_PLAN)}") from error
        if (found := path.stat().st_size) != expected:
            raise ArgumentError(
                f"{path}: expected {expected} bytes by {_PLAN}, found {found}: run ./run ingest-plan again"
            )
        return cls(path, size, mounts, listings)


def _plan_of(lane: Path) -> dict[str, Any]:
    try:
        about = json.loads(lane.with_name(_PLAN).read_bytes())
    except FileNotFoundError as error:
        raise ArgumentError(
            f"{lane}: there is no {_PLAN} beside it, so it is no lane or its plan was not finished: run ./run ingest-plan again"
        ) from error
    except ValueError as error:
        raise ArgumentError(f"{lane.with_name(_PLAN)}: expected a plan that ./run ingest-plan wrote") from error
    return about if isinstance(about, dict) else {}


@dataclass(frozen=True, slots=True)
class LaneListing:
    """The objects of a lane that belong to one target; a `run.Listing`."""

    path: Path
    bucket: str
    prefix: str
    plan: str

    def entries(
        self,
        opener: SourceOpener,  # noqa: ARG002 - as in run.Listing
        report: Callable[[str, SourceError], None],  # noqa: ARG002
    ) -> Iterator[ObjectEntry]:
        """The objects as they were listed when the plan was written.

        Raises:
            ArgumentError: The file is damaged, or is a lane of another plan.
        """
        try:
            for row in self._rows():
                bucket, key = (row.pop(name).decode(errors=_SURROGATES) for name in ("bucket", "key"))
                if bucket == self.bucket and key.startswith(self.prefix):
                    yield ObjectEntry(key, **row)
        except ArgumentError:
            raise
        except (pa.ArrowException, OSError, ValueError) as error:
            raise ArgumentError(
                f"{self.path}: the lane is damaged or cannot be read ({error}): run ./run ingest-plan again"
            ) from error

    def _rows(self) -> Iterator[dict[str, Any]]:
        with self.path.open("rb") as file:
            end = self.path.stat().st_size
            while file.tell() < end:
                stream = pa.ipc.open_stream(file)
                if (stream.schema.metadata or {}).get(_ID) != self.plan.encode():
                    raise ArgumentError(f"{self.path}: a lane of another plan than {self.path.with_name(_PLAN)}")
                for batch in stream:
                    yield from batch.to_pylist()
