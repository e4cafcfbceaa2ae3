"""The cookbook on Spark 3.5 gives the rows that it gives on DuckDB. Needs `pip install pyspark==3.5.*` and Java."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exr_inspector.catalog import Catalog, CatalogConfig
from exr_inspector.catalog.admin.setup import setup
from exr_inspector.catalog.queries.cookbook import cookbook
from exr_inspector.catalog.queries.dialects import Dialect, written_for
from exr_inspector.catalog.schema import TABLES
from tests.contract.catalog.test_read import EXPECTED, scene, validated
from vastdb_local import LocalVastDB

pyspark_sql = pytest.importorskip("pyspark.sql", reason="pyspark 3.5 is not installed")
pytestmark = pytest.mark.heavy

SCHEMA = "exr_inspector"


def has_java() -> bool:
    java = shutil.which("java")
    return java is not None and subprocess.run([java, "-version"], capture_output=True, check=False).returncode == 0


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with each table of the DuckDB file as `NAME.parquet`."""
    folder = tmp_path_factory.mktemp("spark")
    with LocalVastDB(folder / "catalog.duckdb") as server:
        catalog = Catalog(CatalogConfig(server.endpoint, server.access_key, server.secret_key, server.bucket, SCHEMA))
        setup(catalog.connection)
        catalog.upsert(scene())
        validated(catalog)
        catalog.close()
    with duckdb.connect(str(folder / "catalog.duckdb"), read_only=True) as database:
        for table in TABLES:
            rows = database.execute(f'FROM "vastdb/{SCHEMA}".{table.name}').to_arrow_table()
            pq.write_table(rows, folder / f"{table.name}.parquet", coerce_timestamps="us")
    objects = pa.table(
        {
            "parent_path": ["/mnt/renders/sh1", "/mnt/renders/sh3/"],
            "name": ["beauty.0001.exr", "new.EXR"],
            "element_type": ["FILE", "FILE"],
            "size": pa.array([1001, 5], pa.int64()),
            "mtime": pa.array([datetime(2026, 3, 1, 12)] * 2, pa.timestamp("us")),  # noqa: DTZ001 - as the Catalog has it
        }
    )
    pq.write_table(objects, folder / "vast_big_catalog_table.parquet")
    return folder


@pytest.fixture(scope="module")
def session(tables: Path) -> Iterator[Any]:
    if not has_java():
        pytest.skip("Java is not installed")
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    builder = pyspark_sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.sql.session.timeZone", "UTC").config("spark.sql.shuffle.partitions", "1")
    builder = builder.config("spark.sql.warehouse.dir", str(tables / "warehouse"))
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    for path in sorted(tables.glob("*.parquet")):
        spark.read.parquet(str(path)).createOrReplaceTempView(path.stem)
    yield spark
    spark.stop()


def plain(value: Any) -> Any:
    """Convert a value to the form that both engines return."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=value.tzinfo or timezone.utc)
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_spark_gives_the_rows_of_duckdb(session: Any, tables: Path, name: str) -> None:
    query = cookbook()[name]
    values = query.bind(EXPECTED[name][0])
    assert session.version.startswith("3.5.")
    rows = session.sql(written_for(query, Dialect.SPARK), args=values).collect()
    with duckdb.connect() as database:
        for path in tables.glob("*.parquet"):
            database.execute(f"CREATE VIEW {path.stem} AS FROM '{path}'")
        expected = database.execute(query.for_duckdb(), values).to_arrow_table().to_pylist()
    found = [{key: plain(value) for key, value in row.asDict().items()} for row in rows]
    assert found == [{key: plain(value) for key, value in row.items()} for row in expected]
