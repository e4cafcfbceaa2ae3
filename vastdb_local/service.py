"""Answers requests: finds the operation, its bucket and its transaction, counts it, and applies faults on demand."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from vastdb_local.calls import Answer, Call, Request
from vastdb_local.engine import QueryEngine
from vastdb_local.faults import IN_THE_ANSWER, Counters, Fault, FaultKind, Faults
from vastdb_local.operations import ROUTES, Operation
from vastdb_local.refusals import (
    Refusal,
    bad_request,
    conflict,
    internal_error,
    no_database,
    not_found,
    not_implemented,
    slow_down,
)
from vastdb_local.storage import Database
from vastdb_local.version import Version

_NODE = {"x-vast-rcf-id": "E1:0"}  # the SDK asks each address for the node behind it; there is one
_EMPTY_LISTING = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    b"<IsTruncated>false</IsTruncated><Marker></Marker></ListBucketResult>"
)


class ConnectionDropped(Exception):
    """A fault on demand: the connection is closed instead of an answer."""


class Service:
    """Answers the requests of one server."""

    def __init__(
        self, database: Database, faults: Faults, counters: Counters, *, version: Version, latency_seconds: float
    ) -> None:
        self._database = database
        self._faults = faults
        self._counters = counters
        self._version = version
        self._engine = QueryEngine(database, version)
        self._latency_seconds = latency_seconds

    def answer(self, request: Request) -> Answer:
        """Carry out a request.

        Raises:
            Refusal: The answer is an error.
            ConnectionDropped: A fault on demand closes the connection.
        """
        name, work = self._route(request)
        self._counters.count(name)
        if self._latency_seconds:
            time.sleep(self._latency_seconds)
        fault = self._faults.next(name)
        if fault is None:
            return work(request)
        if fault.kind in IN_THE_ANSWER:
            return replace(work(request), fault=fault)
        time.sleep(fault.seconds)
        refusal = self._fail(fault, name, request)
        if refusal is not None:
            raise refusal
        answer = work(request)
        if fault.kind is FaultKind.DROP_AFTER:
            raise ConnectionDropped
        return answer

    def _fail(self, fault: Fault, name: str, request: Request) -> Refusal | None:
        if fault.kind is FaultKind.DROP_BEFORE:
            raise ConnectionDropped
        if fault.kind is FaultKind.SLOW_DOWN:
            return slow_down()
        if fault.kind not in {FaultKind.INTERNAL_ERROR, FaultKind.CONFLICT}:
            return None
        if name == "commit":  # a commit that failed has rolled back; the SDK sends no rollback after it
            self._rollback(request)
        text = "A fault on demand."
        return internal_error(text) if fault.kind is FaultKind.INTERNAL_ERROR else conflict(text)

    def _route(self, request: Request) -> tuple[str, Callable[[Request], Answer]]:
        if request.command == "transaction" and not request.path:
            return self._transaction_route(request)
        if request.method == "HEAD" and len(request.path) == 1:
            return "head_bucket", self._head_bucket
        if request.method == "GET" and not request.command:
            return "list_objects", self._list_objects
        engine = self._engine.route(request)
        if engine is not None:
            return engine
        operation = ROUTES.get((request.method, request.command))
        if operation is None:
            raise not_implemented(f"The local server has no {request.method} ?{request.command}.")
        if request.parameters.get("sub-table"):
            raise not_implemented("The local server has no table of imported objects.")
        return operation.name, lambda called: self._in_transaction(operation, called)

    def _transaction_route(self, request: Request) -> tuple[str, Callable[[Request], Answer]]:
        if request.method == "GET" and request.flag("tabular-get-vast-version"):
            return "version", lambda _: Answer()
        routes: dict[str, tuple[str, Callable[[Request], Answer]]] = {
            "POST": ("begin", self._begin),
            "PUT": ("commit", self._commit),
            "DELETE": ("rollback", self._rollback),
            "GET": ("get_transaction", self._get),
        }
        if request.method not in routes:
            raise not_implemented(f"There is no {request.method} ?transaction.")
        return routes[request.method]

    def _begin(self, request: Request) -> Answer:
        transaction = self._database.begin(client=request.client)
        return Answer(headers={"tabular-txid": str(transaction.txid), **_NODE})

    def _commit(self, request: Request) -> Answer:
        with self._database.locked(_txid(request), request.client) as transaction:
            self._database.forget(transaction)
            transaction.commit()
        return Answer()

    def _rollback(self, request: Request) -> Answer:
        with self._database.locked(_txid(request), request.client) as transaction:
            self._database.forget(transaction)
            transaction.rollback()
        return Answer()

    def _get(self, request: Request) -> Answer:
        transaction = self._database.find(_txid(request), request.client)
        return Answer(headers={"tabular-txid": str(transaction.txid), **_NODE})

    def _head_bucket(self, request: Request) -> Answer:
        self._check_bucket(request)
        return Answer()

    def _list_objects(self, request: Request) -> Answer:
        """An empty object listing, for the SDK's search for snapshots."""
        self._check_bucket(request)
        return Answer(_EMPTY_LISTING, {"Content-Type": "application/xml"})

    def _check_bucket(self, request: Request) -> None:
        if not request.path or request.path[0] not in self._database.buckets | self._database.plain_buckets:
            raise not_found("NoSuchBucket", f"There is no bucket {request.path[0] if request.path else ''!r}.")

    def _in_transaction(self, operation: Operation, request: Request) -> Answer:
        self._check_bucket(request)
        if request.path[0] in self._database.plain_buckets:
            raise no_database(request.path[0])
        txid = _txid(request)
        with self._database.locked(txid, request.client) if txid else self._database.alone() as transaction:
            if request.method != "GET" and request.command != "rows":
                transaction.settle()
            return operation.run(Call(request, self._database, transaction, self._version)) or Answer()


def _txid(request: Request) -> int:
    txid = request.number("tabular-txid")
    if txid < 0:
        raise bad_request("InvalidArgument", "A transaction id is not negative.")
    return txid
