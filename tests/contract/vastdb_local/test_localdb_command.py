"""`./run localdb serve` and `python -m vastdb_local serve`: what they print, and how they end."""

import os
import signal

import pytest
import vastdb
from click.testing import CliRunner
from vastdb import errors

from tests.contract.vastdb_local.support import session_of
from vastdb_local import LocalVastDB
from vastdb_local.__main__ import command, main

LOCALDB = ("exr_inspector.cli", "localdb")


@pytest.mark.parametrize("module", [LOCALDB, ("vastdb_local",)], ids=["run", "python -m"])
def test_it_serves_until_it_is_told_to_stop(serve, tmp_path, module):
    options = ("--port", "0", "--bucket", "one", "--bucket", "two", "--latency", "1ms", "--server-version", "5.3.5")
    process = serve("--catalog", str(tmp_path / "a.duckdb"), *options, "--plain-bucket", "renders", module=module)
    session = session_of(process)
    with session.transaction() as tx:
        tx.bucket("one")
        tx.bucket("two")
        with pytest.raises(errors.Conflict, match="InvalidBucketState"):
            tx.bucket("renders").schemas()
    assert session.features.vast_version == (5, 3, 5, 0)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in told
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


@pytest.mark.parametrize("taken", ["port", "catalog"])
def test_what_is_taken_is_one_line_and_exit_code_2(serve, refused, tmp_path, taken):
    with LocalVastDB(tmp_path / "a.duckdb") as other:
        catalog = tmp_path / ("b.duckdb" if taken == "port" else "a.duckdb")
        options = ("--catalog", str(catalog), "--port", str(other.port if taken == "port" else 0))
        _, told = (process := serve(*options)).communicate(timeout=60)
        for line in (told, refused(*options)):
            assert line.startswith("LOCALDB: ")
            assert line.count("\n") == 1
    assert process.returncode == 2


def test_keys_come_in_pairs(tmp_path):
    done = CliRunner().invoke(command, ["serve", "--catalog", str(tmp_path / "a"), "--access-key", "me"])
    assert done.exit_code == 2
    assert "--secret-key" in done.stderr


def test_keys_come_from_the_environment_or_a_file_and_are_not_printed(serve, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("AWS_ACCESS_KEY_ID=me\nAWS_SECRET_ACCESS_KEY=mine\n", encoding="utf-8")
    variables = {"AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "mine"}
    for arguments, environment in (("--keys", str(keys)), {}), ((), variables):
        process = serve("--catalog", str(tmp_path / "a.duckdb"), "--port", "0", *arguments, **environment)
        endpoint = process.stdout.readline().strip().partition("=")[2]
        assert vastdb.connect(endpoint=endpoint, access="me", secret="mine")
        process.send_signal(signal.SIGTERM)
        printed, told = process.communicate(timeout=60)
        assert "mine" not in printed + told


@pytest.mark.parametrize("text", ["", "AWS_ACCESS_KEY_ID=me\n"])
def test_a_file_without_keys_is_refused(refused, tmp_path, text):
    keys = tmp_path / "keys"
    keys.write_text(text, encoding="utf-8")
    told = refused("--catalog", tmp_path / "a.duckdb", "--keys", keys)
    assert told.startswith("LOCALDB: ")
    assert "AWS_" in told


def test_the_mask_of_new_files_is_the_callers_again_when_serving_ends(tmp_path):
    (tmp_path / "a.duckdb").write_text("no database")
    before = os.umask(0o027)
    try:
        done = CliRunner().invoke(command, ["serve", "--catalog", str(tmp_path / "a.duckdb"), "--port", "0"])
        assert done.exit_code != 0
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
