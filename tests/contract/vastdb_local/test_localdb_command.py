"""`./run localdb serve` and `python -m vastdb_local serve`: what they print, and how they end."""

import os
import signal

import pytest
import vastdb
from click.testing import CliRunner
from vastdb import errors

from vastdb_local import LocalVastDB
from vastdb_local.__main__ import command, main

LOCALDB = ("exr_inspector.cli", "localdb")


@pytest.mark.parametrize(
    ("module", "keys"), [(LOCALDB, "environment"), (("vastdb_local",), "file")], ids=["run", "python -m"]
)
def test_it_serves_until_it_is_told_to_stop_with_keys_that_it_does_not_print(serve, tmp_path, module, keys):
    variables = {"AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "mine"}
    file = tmp_path / "keys"
    file.write_text("".join(f"{name}={value}\n" for name, value in variables.items()), encoding="utf-8")
    arguments, environment = (("--keys", str(file)), {}) if keys == "file" else ((), variables)
    options = ("--port", "0", "--bucket", "one", "--bucket", "two", "--latency", "1ms", "--server-version", "5.3.5")
    process = serve(
        *("--catalog", str(tmp_path / "a.duckdb"), *options, "--plain-bucket", "renders", *arguments),
        module=module,
        **environment,
    )
    endpoint = process.stdout.readline().strip().partition("=")[2]
    session = vastdb.connect(endpoint=endpoint, access="me", secret="mine")
    with session.transaction() as tx:
        tx.bucket("one")
        tx.bucket("two")
        with pytest.raises(errors.Conflict, match="InvalidBucketState"):
            tx.bucket("renders").schemas()
    assert session.features.vast_version == (5, 3, 5, 0)
    process.send_signal(signal.SIGTERM)
    printed, error = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in error
    assert "mine" not in printed + error
    assert (tmp_path / "a.duckdb").stat().st_mode & 0o077 == 0


@pytest.fixture
def refused(monkeypatch, capsys):
    """Return what `python -m vastdb_local serve`, which must end with exit code 2, writes to standard error."""

    def start(*arguments):
        monkeypatch.setattr("sys.argv", ["vastdb_local", "serve", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        return capsys.readouterr().err

    return start


def test_what_is_taken_is_one_line_and_exit_code_2(serve, refused, tmp_path):
    with LocalVastDB(tmp_path / "a.duckdb") as other:
        port = ("--catalog", str(tmp_path / "b.duckdb"), "--port", str(other.port))
        catalog = ("--catalog", str(tmp_path / "a.duckdb"), "--port", "0")
        _, error = (process := serve(*catalog)).communicate(timeout=60)
        for line in (error, refused(*catalog), refused(*port)):
            assert line.startswith("LOCALDB: ")
            assert line.count("\n") == 1
    assert process.returncode == 2


def test_keys_come_in_pairs(tmp_path):
    done = CliRunner().invoke(command, ["serve", "--catalog", str(tmp_path / "a"), "--access-key", "me"])
    assert done.exit_code == 2
    assert "--secret-key" in done.stderr


@pytest.mark.parametrize("text", ["", "AWS_ACCESS_KEY_ID=me\n"])
def test_a_file_without_keys_is_refused(refused, tmp_path, text):
    keys = tmp_path / "keys"
    keys.write_text(text, encoding="utf-8")
    error = refused("--catalog", tmp_path / "a.duckdb", "--keys", keys)
    assert error.startswith("LOCALDB: ")
    assert "AWS_" in error


def test_the_mask_of_new_files_is_the_callers_again_when_serving_ends(tmp_path):
    (tmp_path / "a.duckdb").write_text("no database")
    before = os.umask(0o027)
    try:
        done = CliRunner().invoke(command, ["serve", "--catalog", str(tmp_path / "a.duckdb"), "--port", "0"])
        assert done.exit_code != 0
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
