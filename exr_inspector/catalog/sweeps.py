"""The table `sweeps`: the shards of swept prefixes, their progress, and which worker has claimed each.

A shard is a range of paths below a root. A worker claims its row for the length of an invocation; two that claim it at the
same time conflict on the row. The progress is updated in the transactions that store rows (`Catalog.upsert(also=...)`), and
when the worker releases the shard.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

from exr_inspector.catalog.rows.build import arrow_array, arrow_table
from exr_inspector.catalog.schema import SWEEPS
from exr_inspector.catalog.schema.columns import RowId, clipped, utc
from exr_inspector.catalog.sdk.connection import Connection
from exr_inspector.catalog.sdk.predicates import is_in
from exr_inspector.catalog.sdk.work import ROW_ID, Work, rows_of
from exr_inspector.catalog.stored import touch_guards
from exr_inspector.catalog.versions import file_id
from exr_inspector.deadline import Deadline
from exr_inspector.texts import unicode_text


@dataclass(frozen=True, slots=True)
class SweepState:
    """The progress of a shard: the columns of `sweeps` of the same names."""

    watermark: datetime | None = None
    compared_at: datetime | None = None
    position: str | None = None
    pass_started: datetime | None = None
    pending_since: datetime | None = None
    failed_files: int = 0
    message: str | None = None
    unlisted: str | None = None


@dataclass(frozen=True, slots=True)
class SweepShard:
    """A stored shard.

    Attributes:
        row_id: Id of its row.
        root: The swept prefix, `<bucket>/<prefix>/`.
        first_path: Its first path.
        end_path: First path of the next shard; None for the last shard of a root.
        state: Its progress.
        claimed_until: When the claim of its worker ends; None if no worker has it.
    """

    row_id: RowId
    root: str
    first_path: str
    end_path: str | None
    state: SweepState
    claimed_until: datetime | None = None

    def holds(self, path: str) -> bool:
        """Whether a path below the root belongs to this shard."""
        return self.first_path <= path and (self.end_path is None or path < self.end_path)

    def is_claimed(self, now: datetime) -> bool:
        """Whether a worker has it at this time."""
        return self.claimed_until is not None and self.claimed_until > now


_STATE = tuple(field.name for field in fields(SweepState))
_COLUMNS = ("root", "first_path", "claimed_until", *_STATE)


def open_shards(
    connection: Connection, root: str, folders: Sequence[str], *, most: int, deadline: Deadline
) -> list[SweepShard]:
    """The shards of a root by first path; shards are divided if the root has more folders than shards.

    Args:
        connection: The database.
        root: `<bucket>/<prefix>/`.
        folders: Paths of the folders directly below the root, each ending in a slash.
        most: Maximum number of shards.
        deadline: When to give up.

    Raises:
        CatalogError: The tables cannot be read or written.
    """
    step = max(1, -(-len(folders) // most))
    wanted = [root, *map(unicode_text, folders[step::step])]

    def body(work: Work) -> list[SweepShard]:
        found = _shards(work, root)
        new = _new_shards(found, root, wanted, connection.config.clock())[: max(0, most - len(found))]
        if not new:
            return found
        touch_guards(work, [file_id(root)], connection.config.new_id(), connection.config)
        cut = {shard.row_id: shard for shard, _ in new if shard is not None}
        # Also makes a worker that claims one of them at the same time conflict.
        _write(work, [(shard.row_id, None, None, shard.state) for shard in cut.values()])
        rows = [
            {"root": root, "first_path": first, **_columns(SweepState() if shard is None else shard.state)}
            for shard, first in new
        ]
        work.insert(SWEEPS, arrow_table(SWEEPS, rows))
        return _shards(work, root)

    return connection.run("open the shards of a sweep", body, deadline=deadline)


def _new_shards(
    found: Sequence[SweepShard], root: str, wanted: Sequence[str], now: datetime
) -> list[tuple[SweepShard | None, str]]:
    """(shard to divide, first path of the new shard); None in place of the shard if the root has none yet.

    Shards that are claimed, or whose comparison has begun, are not divided.
    """
    if not found:
        return [(None, first) for first in wanted]
    firsts = [shard.first_path for shard in found]
    cuts = [(found[bisect_right(firsts, first) - 1], first) for first in wanted if first not in firsts and first > root]
    return [(shard, first) for shard, first in cuts if not shard.is_claimed(now) and shard.state.position is None]


def claim(
    connection: Connection, shard: SweepShard, holder: str, *, seconds: float, deadline: Deadline
) -> SweepShard | None:
    """Claim a shard for a number of seconds, and return it as it is stored now; None if another worker has it.

    Raises:
        CatalogError: The tables cannot be read or written.
    """

    def body(work: Work) -> SweepShard | None:
        now = connection.config.clock()
        found = next((item for item in _shards(work, shard.root) if item.first_path == shard.first_path), None)
        if found is None or found.is_claimed(now):
            return None
        until = now + timedelta(seconds=seconds)
        _write(work, [(found.row_id, holder, until, found.state)])
        return replace(found, claimed_until=until)

    def is_ours(work: Work) -> bool:
        rows = rows_of(work.select(SWEEPS, ["first_path"], is_in("claimed_by", [holder])))
        return any(row["first_path"] == shard.first_path for row in rows)

    return connection.run("claim a shard of a sweep", body, is_committed=is_ours, deadline=deadline)


def move(work: Work, shard: SweepShard, holder: str, state: SweepState) -> None:
    """Store the progress of a claimed shard, in the transaction that stores the rows up to there."""
    _write(work, [(shard.row_id, holder, shard.claimed_until, state)])


def give_back(
    connection: Connection, shard: SweepShard, state: SweepState, *, deadline: Deadline | None = None
) -> None:
    """Store the progress of a claimed shard, and release it.

    Raises:
        CatalogError: The tables cannot be written; the claim expires.
    """
    connection.run(
        "release a shard of a sweep",
        lambda work: _write(work, [(shard.row_id, None, None, state)]),
        deadline=deadline,
    )


def move_idle(connection: Connection, shards: Sequence[SweepShard], watermark: datetime, *, deadline: Deadline) -> None:
    """Advance the watermark of a root's shards in which nothing changed, except claimed ones, in one transaction.

    Raises:
        CatalogError: The tables cannot be written.
    """

    def body(work: Work) -> None:
        before = {shard.first_path: shard.state for shard in shards}
        now = connection.config.clock()
        idle = [
            shard
            for shard in _shards(work, shards[0].root)
            if before.get(shard.first_path) == shard.state and not shard.is_claimed(now)
        ]
        _write(work, [(shard.row_id, None, None, replace(shard.state, watermark=watermark)) for shard in idle])

    if shards:
        connection.run("move the watermarks of a sweep", body, deadline=deadline)


def _shards(work: Work, root: str) -> list[SweepShard]:
    rows = rows_of(work.select(SWEEPS, _COLUMNS, is_in("root", [root]), row_ids=True))
    # A shard has two rows only on a server that detects no conflicts; any one will do.
    rows = list({row["first_path"]: row for row in sorted(rows, key=lambda row: str(row[ROW_ID]))}.values())
    rows.sort(key=lambda row: row["first_path"])
    rows = [{name: utc(value) if isinstance(value, datetime) else value for name, value in row.items()} for row in rows]
    ends = [row["first_path"] for row in rows[1:]]
    return [
        SweepShard(
            row[ROW_ID],
            root,
            row["first_path"],
            end,
            SweepState(**{name: row[name] for name in _STATE}),
            row["claimed_until"],
        )
        for row, end in zip(rows, [*ends, None], strict=False)
    ]


def _columns(state: SweepState) -> dict[str, Any]:
    return {**asdict(state), "message": clipped(state.message)}


def _write(work: Work, rows: Sequence[tuple[RowId, str | None, datetime | None, SweepState]]) -> None:
    """Update the claim and the state of these rows."""
    if not rows:
        return
    values = [{"claimed_by": holder, "claimed_until": until, **_columns(state)} for _, holder, until, state in rows]
    columns = {
        column.name: arrow_array(SWEEPS, column, [each[column.name] for each in values])
        for column in SWEEPS.columns
        if column.name in values[0]
    }
    work.update(SWEEPS, [row_id for row_id, *_ in rows], columns)
