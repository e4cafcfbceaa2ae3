"""`python -m dataengine_local run` and `invoke` as commands: answers, exit codes, errors in one line."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dataengine_local.errors import EventError, LocalRuntimeError
from dataengine_local.events import element_event
from dataengine_local.invoke import command, read_event
from dataengine_local.runtime import LocalRuntime
from exr_inspector.function.events import EventKind
from tests.support.parsed import parse_events

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "deploy" / "events"


def handler(ctx: Any, event: Any) -> None:
    if event.subtype == "ElementTagging":
        raise ValueError("no tags, please")


@pytest.fixture(scope="module")
def runtime() -> Iterator[LocalRuntime]:
    with LocalRuntime(lambda ctx: None, handler) as running:
        yield running


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


@pytest.mark.parametrize("mode", ["structured", "binary"])
@pytest.mark.parametrize(
    ("name", "kind", "keys"),
    [
        ("created.yaml", EventKind.CREATED, ["scanline_zip.exr"]),
        ("removed.yaml", EventKind.REMOVED, ["scanline_zip.exr"]),
        ("multi-record.yaml", EventKind.CREATED, ["scanline_zip.exr", "layers.exr"]),
        ("encoded-key.yaml", EventKind.CREATED, ["shot 010/beauty+crypto 100% é.0001.exr"]),
    ],
)
def test_every_example_event_is_handled_and_names_its_objects(
    runtime: LocalRuntime, name: str, kind: EventKind, keys: list[str], mode: str
) -> None:
    result = invoke("--event", EXAMPLES / name, "--url", runtime.url, "--mode", mode)
    assert (result.exit_code, result.output.partition(";")[0]) == (0, "204: the function handled the event")
    assert "log" in result.output
    events = parse_events(runtime.invocations[-1].event)
    assert [(event.bucket, event.key, event.kind) for event in events] == [("samples", key, kind) for key in keys]


def test_every_example_is_tried_and_names_an_object() -> None:
    names = {path.name for path in EXAMPLES.iterdir()}
    assert names == {"created.yaml", "removed.yaml", "multi-record.yaml", "encoded-key.yaml", "tagging.yaml"}
    assert parse_events(read_event(EXAMPLES / "tagging.yaml"))[0].kind is EventKind.UNCHANGED


def test_a_failure_shows_its_text_and_exits_with_1(runtime: LocalRuntime) -> None:
    result = invoke("--event", EXAMPLES / "tagging.yaml", "--url", runtime.url)
    assert result.exit_code == 1
    assert [line.partition(":")[0] for line in result.output.splitlines()] == ["500", "no tags, please"]


def test_the_generated_event(runtime: LocalRuntime) -> None:
    assert invoke("--generate-event", "--url", runtime.url).exit_code == 0
    event = runtime.invocations[-1].event
    assert event.attributes["type"] == "vastdata.com:Element.ObjectCreated"
    assert event.data == {"msg": "hello"}


def test_a_json_file_and_attributes_of_their_own(runtime: LocalRuntime, tmp_path: Path) -> None:
    event = element_event("samples", "k.exr")
    data = event.pop("data")
    path = tmp_path / "event.json"
    path.write_text(json.dumps({"attributes": event, "data": data}), encoding="utf-8")
    assert invoke("--event", path, "--url", runtime.url).exit_code == 0
    assert runtime.invocations[-1].event.attributes["id"] == event["id"]
    assert runtime.invocations[-1].event.data == data


def test_attributes_are_text_and_data_is_json(tmp_path: Path) -> None:
    path = tmp_path / "event.yaml"
    path.write_text(
        "id: 0012\ntime: 2026-01-01T00:00:00Z\ndata: {size: 12, when: 2026-01-01, ok: false}\n", encoding="utf-8"
    )
    assert read_event(path) == {
        "id": "0012",
        "time": "2026-01-01T00:00:00Z",
        "data": {"size": 12, "when": "2026-01-01", "ok": False},
    }


@pytest.mark.parametrize("content", [b"[1]", b"a: [", b"\xff", b"", b"id: {a: b}", b"a: 1\n---\nb: 2", b"[" * 2_000])
def test_files_that_hold_no_event(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "event.yaml"
    path.write_bytes(content)
    with pytest.raises(EventError):
        read_event(path)


@pytest.mark.parametrize(
    "content", ["type: t\nsource: ''\n", "type: t\n", "type: t\nsource: s\nUpper: x\n", "time: noon\n"]
)
def test_events_that_are_no_cloudevent(runtime: LocalRuntime, tmp_path: Path, content: str) -> None:
    path = tmp_path / "event.yaml"
    path.write_text(content, encoding="utf-8")
    result = invoke("--event", path, "--url", runtime.url)
    assert isinstance(result.exception, EventError)


def test_an_address_where_no_runtime_listens_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    result = invoke("--generate-event", "--url", f"http://127.0.0.1:{port}/")
    assert isinstance(result.exception, LocalRuntimeError)  # one line and exit code 2, like every command
    assert "dataengine_local run" in str(result.exception)


@pytest.mark.parametrize(
    "url", ["localhost:8080", "ftp://localhost/", "http:///", "http://[::1", "http://localhost:99999/", "nonsense"]
)
def test_addresses_that_are_none(url: str) -> None:
    result = invoke("--generate-event", "--url", url)
    assert isinstance(result.exception, LocalRuntimeError)


@pytest.mark.parametrize("arguments", [[], ["--generate-event", "--event", EXAMPLES / "created.yaml"]])
def test_exactly_one_event_is_asked_for(arguments: list[object]) -> None:
    assert invoke(*arguments).exit_code == 2


# --- localrun --------------------------------------------------------------------------------------------

FUNCTION = """
import os
from vast.dataengine.sdk import ElementTriggerVastEvent

import neighbour

def init(ctx):
    ctx.word = os.environ["GREETING"] + ctx.secrets["db"]["key"] + ctx.secrets["folder"]["word"] + neighbour.MARK

def handler(ctx, event):
    if isinstance(event, ElementTriggerVastEvent) and event.bucket is None:
        raise ValueError(ctx.word)
"""


@pytest.fixture
def function(tmp_path: Path) -> Path:
    folder = tmp_path / "greeter"
    folder.mkdir()
    (folder / "main.py").write_text(FUNCTION, encoding="utf-8")
    (folder / "neighbour.py").write_text("MARK = '!'\n", encoding="utf-8")
    (folder / "config.yaml").write_text("envs: {GREETING: hello}\nsecrets: {db: {key: ' world'}}\n", encoding="utf-8")
    (tmp_path / "secrets" / "folder").mkdir(parents=True)
    (tmp_path / "secrets" / "folder" / "word").write_text(" again\n", encoding="utf-8")
    return folder


def localrun(*arguments: object, entry: Sequence[str] = ("dataengine_local", "run")) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", *entry, *(str(argument) for argument in arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


@pytest.mark.parametrize(
    ("number", "entry"),
    [(signal.SIGTERM, ("dataengine_local", "run")), (signal.SIGINT, ("exr_inspector.cli", "localrun"))],
)
def test_localrun_serves_until_it_is_told_to_stop(function: Path, number: signal.Signals, entry: Sequence[str]) -> None:
    config, secrets = function / "config.yaml", function.parent / "secrets"
    with localrun(function, "--port", 0, "-c", config, "--secrets", secrets, entry=entry) as process:
        ready = process.stdout.readline()
        url = next(word for word in ready.split() if word.startswith("http://"))
        assert "greeter" in ready
        result = invoke("--generate-event", "--url", url)
        begin = time.monotonic()
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert (result.exit_code, result.output.splitlines()[1:]) == (1, ["hello world again!"])
    assert process.returncode == 0
    assert time.monotonic() - begin < 5
    assert "[FAILED] the handler raised ValueError" in errors


def test_localrun_says_in_one_line_what_init_misses(tmp_path: Path) -> None:
    text = "from exr_inspector.errors import SettingsError\n\ndef init(ctx):\n    raise SettingsError('no VAST_DB_ENDPOINT')\n"
    (tmp_path / "main.py").write_text(f"{text}\ndef handler(ctx, event):\n    pass\n", encoding="utf-8")
    process = localrun(tmp_path, "--port", 0)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert errors == "SETTINGS: no VAST_DB_ENDPOINT\n"


def test_localrun_says_in_one_line_why_it_cannot_start(function: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config, secrets = function / "config.yaml", function.parent / "secrets"
        process = localrun(function, "--port", port, "-c", config, "--secrets", secrets)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert len(errors.splitlines()) == 1
    assert str(port) in errors
    assert "--port" in errors
