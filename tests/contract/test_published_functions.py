"""Functions in the style of every example VAST publishes run locally as they are, over real HTTP.

They import VAST's SDK modules, which are in no package index, and use annotations, `async def` and decorators.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import vastdb
from click.testing import CliRunner, Result

from dataengine_local.client import post_event
from dataengine_local.config import RuntimeConfig
from dataengine_local.errors import LocalRuntimeError
from dataengine_local.events import FunctionVastEvent, element_event, generated_event, schedule_event
from dataengine_local.function import load_function
from dataengine_local.invoke import command
from dataengine_local.objects import event_of_object
from dataengine_local.runtime import LocalRuntime
from tests.support.faulty_s3 import FaultyS3, Status
from vastdb_local import LocalVastDB

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = ROOT / "tests" / "functions"
NAMES = sorted(path.parent.name for path in FUNCTIONS.glob("*/main.py"))


def running(name: str, **config: Any) -> LocalRuntime:
    function = load_function(FUNCTIONS / name)
    return LocalRuntime(function.init, function.handler, config=RuntimeConfig(function_name=name, **config))


def database_secrets(database: LocalVastDB) -> dict[str, str]:
    return {
        "vdbendpoint": database.endpoint,
        "vdbbucket": database.bucket,
        "vdbaccesskey": database.access_key,
        "vdbsecretkey": database.secret_key,
    }


def message(**order: Any) -> dict[str, Any]:
    return {**generated_event(), "data": {"message": json.dumps(order)}}


def test_hello_world_on_a_schedule() -> None:
    with running("hello_schedule") as runtime:
        event = schedule_event("0 0 * ? * * *")
        assert post_event(runtime.url, event).status == 204
        assert runtime.invocations[-1].result == f"hello at {event['time']}"
        assert runtime.ctx.telemetry.total("greetings", {"cron": "0 0 * ? * * *"}) == 1
        assert [span.name for span in runtime.ctx.telemetry.finished_spans] == ["greet"]
        assert post_event(runtime.url, generated_event()).status == 204
        assert runtime.invocations[-1].result is None


@pytest.mark.parametrize("envelope", [False, True])
def test_an_object_event_becomes_a_row(tmp_path: Path, envelope: bool) -> None:
    with LocalVastDB(tmp_path / "catalog.duckdb") as database:
        secrets = database_secrets(database)
        with running("object_to_database", secrets=secrets, get_data_returns_envelope=envelope) as runtime:
            for key, size in (("a b+c.exr", 5), ("é.exr", 7)):
                answer = post_event(runtime.url, element_event("renders", key, size_bytes=size))
                assert answer.status == 204, answer.body
            spans = [span.name for span in runtime.ctx.telemetry.finished_spans]
            assert spans == ["Initialization", "Insert", "Insert"]
        session = vastdb.connect(endpoint=database.endpoint, access=database.access_key, secret=database.secret_key)
        with session.transaction() as transaction:
            rows = transaction.bucket(database.bucket).schema("demo").table("objects").select().read_all().to_pylist()
    assert rows == [{"path": "renders/a b+c.exr", "size": 5}, {"path": "renders/é.exr", "size": 7}]


@pytest.mark.parametrize(
    ("order", "labels"),
    [
        ({"customer": {"tier": "VIP"}}, {"tier": "vip_customer"}),
        ({"customer": {"tier": "VIP"}, "amount": 1000}, {"tier": "vip_customer", "value_tier": "high_value"}),
        ({"amount": 5}, {"noRoute": "skip"}),
    ],
)
def test_labels_are_kept_with_the_event(order: dict[str, Any], labels: dict[str, str]) -> None:
    with running("label_routing") as runtime:
        assert post_event(runtime.url, message(**order)).status == 204
        invocation = runtime.invocations[-1]
        assert (invocation.event.trigger_labels, invocation.result) == (labels, order)


def test_a_batch_of_payloads() -> None:
    with running("batch", batch_size=4, batch_wait_seconds=30) as runtime:
        events = [{**generated_event(), "data": {"number": number}} for number in range(8)]
        with ThreadPoolExecutor(8) as senders:
            answers = list(senders.map(lambda event: post_event(runtime.url, event).status, events))
        assert answers == [204] * 8
        results = [invocation.result for invocation in runtime.invocations]
        assert sorted(result["number"] for result in results) == list(range(8))
        assert {(result["processed_by"], result["batch"]) for result in results} == {("batch", 4)}


def test_a_chain_of_two_functions() -> None:
    with running("chain_count") as second, running("chain_extract", sink_url=second.url) as first:
        for key in ("a.exr", "b c.exr"):
            sent = {**element_event("renders", key), "partitionkey": f"renders/{key}"}
            assert post_event(first.url, sent).status == 204
            received = second.invocations[-1].event
            assert isinstance(received, FunctionVastEvent)
            assert (received.id, received.partition_key) == (sent["id"], f"renders/{key}")
        assert second.ctx.keys == ["a.exr", "b c.exr"]
        assert second.invocations[-1].result == {"from": "chain_extract", "count": 2}
        assert post_event(first.url, schedule_event()).body == "ScheduleVastEvent is not an element event"


def test_the_sdk_is_importable_only_while_a_runtime_runs() -> None:
    with running("chain_extract"), running("hello_schedule"):
        assert importlib.util.find_spec("vast.dataengine.sdk") is not None
    with pytest.raises(ModuleNotFoundError):
        importlib.util.find_spec("vast.dataengine.sdk")


@pytest.mark.parametrize("name", NAMES)
def test_every_function_is_served_by_the_command(tmp_path: Path, name: str) -> None:
    with LocalVastDB(tmp_path / "catalog.duckdb") as database:
        config = tmp_path / "config.yaml"
        config.write_text(json.dumps({"secrets": database_secrets(database)}), encoding="utf-8")
        line = [
            sys.executable,
            "-m",
            "dataengine_local",
            "run",
            str(FUNCTIONS / name),
            "--port",
            "0",
            "-c",
            str(config),
        ]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(
            line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        ) as process:
            url = next(word for word in process.stdout.readline().split() if word.startswith("http://"))
            event = {
                "hello_schedule": schedule_event(),
                "label_routing": message(amount=1),
                "chain_count": {
                    **generated_event(),
                    "type": "vastdata.com:Function",
                    "source": "vastdata.com:up",
                    "data": {"key": "a.exr"},
                },
            }.get(name, element_event("renders", "a.exr"))
            answer = post_event(url, event)
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=60)
    assert answer.status == 204, answer.body
    assert process.returncode == 0
    assert "Traceback" not in errors


# --- events of objects that exist ------------------------------------------------------------------------


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def test_a_schedule_is_invoked_with_and_without_its_expression() -> None:
    with running("hello_schedule") as runtime:
        assert invoke("--url", runtime.url, "--schedule").exit_code == 0
        assert runtime.invocations[-1].event.get("cronschedule") == "0 0/5 * ? * * *"
        assert invoke("--schedule", "0 0 3 ? * * *", "--url", runtime.url).exit_code == 0
        assert runtime.invocations[-1].event.get("cronschedule") == "0 0 3 ? * * *"


def test_a_file_is_invoked(tmp_path: Path) -> None:
    file = tmp_path / "renders" / "shot 010" / "a+b.exr"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"12345")
    with running("chain_extract") as runtime:
        assert invoke("--object", file, "--url", runtime.url).exit_code == 0
        assert runtime.invocations[-1].result == {"status": "success", "bucket": "shot 010", "key": "a+b.exr"}
        done = invoke("--object", file, "--bucket-folder", tmp_path / "renders", "--url", runtime.url)
        assert done.exit_code == 0
        event = runtime.invocations[-1].event
    assert (event.bucket, event.object_key) == ("renders", "shot 010/a+b.exr")
    assert event.data["Records"][0]["s3"]["object"]["size"] == 5


def test_an_object_of_a_store_is_invoked_with_what_the_store_says(monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultyS3() as s3:
        s3.put("renders", "shot 010/a+b.exr", b"12345", etag='"abc"')
        for name, value in s3.environ.items():
            monkeypatch.setenv(name, value)
        with running("chain_extract") as runtime:
            done = invoke("--object", "s3://renders/shot 010/a+b.exr", "--url", runtime.url)
            assert done.exit_code == 0, done.output
            event = runtime.invocations[-1].event
        described = event.data["Records"][0]["s3"]["object"]
        assert (event.bucket, event.object_key) == ("renders", "shot 010/a+b.exr")
        assert (described["size"], described["eTag"]) == (5, "abc")
        with pytest.raises(LocalRuntimeError, match="no such object"):
            event_of_object("s3://renders/none.exr")
        s3.script(Status(403))
        with pytest.raises(LocalRuntimeError) as caught:
            event_of_object("s3://renders/shot 010/a+b.exr")
        assert "\n" not in str(caught.value)
        assert s3.environ["S3_SECRET_KEY"] not in str(caught.value)


def test_objects_that_cannot_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("S3_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    (tmp_path / "a.exr").write_bytes(b"1")
    (tmp_path / "other").mkdir()
    for name, folder, words in (
        (str(tmp_path / "none.exr"), None, "No such file"),
        (str(tmp_path), None, "not a file"),
        (str(tmp_path / "a.exr"), tmp_path / "other", "not below"),
        ("s3://renders", None, "expected s3://bucket/key"),
        ("gs://renders/a.exr", None, "expected s3://bucket/key"),
        ("s3://renders/a.exr", None, "S3_ENDPOINT_URL"),
    ):
        with pytest.raises(LocalRuntimeError, match=words):
            event_of_object(name, bucket_folder=folder)
    assert invoke("--bucket-folder", tmp_path, "--generate-event").exit_code == 2
