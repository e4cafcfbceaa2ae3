"""Detects conflicts between transactions by groups of rows, which is coarser than DuckDB's detection by row.

How a cluster detects conflicts is not documented. A client should be correct with both; the number of transactions that it
repeats measures its contention.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from vastdb_local.refusals import conflict

_Group = tuple[int, int]  # table id, row id // rows in a group


@dataclass(slots=True)
class _Open:
    """An open transaction: the number of commits before it began, and the groups it has changed."""

    commits_at_begin: int
    groups: set[_Group] = field(default_factory=set)


class RowGroupConflicts:
    """Refuses a change of a group that another transaction is changing, or has changed since this one began.

    Args:
        rows: Row ids in a group.
    """

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._lock = threading.Lock()
        self._commits = 0
        self._open: dict[int, _Open] = {}
        self._owners: dict[_Group, int] = {}
        self._committed: dict[_Group, int] = {}

    def begin(self, txid: int) -> None:
        """A transaction begins; called before its snapshot is taken."""
        with self._lock:
            self._open[txid] = _Open(self._commits)

    def claim(self, txid: int, table_id: int, row_ids: pa.Array) -> None:
        """A transaction is about to change rows.

        Raises:
            Refusal: 409.
        """
        numbers = np.unique(row_ids.to_numpy(zero_copy_only=False) // np.uint64(self._rows))
        groups = {(table_id, int(number)) for number in numbers}
        with self._lock:
            mine = self._open[txid]
            for group in groups:
                owner = self._owners.get(group, txid)
                if owner != txid or self._committed.get(group, 0) > mine.commits_at_begin:
                    raise conflict(f"Another transaction has changed rows of the same group of {self._rows} rows.")
            self._owners.update(dict.fromkeys(groups, txid))
            mine.groups |= groups

    def end(self, txid: int, *, committed: bool) -> None:
        """A transaction has ended."""
        with self._lock:
            ended = self._open.pop(txid, None)
            if ended is None:
                return
            for group in ended.groups:
                del self._owners[group]
            if committed and ended.groups:
                self._commits += 1
                self._committed.update(dict.fromkeys(ended.groups, self._commits))
            if not self._open:  # no open transaction can have missed a commit
                self._committed.clear()
