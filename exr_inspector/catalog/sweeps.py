"""The table `sweeps`: shards of swept prefixes, who works on each, and how far it is.

A shard is a range of paths below one root. Whoever works on it claims its row for as long as an invocation may take; two who
claim at the same time collide on the row, as writers of one file do on a guard. How far a shard is moves in transactions that
store rows (`Catalog.upsert(also=...)`), and when the shard is given back.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from exr_inspector.catalog.rows.build import arrow_table
from exr_inspector.catalog.schema import SWEEPS
from exr_inspector.catalog.schema.columns import RowId, clipped, utc
from exr_inspector.catalog.sdk.connection import ROW_ID, Connection, Work, is_in, rows_of
from exr_inspector.catalog.stored import touch_guards
from exr_inspector.catalog.versions import file_id, storable
from exr_inspector.deadline import Deadline


@dataclass(frozen=True, slots=True)
class SweepState:
    """How far a shard is; the columns of `sweeps` of the same names."""

    watermark: datetime | None = None
    compared_at: datetime | None = None
    position: str | None = None
    pass_started: datetime | None = None
    pending_since: datetime | None = None
    failed_files: int = 0
    message: str | None = None


@dataclass(frozen=True, slots=True)
class SweepShard:
    """A shard as it stands.

    Attributes:
        row_id: Its row.
        root: The swept prefix, `<bucket>/<prefix>/`.
        first_path: Where it begins.
        end_path: Where the next one begins; None for the last one of a root.
        state: How far it is.
        claimed_until: End of the claim of the worker that has it; None when it is free.
    """

    row_id: RowId
    root: str
    first_path: str
    end_path: str | None
    state: SweepState
    claimed_until: datetime | None = None

    def holds(self, path: str) -> bool:
        """Whether a path below the root belongs to it."""
        return self.first_path <= path and (self.end_path is None or path < self.end_path)

    def is_claimed(self, now: datetime) -> bool:
        """Whether somebody works on it."""
        return self.claimed_until is not None and self.claimed_until > now


_STATE = tuple(field.name for field in fields(SweepState))
_COLUMNS = ("root", "first_path", "claimed_until", *_STATE)


def open_shards(
    connection: Connection, root: str, folders: Sequence[str], *, most: int, deadline: Deadline
) -> list[SweepShard]:
    """The shards of a root, in order; new ones are made where the root has more folders than shards.

    Args:
        connection: The database.
        root: `<bucket>/<prefix>/`.
        folders: Paths of the folders directly below, each ending in a slash.
        most: Shards at most.
        deadline: When to give up.

    Raises:
        CatalogError: The tables cannot be read or written.
    """
    step = max(1, -(-len(folders) // most))
    wanted = [root, *map(storable, folders[step::step])]

    def body(work: Work) -> list[SweepShard]:
        found = _shards(work, root)
        new = _new_shards(found, root, wanted, connection.config.clock())[: max(0, most - len(found))]
        if not new:
            return found
        touch_guards(work, [file_id(root)], connection.config.new_id(), connection.config)
        cut = {shard.row_id: shard for shard, _ in new if shard is not None}
        _write(work, [(shard.row_id, None, None, shard.state) for shard in cut.values()])  # collides with who claims it
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
    """What is to be cut, None for a root that has no shard, and where the second half begins.

    A shard whose comparison is under way is left as it is, and so is one that somebody works on.
    """
    if not found:
        return [(None, first) for first in wanted]
    firsts = [shard.first_path for shard in found]
    cuts = [(found[bisect_right(firsts, first) - 1], first) for first in wanted if first not in firsts and first > root]
    return [(shard, first) for shard, first in cuts if not shard.is_claimed(now) and shard.state.position is None]


def claim(
    connection: Connection, shard: SweepShard, holder: str, *, seconds: float, deadline: Deadline
) -> SweepShard | None:
    """Take a shard for so long; None when somebody else has it.

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

    return connection.run("claim a shard of a sweep", body, landed=is_ours, deadline=deadline)


def move(work: Work, shard: SweepShard, holder: str, state: SweepState) -> None:
    """Write how far a claimed shard is, in the transaction that stores what that rests on."""
    _write(work, [(shard.row_id, holder, shard.claimed_until, state)])


def give_back(
    connection: Connection, shard: SweepShard, state: SweepState, *, deadline: Deadline | None = None
) -> None:
    """Write how far a claimed shard is, and let others have it.

    Raises:
        CatalogError: The tables cannot be written; the claim ends by itself.
    """
    connection.run(
        "give a shard of a sweep back",
        lambda work: _write(work, [(shard.row_id, None, None, state)]),
        deadline=deadline,
    )


def move_idle(connection: Connection, shards: Sequence[SweepShard], watermark: datetime, *, deadline: Deadline) -> None:
    """Move the watermark of shards of a root in which nothing changed, in one transaction; not of those that others have now.

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
    # Of two rows of one shard, which only a server without conflicts can have, both hold.
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
    values = {name: getattr(state, name) for name in _STATE}
    return {**values, "message": clipped(state.message)}


def _write(work: Work, rows: Sequence[tuple[RowId, str | None, datetime | None, SweepState]]) -> None:
    """Overwrite the columns that change."""
    if not rows:
        return
    values = [
        {"root": "", "first_path": "", "claimed_by": holder, "claimed_until": until, **_columns(state)}
        for _, holder, until, state in rows
    ]
    table = arrow_table(SWEEPS, values)
    columns: dict[str, pa.Array] = {
        name: table[name].combine_chunks() for name in table.column_names if name not in {"root", "first_path"}
    }
    work.update(SWEEPS, [row_id for row_id, *_ in rows], columns)
