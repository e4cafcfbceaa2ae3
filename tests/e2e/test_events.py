"""The complete path over HTTP: S3 server, DataEngine runtime with main.py, VAST DataBase server, vastdb SDK."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import vastdb

from dataengine_local.client import post_event
from dataengine_local.events import element_event
from dataengine_local.function import load_function
from dataengine_local.runtime import LocalRuntime
from exr_inspector.cli.commands.demo import unexpected
from exr_inspector.errors import SettingsError
from tests.support.databases import database_environ, empty_tables
from tests.support.s3 import S3Server, s3_server
from vastdb_local import LocalVastDB

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "samples"
EXPECTED = json.loads((SAMPLES / "expected.json").read_text(encoding="utf-8"))
BUCKET = "samples"
SCHEMA = "exr_inspector"
TABLES = ("files", "parts", "channels", "attributes", "stats", "validation")


@dataclass
class EventStack:
    """All running services, and helpers for requests to them."""

    s3: S3Server
    database: LocalVastDB
    runtime: LocalRuntime

    def put(self, key: str, body: bytes) -> None:
        self.s3.put(BUCKET, key, body)

    def post(self, key: str, event_name: str = "ObjectCreated:Put", **attributes: str) -> dict:
        answer = post_event(self.runtime.url, element_event(BUCKET, key, event_name=event_name, **attributes))
        assert answer.status == 204, answer.body
        return self.runtime.invocations[-1].result

    def rows(self, table: str, key: str | None = None) -> list[dict]:
        session = vastdb.connect(
            endpoint=self.database.endpoint, access=self.database.access_key, secret=self.database.secret_key
        )
        with session.transaction() as transaction:
            found = transaction.bucket(self.database.bucket).schema(SCHEMA).table(table).select().read_all().to_pylist()
        if key is None:
            return found
        name = "path" if table == "files" else "file_path"
        return [row for row in found if row[name] == f"{BUCKET}/{key}"]


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EventStack]:
    file = empty_tables(tmp_path / "catalog.duckdb", schema=SCHEMA)
    with s3_server(BUCKET) as s3, LocalVastDB(file) as database:
        for name, value in {
            **database_environ(database, SCHEMA),
            **s3.environ,
            "S3_RETRIES": "0",
            "EXR_DB_RETRY_SECONDS": "2",
            "EXR_STATS": "sampled",
        }.items():
            monkeypatch.setenv(name, value)
        function = load_function(ROOT)
        with LocalRuntime(function.init, function.handler) as runtime:
            yield EventStack(s3, database, runtime)


def test_samples_become_their_rows_and_a_second_delivery_changes_nothing(stack: EventStack) -> None:
    # The demo below delivers all of them.
    some = {key: want for number, (key, want) in enumerate(EXPECTED.items()) if number % 5 == 0}
    for key in some:
        stack.put(key, (SAMPLES / key).read_bytes())
    for key, want in some.items():
        assert stack.post(key)["status"] == want["status"], key
    tables = {name: stack.rows(name) for name in TABLES}
    assert list(unexpected(tables, some)) == []
    for key in some:
        assert stack.post(key)["status"] == "unchanged", key
    again = {name: stack.rows(name) for name in TABLES}
    assert {name: len(rows) for name, rows in again.items()} == {name: len(rows) for name, rows in tables.items()}
    assert sorted(row["inspection_id"] for row in again["files"]) == sorted(
        row["inspection_id"] for row in tables["files"]
    )


def test_an_overwritten_object_replaces_its_rows_and_a_removed_one_leaves_none(stack: EventStack) -> None:
    stack.put("shot/a b+c%20.exr", (SAMPLES / "layers.exr").read_bytes())
    stack.post("shot/a b+c%20.exr")
    before = stack.rows("channels", "shot/a b+c%20.exr")
    stack.put("shot/a b+c%20.exr", (SAMPLES / "scanline_zip.exr").read_bytes())
    assert stack.post("shot/a b+c%20.exr")["outcome"] == "replaced"
    after = stack.rows("channels", "shot/a b+c%20.exr")
    assert {row["content_key"] for row in before}.isdisjoint({row["content_key"] for row in after})
    assert len(after) != len(before)
    # A removal event for an object that exists again removes nothing.
    assert stack.post("shot/a b+c%20.exr", "ObjectRemoved:Delete")["status"] == "unchanged"
    stack.s3.delete(BUCKET, "shot/a b+c%20.exr")
    assert stack.post("shot/a b+c%20.exr", "ObjectRemoved:Delete")["status"] == "removed"
    assert {name: stack.rows(name, "shot/a b+c%20.exr") for name in TABLES} == {name: [] for name in TABLES}


def test_an_object_that_is_gone_when_its_event_arrives_is_removed(stack: EventStack) -> None:
    assert stack.post("never_there.exr")["status"] == "removed"
    assert stack.rows("files") == []


def test_one_ordinary_file_costs_one_object_request_and_few_database_requests(stack: EventStack) -> None:
    stack.put("first.exr", (SAMPLES / "scanline_zip.exr").read_bytes())
    stack.post("first.exr")
    stack.put("second.exr", (SAMPLES / "scanline_zip.exr").read_bytes())
    stack.database.reset_counters()
    delivery = {"event_id": "1004356627333135", "sequencer": "009f00000000000f42fd"}
    stack.post("second.exr", **delivery)
    assert sum(stack.database.counters().values()) <= 12
    (audit,) = stack.rows("inspections", "second.exr")
    assert audit["requests"] == 1, "header, tables and sampled pixels of a small file come with the first request"
    stack.database.reset_counters()
    stack.post("second.exr", **delivery)
    assert sum(stack.database.counters().values()) <= 4, "delivered again: begin, look, one row in the audit, commit"


def test_an_outage_makes_the_handler_raise(stack: EventStack) -> None:
    stack.put("a.exr", (SAMPLES / "scanline_zip.exr").read_bytes())
    stack.database.close()
    answer = post_event(stack.runtime.url, element_event(BUCKET, "a.exr"))
    assert answer.status == 500
    stack.s3.stop()
    answer = post_event(stack.runtime.url, element_event(BUCKET, "a.exr"))
    assert answer.status == 500
    for secret in (stack.database.secret_key, stack.s3.secret_key):
        assert secret not in answer.body


def test_init_names_the_missing_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("VAST_DB_", "S3_", "EXR_")):
            monkeypatch.delenv(name)
    function = load_function(ROOT)
    with pytest.raises(SettingsError, match="VAST_DB_ENDPOINT"), LocalRuntime(function.init, function.handler):
        pass


@pytest.mark.heavy
def test_the_demo_passes_and_finds_everything_unchanged_the_second_time(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "exr_inspector.cli", "demo", "--catalog", str(tmp_path / "demo.duckdb")]
    first = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert first.returncode == 0, first.stdout[-3000:] + first.stderr[-3000:]
    second = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert second.returncode == 0, second.stdout[-3000:]
    assert f"{len(EXPECTED)} unchanged" in second.stdout
