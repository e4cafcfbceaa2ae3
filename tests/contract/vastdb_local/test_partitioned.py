"""Partitioned tables of the local VAST DataBase through the real SDK: its requests, and what a cluster refuses."""

from decimal import Decimal

import pyarrow as pa
import pytest
from pyiceberg.transforms import BucketTransform, IdentityTransform
from vastdb import errors
from vastdb.partitioning import PartitionKey, PartitionSpec
from vastdb.table_metadata import TableType

from tests.contract.vastdb_local.support import ACCOUNTS, BUCKET, accounts, connect, create, create_schema, read, table
from vastdb_local import LocalVastDB

ROWS = accounts(("b", 2, ["x"]), ("a", 1, None), ("b", 3, []))
BY_NAME = PartitionSpec([PartitionKey("name", IdentityTransform())])


@pytest.fixture(params=[[], ["balance"]], ids=["unsorted", "sorted"])
def key(request, session, schema):
    create(session, ACCOUNTS, ROWS, partition_spec=BY_NAME, sorting_key=request.param)
    return request.param


def test_a_table_says_how_it_is_partitioned_and_lists_its_partitions(session, key):
    with session.transaction() as tx:
        found = table(tx)
        kind = TableType.SortedPartitions if key else TableType.Partitioned
        assert found._metadata.table_type is kind
        assert [one.column for one in found._metadata.partitioning.spec.partition_keys] == ["name"]
        found.reload_stats()
        assert found.stats.partitioning_info.num_partitions == 2
        listed = found.partitions().select(["name", "est_row_count"]).read_all().to_pylist()
        assert listed == [{"name": "a", "est_row_count": 1}, {"name": "b", "est_row_count": 2}]
        assert found.arrow_schema.names == ACCOUNTS.names


def test_rows_are_selected_by_partition_updated_and_deleted(session, key):
    with session.transaction() as tx:
        stored = table(tx)
        rows = stored.select(
            ["balance"], (stored["name"] == "b") & (stored["balance"] == 2), internal_row_id=True
        ).read_all()
        assert rows.schema.field("$row_id").type == pa.decimal128(38, 0)
        assert all(row_id >= Decimal(2**64) for row_id in rows["$row_id"].to_pylist())
        stored.delete(rows)
        others = stored.select(["tags"], stored["name"] == "a", internal_row_id=True).read_all()
        stored.update(others.set_column(others.schema.get_field_index("tags"), "tags", pa.array([["y"]])))
        assert stored.select(["name"], stored["name"] == "z").read_all().num_rows == 0
        given = stored.insert(accounts(("c", 9, None)))
        assert given.type == pa.decimal128(38, 0)
    found = sorted(read(session).to_pylist(), key=lambda row: row["name"])
    assert found == accounts(("a", 1, ["y"]), ("b", 3, []), ("c", 9, None)).to_pylist()


def test_a_look_up_asks_for_the_partitions_first_and_then_for_each(server, session, key):
    with session.transaction() as tx:
        stored = table(tx)
        stored.select(["name"], stored["name"] == "b").read_all()  # the addresses of the server are known from here on
        server.reset_counters()
        stored.select(["balance"], stored["name"] == "b").read_all()
        one = server.counters()
        stored.select(["balance"]).read_all()
        assert one == {"list_columns": 1, "table_stats": 2, "query": 2}
        assert server.counters()["query"] == one["query"] + 3


def test_the_column_that_partitions_cannot_be_updated_or_dropped(session, key):
    with session.transaction() as tx:
        rows = table(tx).select(["name"], internal_row_id=True).read_all()
        with pytest.raises(errors.BadRequest, match="partition key"):
            table(tx).update(rows)
    with session.transaction() as tx, pytest.raises(errors.Conflict, match="ColumnInUse"):
        table(tx).drop_column(pa.schema([ACCOUNTS.field("name")]))


def test_only_a_partitioned_table_has_partitions(session, schema):
    create(session, ACCOUNTS, ROWS)
    with session.transaction() as tx, pytest.raises(errors.NotFound):
        tx._rpc.api.get_table_stats(BUCKET, schema, "t___VAST_PARTITIONS", txid=tx.active_txid)


def test_transforms_and_servers_before_5_5_are_refused(session, schema):
    with pytest.raises(errors.NotImplemented):
        create(session, ACCOUNTS, partition_spec=PartitionSpec([PartitionKey("name", BucketTransform(4))]))
    with LocalVastDB(None, server_version="5.4.2") as older:
        asked = connect(older)
        create_schema(asked)
        with pytest.raises(errors.NotImplemented, match=r"5\.5\.0"):
            create(asked, ACCOUNTS, partition_spec=BY_NAME)
