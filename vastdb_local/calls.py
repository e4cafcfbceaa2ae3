"""Input and output of operations: requests, their transactions, answers, and pages of lists."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from vastdb_local.definitions import Schema, Table
from vastdb_local.faults import Fault
from vastdb_local.metadata import get_schema, get_table
from vastdb_local.partitions import SUFFIX, partitioned
from vastdb_local.refusals import bad_request
from vastdb_local.storage import Database
from vastdb_local.transaction import Transaction
from vastdb_local.version import Version

_Entry = TypeVar("_Entry")


@dataclass(frozen=True, slots=True)
class Request:
    """An authenticated HTTP request, read completely.

    Attributes:
        path: Decoded parts of the path: bucket, schema names, and for some operations a table.
        command: First word of the query string: `transaction`, `schema`, `table`, ...
        parameters: The rest of the query string, decoded.
        headers: By lower-case name.
        client: The connection of the client; None if the client closes it after this request.
    """

    method: str
    path: tuple[str, ...]
    command: str
    parameters: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    client: socket.socket | None

    def number(self, header: str, default: int = 0) -> int:
        """The value of a header with an integer.

        Raises:
            Refusal: 400 if it is not an integer.
        """
        text = self.headers.get(header)
        if text is None:
            return default
        try:
            return int(text)
        except ValueError:
            raise bad_request("InvalidArgument", f"Header {header} is not a number.") from None

    def flag(self, header: str) -> bool:
        """Whether a header is `true`."""
        return self.headers.get(header, "").lower() == "true"


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer (200): its body and its additional headers.

    Attributes:
        fault: A fault while the answer is sent, one of `IN_THE_ANSWER`.
    """

    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A request with its transaction, whose lock is held."""

    request: Request
    database: Database
    transaction: Transaction
    version: Version

    @property
    def bucket(self) -> str:
        """Name of the bucket."""
        return self.request.path[0]

    @property
    def schema_path(self) -> str:
        """Full name of the schema, if the path ends in one; empty for the bucket itself."""
        return "/".join(self.request.path[1:])

    def schema(self) -> Schema:
        """The schema, if the path ends in one."""
        return get_schema(self.transaction, self.bucket, self.schema_path)

    def schema_of_table(self) -> Schema:
        """The schema, if the path ends in a table."""
        return get_schema(self.transaction, self.bucket, "/".join(self.request.path[1:-1]))

    def table(self) -> Table:
        """The table, if the path ends in one."""
        return self._table(self.request.path[-1])

    def partitioned_table(self) -> Table | None:
        """The partitioned table, if the path ends in its table of partitions; None if it ends in an ordinary table."""
        name = self.request.path[-1]
        return partitioned(self._table(name.removesuffix(SUFFIX))) if name.endswith(SUFFIX) else None

    def _table(self, name: str) -> Table:
        return get_table(self.transaction, self.bucket, "/".join(self.request.path[1:-1]), name)


def page(
    request: Request, entries: Sequence[_Entry], name: Callable[[_Entry], str]
) -> tuple[list[_Entry], dict[str, str]]:
    """The page of a list that a request asks for, and the paging headers of the answer."""
    exact, prefix = request.headers.get("tabular-name-exact-match"), request.headers.get("tabular-name-prefix", "")
    if exact:
        entries = [entry for entry in entries if name(entry) == exact]
    elif prefix:
        entries = [entry for entry in entries if name(entry).startswith(prefix)]
    if request.flag("tabular-list-count-only"):
        return [], _paging(0, truncated=False, count=len(entries))
    start = max(0, request.number("tabular-next-key"))
    shown = list(entries[start : start + max(1, request.number("tabular-max-keys", 1000))])
    end = start + len(shown)
    truncated = end < len(entries)
    return shown, _paging(end if truncated else 0, truncated=truncated, count=len(shown))


def _paging(next_key: int, *, truncated: bool, count: int) -> dict[str, str]:
    return {
        "tabular-next-key": str(next_key),
        "tabular-is-truncated": "true" if truncated else "false",
        "tabular-list-count": str(count),
    }
