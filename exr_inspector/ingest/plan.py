"""A stored listing that is divided into lanes, for farms: each lane is one task of a render manager or cluster.

A lane is a file of Arrow streams with the objects of one range of guard rows, so that two lanes never wait for each
other in the database. `plan.json` beside the lanes has the number of objects in each. It is written last, and a lane is
rejected without it, so an unfinished plan never loses files silently. No progress is recorded: the tables show which
objects are stored, so a lane can be run again at any time.
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
from exr_inspector.model import ObjectVersion
from exr_inspector.settings import Mount
from exr_inspector.storage import ObjectEntry, SourceOpener
from exr_inspector.texts import program_command

_BUFFERED = 200_000  # objects, of all lanes together, kept in memory before they are written
_BATCH = 20_000  # objects kept in memory while a lane is read
# Names are bytes, since file names need not be valid Unicode.
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
    """Return the lane of a file, 0 to `lanes` - 1; files that share a guard row share a lane."""
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
    """List all targets and write `folder/0` to `folder/<lanes - 1>` and `folder/plan.json`; leave no file on failure.

    Args:
        opener: Lists the objects.
        targets: The prefixes to list; none may contain another.
        folder: The folder of the lanes; created if it does not exist.
        lanes: Number of lanes; each is one task.
        mounts: Folders that replace buckets; every lane uses the same paths.
        report: Called with each path that cannot be listed.

    Returns:
        The number of objects in each lane.

    Raises:
        ArgumentError: The folder is not empty.
        SourceError: A target cannot be listed.
    """
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    _require_empty(folder)
    for left in folder.iterdir():  # of a run that was killed
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
    """Writes lanes. A file is open only during a write, since there may be more lanes than file descriptors.

    Attributes:
        identifier: Identifies the plan in every lane.
        counts: Number of objects in each lane.
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
        """Add one object to its lane."""
        lane = lane_of(f"{bucket}/{entry.key}", len(self.paths))
        names = (bucket.encode(errors=_SURROGATES), entry.key.encode(errors=_SURROGATES))
        version = entry.version
        self._rows.setdefault(lane, []).append((*names, version.etag, version.size_bytes, version.mtime))
        self.counts[lane] += 1
        self._buffered += 1
        if self._buffered >= _BUFFERED:
            self.flush()

    def flush(self) -> None:
        """Write the added objects as one stream per lane."""
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
        size: Number of objects.
        mounts: Folders that replace buckets.
        listings: Its objects, by the targets of the plan.
    """

    path: Path
    size: int
    mounts: tuple[Mount, ...]
    listings: tuple[LaneListing, ...] = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> Lane:
        """Read a lane that `write_plan` wrote.

        Raises:
            ArgumentError: The folder has no plan, or an unfinished or damaged one.
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
                f"{path}: expected {expected} bytes by {_PLAN}, found {found}: run {program_command('ingest-plan')} again"
            )
        return cls(path, size, mounts, listings)


def _plan_of(lane: Path) -> dict[str, Any]:
    try:
        about = json.loads(lane.with_name(_PLAN).read_bytes())
    except FileNotFoundError as error:
        raise ArgumentError(
            f"{lane}: there is no {_PLAN} beside it, so it is no lane or its plan was not finished:"
            f" run {program_command('ingest-plan')} again"
        ) from error
    except ValueError as error:
        raise ArgumentError(
            f"{lane.with_name(_PLAN)}: expected a plan that {program_command('ingest-plan')} wrote"
        ) from error
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
        """Yield the objects as they were listed when the plan was written.

        Raises:
            ArgumentError: The file is damaged, or is a lane of another plan.
        """
        try:
            for row in self._rows():
                bucket, key = (row.pop(name).decode(errors=_SURROGATES) for name in ("bucket", "key"))
                if bucket == self.bucket and key.startswith(self.prefix):
                    yield ObjectEntry(key, ObjectVersion(**row))
        except ArgumentError:
            raise
        except (pa.ArrowException, OSError, ValueError) as error:
            raise ArgumentError(
                f"{self.path}: the lane is damaged or cannot be read ({error}): run {program_command('ingest-plan')} again"
            ) from error

    def _rows(self) -> Iterator[dict[str, Any]]:
        with self.path.open("rb") as file:
            end = self.path.stat().st_size
            while file.tell() < end:
                stream = pa.ipc.open_stream(file)
                if (stream.schema.metadata or {}).get(_ID) != self.plan.encode():
                    raise ArgumentError(
                        f"{self.path}: expected a lane of {self.path.with_name(_PLAN)}, found one of another plan: run "
                        f"{program_command('ingest-plan')} again"
                    )
                for batch in stream:
                    yield from batch.to_pylist()
