"""The query engine for VAST's ADBC driver: SQL in DuckDB's dialect over the tables that a transaction sees.

A query is started with its text and answered with the schema of its result. Its state is asked for until it is completed;
a state may name a ticket, with which rows are fetched. The driver fetches tickets at the same time and returns their rows
as they arrive, so one ticket covers the whole result: with more of them, the rows of `ORDER BY` would lose their order.
Messages are Protocol Buffers with few fields. They are read and written by field number, since VAST publishes no definition
of them:

    start:  request {2: transaction, 3: SQL}          answer {1: state, 2: Arrow schema}
    state:  request {1: query id}                     answer {1: state}
    fetch:  request {1: query id, 7: ticket}          answer {2: 0}, then Arrow record batches
    state   {1: query id, 4: {2: {1: host}, 4: {1: "rows", 2: ticket}}, 5: error code, 7: 1 running or 3 completed}
    query id {1: {1: number, 2: 1}}
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa

from vastdb_local.calls import Answer, Request
from vastdb_local.protobuf import Fields, bytes_field, number_field, read_fields
from vastdb_local.refusals import bad_request, not_found
from vastdb_local.storage import Database
from vastdb_local.version import Version

_RUNNING, _COMPLETED = 1, 3
_TICKET = "0"  # the only ticket of a result
_MOST_OPEN = 256  # largest number of results kept for clients that have not fetched them completely


@dataclass(slots=True)
class _Result:
    """Rows for a client; `is_announced` once a state has named the ticket with which they are fetched."""

    rows: pa.Table
    is_announced: bool = False


class QueryEngine:
    """The open queries of one server; safe to use from many threads."""

    def __init__(self, database: Database, version: Version) -> None:
        self._database = database
        self._release = f"{version}.0"
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._results: dict[int, _Result] = {}

    def route(self, request: Request) -> tuple[str, Callable[[Request], Answer]] | None:
        """The name and the function of a request's operation; None when it is not for the query engine."""
        return {
            ("GET", "query-engine-capabilities"): ("query_engine_capabilities", self._capabilities),
            ("POST", "vastdb-run-query"): ("query_engine_start", self._start),
            ("DELETE", "vastdb-run-query"): ("query_engine_finish", self._finish),
            ("POST", "vastdb-query-status"): ("query_engine_state", self._state),
            ("GET", "vastdb-query-status"): ("query_engine_state", self._state),
            ("POST", "vastdb-data"): ("query_engine_rows", self._rows),
            ("DELETE", "vastdb-data"): ("query_engine_rows_finish", lambda _: Answer()),
        }.get((request.method, request.command))

    def _capabilities(self, _: Request) -> Answer:
        return Answer(bytes_field(1, self._release.encode()))

    def _start(self, request: Request) -> Answer:
        message = read_fields(request.body)
        sql = message.text(3)
        with self._database.locked(message.number(2), request.client) as transaction:
            transaction.settle()
            rows = _without_dictionaries(transaction.query(sql))
        number = next(self._numbers)
        with self._lock:
            if len(self._results) >= _MOST_OPEN:
                self._results.pop(next(iter(self._results)))
            self._results[number] = _Result(rows)
        return Answer(bytes_field(1, _state(number, _RUNNING)) + bytes_field(2, bytes(rows.schema.serialize())))

    def _state(self, request: Request) -> Answer:
        number, result = self._find(request)
        with self._lock:
            is_first, result.is_announced = not result.is_announced, True
        if not is_first or result.rows.num_rows == 0:
            return Answer(bytes_field(1, _state(number, _COMPLETED)))
        host = request.headers.get("host", "127.0.0.1").rpartition(":")[0] or "127.0.0.1"
        return Answer(bytes_field(1, _state(number, _RUNNING, ticket=_ticket(host))))

    def _rows(self, request: Request) -> Answer:
        _, result = self._find(request)
        ticket = read_fields(request.body).message(7).text(2)
        if ticket != _TICKET:
            raise bad_request("InvalidArgument", f"The ticket of a result is {_TICKET}, not {ticket!r}.")
        head = number_field(2, 0)
        body = b"".join(bytes(batch.serialize()) for batch in result.rows.combine_chunks().to_batches())
        return Answer(head + body, {"tabular-protobuf-size": str(len(head))})

    def _finish(self, request: Request) -> Answer:
        with self._lock:
            self._results.pop(_query_number(read_fields(request.body)), None)
        return Answer()

    def _find(self, request: Request) -> tuple[int, _Result]:
        number = _query_number(read_fields(request.body))
        with self._lock:
            result = self._results.get(number)
        if result is None:
            raise not_found("NoSuchQuery", f"Query {number} is not open.")
        return number, result


def _without_dictionaries(rows: pa.Table) -> pa.Table:
    """The rows with dictionary columns, such as enumerations, as plain ones, which need no dictionary message."""
    for index, column in enumerate(rows.schema):
        if pa.types.is_dictionary(column.type):
            plain = rows.column(index).cast(column.type.value_type)
            rows = rows.set_column(index, column.with_type(column.type.value_type), plain)
    return rows


def _query_number(message: Fields) -> int:
    return message.message(1).number(1)


def _state(number: int, state: int, *, ticket: bytes = b"") -> bytes:
    query_id = bytes_field(1, number_field(1, number) + number_field(2, 1))
    return query_id + ticket + number_field(5, 0) + number_field(7, state)


def _ticket(host: str) -> bytes:
    place = bytes_field(2, bytes_field(1, host.encode()))
    return bytes_field(4, place + bytes_field(4, bytes_field(1, b"rows") + bytes_field(2, _TICKET.encode())))
