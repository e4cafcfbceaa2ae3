"""Refusals of the local VAST DataBase have the statuses, codes and bodies of a cluster."""

import socket
import time
import xml.etree.ElementTree as ET

import pytest
import requests
from vastdb import errors
from vastdb.config import BackoffConfig

from tests.contract.vastdb_local.support import ACCOUNTS, BUCKET, connect, create, table
from tests.support.waiting import until
from vastdb_local import Fault, FaultKind, LocalVastDB


def refused(call):
    with pytest.raises(errors.HttpError) as raised:
        call()
    return raised.value.status, raised.value.code


def test_a_bucket_without_a_database(server, session, schema):
    server.create_bucket("renders", database=False)
    with session.transaction() as tx:
        bucket = tx.bucket("renders")
        assert refused(lambda: bucket.create_schema("s")) == (409, "InvalidBucketState")
        assert refused(bucket.schemas) == (409, "InvalidBucketState")
    with session.transaction() as tx, pytest.raises(errors.MissingBucket):
        tx.bucket("absent")


def test_what_is_there_already(session, schema):
    create(session, ACCOUNTS)
    with session.transaction() as tx:
        api = session.api
        assert refused(lambda: api.create_schema(BUCKET, "test", txid=tx.txid)) == (409, "SchemaAlreadyExists")
        made = lambda: api.create_table(BUCKET, "test", "t", ACCOUNTS, txid=tx.txid)  # noqa: E731
        assert refused(made) == (409, "TableAlreadyExists")
        assert refused(tx.bucket(BUCKET).schema("test").drop) == (409, "SchemaNotEmpty")
        assert table(tx).select().read_all().num_rows == 0, "the transaction can continue"


def test_what_is_absent(session, schema):
    with session.transaction() as tx:
        api = session.api
        assert refused(lambda: api.get_table_stats(BUCKET, "test", "none", txid=tx.txid)) == (404, "NoSuchTable")
        assert refused(lambda: api.list_tables(BUCKET, "none", txid=tx.txid)) == (404, "NoSuchSchema")
    assert refused(lambda: session.api.commit_transaction(1)) == (404, "NoSuchTransaction")


def test_slow_down_is_a_503(server, schema):
    session = connect(server, backoff_config=BackoffConfig(max_tries=1))
    server.faults.script("begin", [Fault(FaultKind.SLOW_DOWN)])
    assert refused(session.transaction().__enter__) == (503, "SlowDown")


def test_error_bodies_have_the_four_elements_of_s3(server):
    answer = requests.get(f"{server.endpoint}/vastdb/a%20b?schema", timeout=30)
    body = ET.fromstring(answer.content)
    assert answer.status_code == 403
    assert body.tag == "Error"
    assert [child.tag for child in body] == ["Code", "Message", "Resource", "RequestId"]
    assert body.findtext("Code") == "AccessDenied"
    assert body.findtext("Resource") == "/vastdb/a b"
    assert body.findtext("RequestId") == answer.headers["x-amz-request-id"]
    other = requests.get(f"{server.endpoint}/vastdb/a%00b?schema", timeout=30)
    assert ET.fromstring(other.content).findtext("RequestId") != answer.headers["x-amz-request-id"]


def test_latency_delays_every_request():
    with LocalVastDB(None, latency_seconds=0.05) as server:
        session = connect(server)
        began = time.monotonic()
        with session.transaction():
            pass
        assert time.monotonic() - began >= 0.1


def test_more_clients_than_the_bound_are_told_to_slow_down():
    with LocalVastDB(None, max_connections=2) as server:
        first = [socket.create_connection((server.host, server.port)) for _ in range(2)]
        until(lambda: server.open_connections() == 2)
        assert requests.get(f"{server.endpoint}/?transaction", timeout=30).status_code == 503
        for client in first:
            client.close()
        until(lambda: not server.open_connections())
        assert connect(server)


@pytest.mark.parametrize("length", [2**20, 2**40])
def test_the_body_of_a_client_without_keys_is_not_read(server, length):
    with socket.create_connection((server.host, server.port), timeout=30) as client:
        client.sendall(f"POST /vastdb?rows HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode())
        client.sendall(b"x" * 2**16)  # as many bytes as are read before the answer
        answer = client.recv(2**16)
        assert answer.startswith(b"HTTP/1.1 403 ")
        assert client.recv(1) == b"", "and the connection is closed"


def test_chunked_bodies_are_refused(server):
    answer = requests.post(f"{server.endpoint}/?transaction", data=iter([b"x"]), timeout=30)
    assert answer.status_code in {400, 403}
