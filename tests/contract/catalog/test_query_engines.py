"""`./run query` returns the same rows from the file, from its server and from VAST_DB_*, by ADBC and by the SDK."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from exr_inspector.catalog import Catalog, CatalogConfig
from exr_inspector.catalog.queries.cookbook import cookbook
from exr_inspector.catalog.queries.engines import AdbcEngine, FileEngine, SdkEngine, for_engine, has_driver
from exr_inspector.cli.__main__ import main
from exr_inspector.errors import CatalogError, CatalogUnavailable
from exr_inspector.library.tables import schema_of_tables
from tests.contract.catalog.test_read import EXPECTED, scene
from tests.support.databases import empty_tables
from vastdb_local import LocalVastDB, running_server

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = "exr_inspector"
NAMES = sorted(EXPECTED.keys() - {"unprocessed"})  # which reads the VAST Catalog
needs_driver = pytest.mark.skipif(not has_driver(), reason="VAST's ADBC driver is not installed")


def config_of(server: LocalVastDB) -> CatalogConfig:
    return CatalogConfig(server.endpoint, server.access_key, server.secret_key, server.bucket, SCHEMA)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalVastDB, Path]]:
    path = empty_tables(tmp_path_factory.mktemp("engines") / "catalog.duckdb", schema=SCHEMA)
    with LocalVastDB(path) as server:
        catalog = Catalog(config_of(server))
        catalog.upsert(scene())
        catalog.close()
    copy = path.with_name("copy.duckdb")
    shutil.copy(path, copy)
    with LocalVastDB(path) as server:
        yield server, copy


def ask(engine: AdbcEngine | FileEngine | SdkEngine, name: str) -> pa.Table:
    query = cookbook()[name]
    return engine.ask(query.for_duckdb(), query.bind(EXPECTED[name][0]))


@pytest.fixture(scope="module")
def sdk(served: tuple[LocalVastDB, Path]) -> Iterator[SdkEngine]:
    with closing(Catalog(config_of(served[0]))) as catalog:
        yield SdkEngine(catalog.connection, "local", joins=True)


@pytest.mark.parametrize("name", NAMES)
def test_the_sdk_answers_as_the_file_does(sdk: SdkEngine, served: tuple[LocalVastDB, Path], name: str) -> None:
    _, file = served
    assert ask(sdk, name).to_pylist() == ask(FileEngine(file, SCHEMA), name).to_pylist()


def test_the_shell_line_of_the_page_makes_the_queries_work_as_they_stand(served: tuple[LocalVastDB, Path]) -> None:
    """Run the lines with DuckDB's library, since its shell is no Python package."""
    page = (ROOT / "docs" / "queries.md").read_text(encoding="utf-8")
    first = re.search(r"^duckdb -readonly catalog\.duckdb -cmd '(.+)'$", page, re.MULTILINE)
    assert first is not None
    with duckdb.connect(str(served[1]), read_only=True) as database:
        database.execute(first[1])
        assert len(database.execute("FROM files").fetchall()) == 9
        for name in NAMES:
            query = cookbook()[name]
            database.execute(query.for_duckdb(), query.bind(EXPECTED[name][0]))


@needs_driver
@pytest.mark.parametrize("name", NAMES)
def test_adbc_answers_as_the_file_does(served: tuple[LocalVastDB, Path], name: str) -> None:
    server, file = served
    assert ask(AdbcEngine(config_of(server)), name).to_pylist() == ask(FileEngine(file, SCHEMA), name).to_pylist()


def test_the_sdk_sends_what_narrows_a_table(served: tuple[LocalVastDB, Path]) -> None:
    server, _ = served
    catalog = Catalog(config_of(server))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("exr_inspector.catalog.queries.engines._MOST_ROWS", 2)
        sdk = SdkEngine(catalog.connection, "cluster")
        assert sdk.ask("SELECT path FROM files WHERE path = $p", {"p": "renders/sh2/bad.exr"}).num_rows == 1
        with pytest.raises(CatalogError, match="more than 2 rows of files"):
            sdk.ask("SELECT path FROM files", {})


def test_the_sdk_refuses_joins_on_a_cluster(served: tuple[LocalVastDB, Path]) -> None:
    server, _ = served
    sdk = SdkEngine(Catalog(config_of(server)).connection, "cluster")
    with pytest.raises(CatalogError, match="adbc-driver-vastdb"):
        ask(sdk, "file")
    with pytest.raises(CatalogError, match="no table nowhere"):
        sdk.ask("SELECT 1 FROM nowhere", {})
    with pytest.raises(CatalogError, match=r"no table exr_inspector\.files: a query names tables without"):
        sdk.ask("SELECT path FROM exr_inspector.files", {})


@pytest.mark.parametrize(
    "text",
    ["SELECT nope FROM files", "SELEC path FROM files", "SELECT path FROM files WHERE path = $missing"],
)
def test_wrong_sql_is_one_line(served: tuple[LocalVastDB, Path], text: str) -> None:
    server, file = served
    engines: list[AdbcEngine | FileEngine | SdkEngine] = [
        FileEngine(file, SCHEMA),
        SdkEngine(Catalog(config_of(server)).connection, "local"),
    ]
    for engine in engines + ([AdbcEngine(config_of(server))] if has_driver() else []):
        with pytest.raises(CatalogError) as raised:
            engine.ask(text, {})
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("select bad from files", "there is no column bad in the table files: docs/tables.md lists"),
        ("select f.heigth from files f", "there is no column heigth in the table files: did you mean height?"),
        ("select * from filess", "there is no table filess: did you mean files?"),
        ("select * from exr_inspector.files", "there is no table exr_inspector.files: a query names tables without"),
        ("delete from files", "a query only reads, and this is a statement of type DELETE"),
        ("create table x as select 1", "a query only reads, and this is a statement of type CREATE"),
        ("select * from read_csv('/etc/hostname')", "a query reads the tables of its catalog alone"),
        ("select 1; select 2", "found 2 statements, expected one"),
        (" ", "found 0 statements, expected one"),
        ("select no_such(path) from files", "Scalar Function with name no_such does not exist"),
    ],
)
def test_a_query_fails_with_the_same_words_whichever_way_it_goes(
    sdk: SdkEngine, served: tuple[LocalVastDB, Path], sql: str, words: str
) -> None:
    server, file = served
    engines: list[AdbcEngine | FileEngine | SdkEngine] = [FileEngine(file, SCHEMA), sdk]
    for engine in engines + ([AdbcEngine(config_of(server))] if has_driver() else []):
        with pytest.raises(CatalogError) as raised:
            engine.ask(sql, {})
        assert words in str(raised.value)
        assert "LINE" not in str(raised.value)


def test_tables_get_their_place_and_parameters_their_values() -> None:
    text = for_engine(
        "WITH f AS (SELECT * FROM files WHERE path = $p) SELECT * FROM f JOIN parts USING (file_id)",
        {"p": "it's"},
        "bucket/outer/inner",
    )
    assert '"bucket/outer/inner".files' in text
    assert '"bucket/outer/inner".parts' in text
    assert "FROM f JOIN" in text
    assert "'it''s'" in text


@pytest.mark.parametrize("prefix", ["renders/", "a", "", "x\ud7ff", "\U0010ffff", "b\U0010ffff"])
def test_the_end_of_a_prefix(prefix: str) -> None:
    end = str(cookbook()["listing"].bind({"prefix": prefix})["prefix_end"])
    assert prefix <= end
    assert prefix + "zzz\U0001f600" < end or prefix.startswith("\U0010ffff")
    end.encode()


# --- the command, as a user calls it ------------------------------------------------------------------------


def query(*arguments: str, **environ: str) -> Result:
    unset = dict.fromkeys(name for name in os.environ if name.startswith(("VAST_", "AWS_")))
    return CliRunner(env={**unset, **environ}).invoke(main, ["query", *arguments])


def test_a_file_that_a_server_has_open(served: tuple[LocalVastDB, Path], tmp_path: Path) -> None:
    server, file = served
    path = file.with_name("catalog.duckdb")
    done = query("select count(*) as n from files", "--catalog", str(path), "--format", "csv")
    assert done.exit_code == 0, done.output
    assert done.stdout.split() == ["n", "9"]
    assert f"catalog: {path} through its server at {server.endpoint}" in done.stderr


def test_the_schema_that_has_the_tables_is_found(served: tuple[LocalVastDB, Path]) -> None:
    server, _ = served
    server.create_bucket("without-tables")
    config = replace(config_of(server), schema="empty")
    empty = replace(config, bucket="without-tables")
    Catalog(empty).connection.run("create it", lambda work: work.tx.bucket(empty.bucket).create_schema("empty"))
    assert schema_of_tables(config) == SCHEMA
    assert schema_of_tables(empty) is None


def test_the_database_of_the_environment(served: tuple[LocalVastDB, Path]) -> None:
    server, _ = served
    environ = config_of(server).environ
    done = query("listing", "-p", "prefix=renders/sh2/", "--format", "csv", **environ)
    assert done.exit_code == 0, done.output
    assert len(done.stdout.splitlines()) == 4
    assert f"catalog: {server.endpoint}, {server.bucket}/{SCHEMA}" in done.stderr
    assert server.secret_key not in done.stdout + done.stderr
    wrong = query("listing", **{**environ, "VAST_DB_SECRET_KEY": "wrong"})
    assert isinstance(wrong.exception, CatalogError)
    assert server.secret_key not in str(wrong.exception)
    away = query("listing", **{**environ, "VAST_DB_ENDPOINT": "http://127.0.0.1:9"})
    assert isinstance(away.exception, CatalogUnavailable)


def test_the_file_wins_over_the_environment(served: tuple[LocalVastDB, Path]) -> None:
    _, file = served
    done = query("listing", "--catalog", str(file), VAST_DB_ENDPOINT="http://127.0.0.1:9")
    assert done.exit_code == 0, done.output
    assert f"catalog: {file}\n" in done.stderr


def test_without_a_catalog_the_message_names_the_next_step() -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("VAST_", "AWS_"))}
    command = [sys.executable, "-m", "exr_inspector.cli", "query", "listing"]
    done = subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert "VAST_DB_ENDPOINT" in done.stderr
    assert "--catalog FILE" in done.stderr


def test_the_address_of_a_server_ends_with_it(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    with LocalVastDB(path) as server:
        address = running_server(path)
        assert address.endpoint == server.endpoint
        assert address.secret_key != server.secret_key
        assert (tmp_path / "a.duckdb.lock").stat().st_mode & 0o077 == 0
    assert running_server(path) is None
    assert not (tmp_path / "a.duckdb.lock").exists()
    assert running_server(tmp_path / "none.duckdb") is None
    (tmp_path / "a.duckdb.lock").write_text('{"endpoint": "http://127.0.0.1:1"}')
    assert running_server(path) is None, "the address of a killed server is not used"


@contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    """Press Ctrl-C during the block; processes of pytest-xdist otherwise ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupt = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT))
    interrupt.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            yield
    finally:
        interrupt.join()
        signal.signal(signal.SIGINT, before)


@pytest.mark.timeout(30)
def test_an_interrupt_ends_a_long_query(served: tuple[LocalVastDB, Path]) -> None:
    _, file = served
    sql = "SELECT count(*) FROM range(100000000) a(x), range(100000) b(y) WHERE x * y % 7 = 3"
    with interrupted_after(0.3):
        FileEngine(file, SCHEMA).ask(sql, {})


@pytest.mark.timeout(30)
@pytest.mark.skipif(not has_driver(), reason="needs adbc-driver-vastdb")
def test_an_interrupt_ends_a_query_that_the_server_does_not_answer(served: tuple[LocalVastDB, Path]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config = replace(config_of(served[0]), endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}")
        with interrupted_after(0.2):
            AdbcEngine(config).ask("SELECT path FROM files", {})
