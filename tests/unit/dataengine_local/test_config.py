"""Configuration files, secret folders and functions are loaded as the platform would, or refused in one clear line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dataengine_local.config import FunctionConfig, RuntimeConfig, load_config, read_secrets_folder
from dataengine_local.errors import LocalRuntimeError
from dataengine_local.function import load_function
from dataengine_local.sdk import is_batching


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    "text",
    [
        "envs: {A: x, N: 8, F: 0.5, B: true, E: }\nsecrets: {db: {key: k, port: 5432}, empty: }\n",
        """
envs: [{name: A, value: x}, {key: N, value: 8}, {name: F, value: 0.5}, {name: B, value: true}, {name: E}]
secrets:
  - name: db
    entries: [{key: key, value: k}, {key: port, value: 5432}]
  - name: empty
""",
    ],
)
def test_a_config_file_gives_variables_and_secrets_as_texts(tmp_path: Path, text: str) -> None:
    config = load_config(written(tmp_path, "config.yaml", text))
    assert config.envs == {"A": "x", "N": "8", "F": "0.5", "B": "true", "E": ""}
    assert config.secrets == {"db": {"key": "k", "port": "5432"}, "empty": {}}


def test_a_config_file_may_leave_out_either_part(tmp_path: Path) -> None:
    assert load_config(written(tmp_path, "a.yaml", "envs: {A: x}")) == FunctionConfig(envs={"A": "x"})
    assert load_config(written(tmp_path, "b.yaml", "secrets: {s: {k: v}}")) == FunctionConfig(secrets={"s": {"k": "v"}})


def test_secrets_may_be_flat(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, "a.yaml", "secrets: {db_key: k, db_port: 5432, store: {key: s}}"))
    assert config.secrets == {"db_key": "k", "db_port": "5432", "store": {"key": "s"}}


@pytest.mark.parametrize(
    "content",
    [
        "- a",
        "",
        "envs: 5",
        "envs: [A]",
        "envs: {A: [hidden]}",
        "secrets: hidden",
        "secrets: {db: [hidden]}",
        "secrets: [{entries: []}]",
        "secrets: {db: {key: {hidden: hidden}}}",
        "secrets: {db: {key: hidden}",
        "secrets: {db: *hidden}",
        b"\xff\xfehidden",
    ],
)
def test_unusable_config_files_are_refused_without_their_values(tmp_path: Path, content: str | bytes) -> None:
    path = written(tmp_path, "config.yaml", content)
    with pytest.raises(LocalRuntimeError) as caught:
        load_config(path)
    assert str(path) in str(caught.value)
    assert "hidden" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_config_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LocalRuntimeError, match=r"none\.yaml"):
        load_config(tmp_path / "none.yaml")


def test_a_folder_gives_secrets_by_file(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    written(folder, "db/key", "k\n")
    written(folder, "db/two", "line 1\nline 2\n\n")
    written(folder, "store/key", "s\r\n")
    written(folder, "flat", "f")
    written(folder, "..2026_01_01/key", "bookkeeping")
    written(folder, "db/..data", "bookkeeping")
    (folder / "empty").mkdir()
    assert read_secrets_folder(folder) == {
        "db": {"key": "k", "two": "line 1\nline 2\n"},
        "store": {"key": "s"},
        "secrets": {"flat": "f"},
        "empty": {},
    }


def test_unusable_secrets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LocalRuntimeError):
        read_secrets_folder(tmp_path / "none")
    written(tmp_path, "secret/key", b"\xff\xfe")
    with pytest.raises(LocalRuntimeError, match="UTF-8"):
        read_secrets_folder(tmp_path)


def test_no_secret_in_a_repr() -> None:
    assert "hidden" not in repr(RuntimeConfig(secrets={"db": {"key": "hidden"}}))
    assert "hidden" not in repr(FunctionConfig(envs={"A": "hidden"}, secrets={"db": {"key": "hidden"}}))


# --- functions -------------------------------------------------------------------------------------------

GOOD = "def init(ctx):\n    pass\n\ndef handler(ctx, event):\n    return NAME\n\nNAME = {name!r}\n"


def test_each_folder_has_a_main_of_its_own(tmp_path: Path) -> None:
    first = load_function(written(tmp_path, "one/main.py", GOOD.format(name="one")).parent)
    second = load_function(written(tmp_path, "two/main.py", GOOD.format(name="two")).parent)
    assert (first.name, second.name) == ("one", "two")
    assert (first.handler(None, None), second.handler(None, None)) == ("one", "two")
    assert first.init(None) is None


def test_a_batching_function_finds_the_decorator(tmp_path: Path) -> None:
    text = "from vast.dataengine.sdk import event_batching_handler\n" + GOOD.format(name="x").replace(
        "def handler", "@event_batching_handler\ndef handler"
    )
    assert is_batching(load_function(written(tmp_path, "main.py", text).parent).handler)
    assert "vast.dataengine.sdk" not in sys.modules


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("def init(ctx): pass\n", "def handler"),
        ("def handler(ctx, event): pass\n", "def init"),
        ("def init(): pass\ndef handler(ctx, event): pass\n", "def init"),
        ("def init(ctx): pass\ndef handler(ctx): pass\n", "def handler"),
        ("def init(ctx): pass\ndef handler(ctx, event, more): pass\n", "found .ctx, event, more"),
        ("def init(ctx): pass\nhandler = 5\n", "a int instead of a function"),
        ("# def init(ctx)\ndef handler(ctx, event): pass\n", "init"),
        ("import nowhere_to_be_found\n" + GOOD.format(name="x"), "nowhere_to_be_found"),
        ("def init(ctx): pass\ndef handler(ctx, event): pass\n)", "SyntaxError"),
        ("def init(ctx): pass\ndef handler(ctx, event): pass\nraise KeyError('GREETING')", "GREETING"),
    ],
)
def test_unusable_functions_are_refused_with_the_reason(tmp_path: Path, text: str, expected: str) -> None:
    path = written(tmp_path, "main.py", text)
    modules = set(sys.modules)
    with pytest.raises(LocalRuntimeError, match=expected) as caught:
        load_function(tmp_path)
    assert str(path) in str(caught.value)
    assert not {name for name in set(sys.modules) - modules if name.startswith("exr_inspector_function")}


@pytest.mark.parametrize(
    ("text", "warnings"),
    [
        ("def init(ctx): pass\ndef handler(ctx, event): pass\n", 0),
        ("def init(ctx: object) -> None: pass\ndef handler(ctx, event: object): pass\n", 2),
        ("def init(ctx): pass\nasync def handler(ctx, events_list): pass\n", 1),
        ("def init(context): pass\ndef handler(ctx, event, limit=5): pass\n", 2),
    ],
)
def test_published_signatures_are_accepted_with_a_warning_at_most(tmp_path: Path, text: str, warnings: int) -> None:
    function = load_function(written(tmp_path, "main.py", text).parent)
    assert len(function.warnings) == warnings
    assert all("vastde functions build" in warning for warning in function.warnings)


def test_a_folder_without_a_readable_main(tmp_path: Path) -> None:
    with pytest.raises(LocalRuntimeError, match=r"there is no main\.py .* expected the folder of a function"):
        load_function(tmp_path)
    (tmp_path / "main.py").write_bytes(b"# \xff")
    with pytest.raises(LocalRuntimeError, match=r"main\.py: not UTF-8 at byte 2"):
        load_function(tmp_path)
