"""Predicates of selects, for tables with and without partitions."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import reduce
from typing import Any

from exr_inspector.catalog.paths import prefix_end
from exr_inspector.catalog.schema import PARTITIONED_BY
from exr_inspector.catalog.sdk.transport import is_partitioned

# From a table, as indexed by column name, to the SDK's predicate; None if every row of that table qualifies.
Where = Callable[[Any], Any]


def is_in(column: str, values: Sequence[object]) -> Where:
    """Rows whose column is one of these values. Of paths, only the partitions of their buckets are searched."""
    where: Where = lambda table: table[column].isin(values)  # noqa: E731 - a predicate, as all of these
    return _in_partitions(map(str, values), where) if column == "path" else where


def has_prefix(column: str, prefix: str) -> Where | None:
    """Rows whose column begins with a prefix, as a range that a sorted table can look up; None if it is empty."""
    if not prefix:
        return None
    where = in_range(column, prefix, prefix_end(prefix))
    return _in_partitions([prefix], where) if column == "path" and "/" in prefix else where


def in_range(column: str, start: str, end: str | None) -> Where:
    """Rows whose column is `start` or later, and before `end` unless that is None."""
    if end is None:
        return lambda table: table[column] >= start
    return lambda table: (table[column] >= start) & (table[column] < end)


def in_buckets(buckets: Collection[str]) -> Where:
    """Rows of these buckets if the table is partitioned by bucket; all rows of any other table."""
    return lambda table: table[PARTITIONED_BY].isin(sorted(buckets)) if is_partitioned(table) else None


def _in_partitions(paths: Iterable[str], where: Where) -> Where:
    return every(in_buckets({path.partition("/")[0] for path in paths}), where) or where


def every(*conditions: Where | None) -> Where | None:
    """Rows that satisfy all these conditions, of which any may be None; None if no condition is left."""
    given = [condition for condition in conditions if condition is not None]
    if not given:
        return None

    def where(table: Any) -> Any:
        predicates = [predicate for predicate in (condition(table) for condition in given) if predicate is not None]
        return reduce(operator.and_, predicates) if predicates else None

    return where
