"""Shared by the tests of the local VAST DataBase: a table of accounts, and statements on the schema `test`."""

import contextlib

import pyarrow as pa
import vastdb

BUCKET = "vastdb"
ACCOUNTS = pa.schema([("name", pa.string()), ("balance", pa.int64()), ("tags", pa.list_(pa.string()))])


def connect(server, **options):
    return vastdb.connect(endpoint=server.endpoint, access=server.access_key, secret=server.secret_key, **options)


def create_schema(session):
    with session.transaction() as tx:
        tx.bucket(BUCKET).create_schema("test")


def session_of(process):
    """A session with the server that a command serves, by the three settings that the command prints first."""
    printed = dict(process.stdout.readline().strip().split("=", 1) for _ in range(3))
    return vastdb.connect(
        endpoint=printed["AWS_S3_ENDPOINT_URL"],
        access=printed["AWS_ACCESS_KEY_ID"],
        secret=printed["AWS_SECRET_ACCESS_KEY"],
    )


def drop(schema):
    for child in schema.schemas():
        drop(child)
    for table in schema.tables():
        table.drop()
    schema.drop()


def table(tx, schema="test", name="t"):
    return tx.bucket(BUCKET).schema(schema).table(name)


def create(session, columns, rows=None, name="t", **options):
    with session.transaction() as tx:
        made = tx.bucket(BUCKET).schema("test").create_table(name, columns, **options)
        if rows is not None:
            made.insert(rows)


@contextlib.contextmanager
def rolled_back(session):
    """Open a transaction that is rolled back at the end of the block."""
    with contextlib.suppress(ZeroDivisionError), session.transaction() as tx:
        yield tx
        raise ZeroDivisionError


def accounts(*rows):
    return pa.Table.from_pylist([dict(zip(ACCOUNTS.names, row, strict=True)) for row in rows], schema=ACCOUNTS)


def read(session, columns=None, predicate=None, name="t", **options):
    with session.transaction() as tx:
        return table(tx, name=name).select(columns, predicate, **options).read_all()
