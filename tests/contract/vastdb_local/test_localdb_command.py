"""`./run localdb serve`: what it prints, and how it ends."""

import os
import signal
import subprocess
import sys

import pytest
import vastdb

from vastdb_local import LocalVastDB


def serve(*arguments):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    command = [sys.executable, "-m", "exr_inspector.cli", "localdb", "serve", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def test_it_serves_until_it_is_told_to_stop(tmp_path):
    process = serve("--catalog", str(tmp_path / "a.duckdb"), "--port", "0", "--bucket", "one", "--bucket", "two")
    printed = dict(process.stdout.readline().strip().split("=", 1) for _ in range(3))
    session = vastdb.connect(
        endpoint=printed["AWS_S3_ENDPOINT_URL"],
        access=printed["AWS_ACCESS_KEY_ID"],
        secret=printed["AWS_SECRET_ACCESS_KEY"],
    )
    with session.transaction() as tx:
        tx.bucket("one")
        tx.bucket("two")
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in errors


@pytest.mark.parametrize("taken", ["port", "catalog"])
def test_what_is_taken_is_one_line_and_exit_code_2(tmp_path, taken):
    with LocalVastDB(tmp_path / "a.duckdb") as other:
        catalog = tmp_path / ("b.duckdb" if taken == "port" else "a.duckdb")
        port = other.port if taken == "port" else 0
        _, errors = (process := serve("--catalog", str(catalog), "--port", str(port))).communicate(timeout=20)
    assert process.returncode == 2
    assert errors.startswith("LOCALDB: ")
    assert errors.count("\n") == 1


def test_keys_come_in_pairs(tmp_path):
    _, errors = (process := serve("--catalog", str(tmp_path / "a"), "--access-key", "me")).communicate(timeout=20)
    assert process.returncode == 2
    assert "--secret-key" in errors
