"""The read API through the SDK, and every query of the cookbook on the DuckDB file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from exr_inspector.catalog import Catalog
from exr_inspector.catalog.admin.reconcile import stored_versions
from exr_inspector.catalog.queries.cookbook import cookbook
from exr_inspector.catalog.read.reader import Reader
from exr_inspector.cli.commands.query import command
from exr_inspector.delivery.sequences import CheckedFrames
from exr_inspector.errors import CatalogError, SettingsError
from exr_inspector.model import Finding, Inspection, Severity, StatsMode
from exr_inspector.sync.sequences import validate_folders
from exr_inspector.validation import builtin_policy
from tests.contract.catalog.model import VERSIONS, connect, damaged, inspection, thumbnail
from tests.support.databases import empty_tables
from vastdb_local import LocalVastDB

SEQUENCE = "renders/sh1/beauty.####.exr"


def frame(number: int, **options: Any) -> Inspection:
    values: dict[str, Any] = {
        "sequence": SEQUENCE,
        "frame": number,
        "texts": {"shot": "sh1", "software": "Renderer 5"},
        "channels": ("B", "G", "R", "diffuse.R"),
    }
    return inspection(f"sh1/beauty.{number:04}.exr", **(values | options))


def scene() -> list[Inspection]:
    """Frames 1, 2, 6 and 7 (6 is wider and has another layer), a stereo file, broken files, and one in another bucket."""
    wide = frame(6, width=128, channels=("B", "G", "R", "diffuse.G", "diffuse.R", "id.A"))
    stereo = inspection("sh2/stereo.exr", views=("left", "right"), texts={"owner": "me"}, mode=StatsMode.FULL)
    bad = replace(
        inspection("sh2/bad.exr", mode=StatsMode.FULL, objects=2),
        findings=(Finding("PIX-NAN", Severity.ERROR, "NaN in R", part=0, channel="R"),),
    )
    other = inspection("sh1/beauty.0001.exr", bucket="archive", texts={"manifest": "x" * 200_000})
    again = inspection("sh1/beauty.7.exr", sequence="renders/sh1/beauty.#.exr", frame=7)
    alike = [frame(number, thumbnails=(thumbnail(difference),)) for number, difference in ((1, -0x10), (2, -0x0D))]
    return [*alike, wide, frame(7, thumbnails=(thumbnail(0x7F),)), again, stereo, bad, other, damaged("sh2/no.exr")]


@pytest.fixture(scope="module", params=VERSIONS)
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[LocalVastDB, Catalog, Path]]:
    path = empty_tables(tmp_path_factory.mktemp("read") / "catalog.duckdb", server_version=request.param)
    with LocalVastDB(path, server_version=request.param) as server:
        catalog = connect(server)
        catalog.upsert(scene())
        catalog.upsert(scene()[:1])
        yield server, catalog, path
        catalog.close()


@pytest.fixture(scope="module")
def catalog(filled: tuple[LocalVastDB, Catalog, Path]) -> Catalog:
    return filled[1]


# --- the read API ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spelling",
    ["s3://renders/sh2/stereo.exr", "S3A://renders/sh2/stereo.exr", "renders/sh2/stereo.exr", "/sh2/stereo.exr"],
)
def test_a_file_in_any_spelling(catalog: Catalog, spelling: str) -> None:
    found = Reader(catalog.connection).file(spelling)
    assert found.inspection.path == "renders/sh2/stereo.exr"
    assert found.inspection.header == scene()[5].header
    assert found.inspection.pixels == scene()[5].pixels
    assert {name: len(rows) for name, rows in found.rows.items()} == {
        "files": 1, "parts": 2, "channels": 10, "attributes": 24, "stats": 10, "validation": 0,
        "cryptomatte_objects": 0, "thumbnails": 0,
    }  # fmt: skip


def test_a_key_that_begins_like_a_scheme(catalog: Catalog) -> None:
    catalog.upsert([inspection("s3/a.exr")])
    found = Reader(catalog.connection).file("s3/a.exr")
    assert found.inspection.path == "renders/s3/a.exr"
    catalog.remove("renders/s3/a.exr")


KEYS = (
    "sp/100%.exr", "sp/%41.exr", "sp/it's \"q\".exr", "sp/\N{GREEK SMALL LETTER ALPHA}.exr", "sp/a\nb.exr", "sp/a+b c.exr",
    "sp//x.exr",
)  # fmt: skip


@pytest.mark.heavy
def test_any_key_is_found_and_listed(catalog: Catalog) -> None:
    catalog.upsert([inspection(key) for key in KEYS])
    for key in KEYS:
        for spelling in (f"s3://renders/{key}", f"renders/{key}", f"/{key}"):
            found = Reader(catalog.connection).file(spelling)
            assert found.inspection.key == key
    assert sorted(catalog.stored_between("renders/sp/", end="renders/sp0")) == sorted(f"renders/{key}" for key in KEYS)
    for key in KEYS:
        assert catalog.remove(f"s3://renders/{key}").outcome == "removed"


def test_a_bucket_wins_over_a_key_of_the_same_spelling(catalog: Catalog) -> None:
    found = Reader(catalog.connection).file("/archive/sh1/beauty.0001.exr")
    assert found.inspection.bucket == "archive"


@pytest.mark.parametrize("spelling", ["s3://renders/none.exr", "/none.exr", "none.exr", "s3://nowhere/sh2/stereo.exr"])
def test_files_without_rows_are_none(catalog: Catalog, spelling: str) -> None:
    assert Reader(catalog.connection).file(spelling) is None


def test_every_inspection_comes_back(catalog: Catalog) -> None:
    for item in scene():
        found = Reader(catalog.connection).file(item.path)
        cost_free = replace(item, cost=found.inspection.cost, duration_ms=found.inspection.duration_ms)
        assert found.inspection == cost_free, item.path


def test_versions_for_reconciling(catalog: Catalog) -> None:
    assert sum(1 for _ in stored_versions(catalog.connection, "s3://renders/sh1/")) == 5
    assert sum(1 for _ in stored_versions(catalog.connection, "")) == 9


def test_predicates_reach_the_server(
    filled: tuple[LocalVastDB, Catalog, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server sends only the requested rows, not the table: counts the rows that leave it."""
    _, catalog, _ = filled
    from vastdb import _internal  # noqa: PLC0415 - only here: where the SDK unpacks what the server sent

    received: list[int] = []
    parse = _internal.parse_query_data_response

    def counting(*arguments: Any, **options: Any) -> Any:
        for stream, following, table in parse(*arguments, **options):
            received.append(table.num_rows)
            yield stream, following, table

    monkeypatch.setattr(_internal, "parse_query_data_response", counting)
    Reader(catalog.connection).file("renders/sh2/stereo.exr")
    assert sum(received) == 1 + 2 + 10 + 24 + 10


# --- the cookbook ----------------------------------------------------------------------------------------

EXPECTED: dict[str, tuple[dict[str, str | float], int]] = {
    "listing": ({"prefix": "renders/", "after": "renders/sh1/beauty.0002.exr", "rows": 3}, 3),
    "file": ({"path": "renders/sh2/stereo.exr"}, 2),
    "file_layers": ({"path": "renders/sh2/stereo.exr"}, 4),
    "file_attributes": ({"path": "archive/sh1/beauty.0001.exr"}, 10),
    "layers": ({"sequence": SEQUENCE}, 3),
    "attribute_numbers": ({"name": "screenWindowWidth", "least": 1, "most": 1}, 9),
    "attribute_text": ({"name": "shot", "value": "sh1"}, 4),
    "distinct_values": ({"prefix": "renders/"}, 10),
    "sequences": ({"prefix": ""}, 1),
    "sequence_gaps": ({"prefix": ""}, 1),
    "sequence_drift": ({"sequence": SEQUENCE}, 6),
    "sequence_duplicates": ({"prefix": ""}, 1),
    "deliveries": ({"prefix": "renders/"}, 1),
    "missing_frames": ({"prefix": ""}, 1),
    "duplicates": ({"prefix": ""}, 0),
    "rerender": ({"prefix": ""}, 1),
    "unprocessed": ({"bucket": "renders", "root": "/mnt/renders"}, 4),
    "broken": ({"prefix": ""}, 3),
    "findings": ({"prefix": "", "rank": 2}, 1),
    "lossy_data": ({"prefix": ""}, 0),
    "objects": ({"name": "object 0", "prefix": ""}, 1),
    "near_duplicates": ({"prefix": "renders/", "bits": 4}, 1),
    "file_objects": ({"path": "renders/sh2/bad.exr"}, 2),
    "history": ({"path": "renders/sh1/beauty.0001.exr"}, 2),
    "badges": ({"prefix": ""}, 2),
    "panels": ({"path": "renders/sh2/stereo.exr"}, 1),
    "statistics": ({"path": "renders/sh2/stereo.exr"}, 10),
}


@pytest.fixture(scope="module")
def database(filled: tuple[LocalVastDB, Catalog, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a server that was closed."""
    path = empty_tables(tmp_path_factory.mktemp("sql") / "catalog.duckdb")
    with LocalVastDB(path) as server:
        catalog = connect(server)
        catalog.upsert(scene())
        catalog.upsert(scene()[:1])
        assert [len(checked.sequences) for checked in validated(catalog)] == [1]
    return path


def validated(catalog: Catalog) -> list[CheckedFrames]:
    return list(validate_folders(catalog.connection, ["renders/sh1"], builtin_policy("default")))


def rows_of_query(connection: duckdb.DuckDBPyConnection, name: str) -> list[dict[str, Any]]:
    query = cookbook()[name]
    return connection.execute(query.for_duckdb(), query.bind(EXPECTED[name][0])).to_arrow_table().to_pylist()


@pytest.fixture(scope="module")
def sql(database: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{database}' AS db (READ_ONLY)")
        connection.execute(
            "CREATE TABLE memory.main.vast_big_catalog_table AS SELECT * FROM (VALUES"
            " ('/mnt/renders/sh1/', 'beauty.0001.exr', 'FILE', 1001, TIMESTAMP '2026-03-01 12:00:10.25'),"
            " ('/mnt/renders/sh1', 'beauty.0002.exr', 'FILE', 999, TIMESTAMP '2026-03-01 12:00:10'),"
            " ('/mnt/renders/sh1', 'beauty.0006.exr', 'FILE', 1001, TIMESTAMP '2026-03-01 13:00:00'),"
            " ('/mnt/renders/sh1', 'beauty.0007.exr', 'FILE', 1001, TIMESTAMP '2026-03-01 12:00:10'),"
            " ('/mnt/renders/sh1', 'beauty.7.exr', 'FILE', 1001, TIMESTAMP '2026-03-01 12:00:10'),"
            " ('/mnt/renders/sh2', 'stereo.exr', 'FILE', 1001, TIMESTAMP '2026-03-01 12:00:10'),"
            " ('/mnt/renders/sh2', 'bad.exr', 'FILE', 1001, TIMESTAMP '2026-03-01 12:00:10'),"
            " ('/mnt/renders/sh3', 'new.EXR', 'FILE', 5, TIMESTAMP '2026-03-01 12:00:10'),"
            " ('/mnt/renders/sh3', 'folder.exr', 'DIR', 5, TIMESTAMP '2026-03-01 12:00:10'),"
            " ('/mnt/renders2', 'else.exr', 'FILE', 5, TIMESTAMP '2026-03-01 12:00:10')"
            ") AS t(parent_path, name, element_type, size, mtime)"
        )
        connection.execute("SET search_path = 'db.\"vastdb/exr\",memory.main'")
        yield connection


def test_every_query_is_tested() -> None:
    assert set(EXPECTED) == set(cookbook())
    assert all(
        EXPECTED[name][0].keys() == {item.name for item in query.parameters if not item.prefix}
        for name, query in cookbook().items()
    )
    assert {query.question for query in cookbook().values()} == {*map(str, range(1, 12)), "panels"}


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_every_query_returns_the_expected_number_of_rows(sql: duckdb.DuckDBPyConnection, name: str) -> None:
    assert len(rows_of_query(sql, name)) == EXPECTED[name][1]


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_queries_run_with_their_defaults_and_name_what_they_need(sql: duckdb.DuckDBPyConnection, name: str) -> None:
    query = cookbook()[name]
    required = {item.name for item in query.parameters if item.is_required}
    for missing in required:
        given = dict.fromkeys(required - {missing}, "x")
        with pytest.raises(CatalogError, match=f"needs the parameter {missing}"):
            query.bind(given)
    sql.execute(query.for_duckdb(), query.bind(dict.fromkeys(required, "x"))).fetchall()


def test_what_queries_say(sql: duckdb.DuckDBPyConnection) -> None:
    manifest = next(row for row in rows_of_query(sql, "file_attributes") if row["name"] == "manifest")
    assert json.loads(manifest["value"]) == "x" * 200_000
    layers = {row["layer"]: row for row in rows_of_query(sql, "layers")}
    assert (layers["diffuse"]["drifts"], layers[""]["drifts"], layers["id"]["frames"]) == (True, True, 1)
    (gap,) = rows_of_query(sql, "sequence_gaps")
    assert (gap["first_missing"], gap["last_missing"], gap["frames"]) == (3, 5, 3)
    drift = [(row["frame_number"], row["property"], row["found"]) for row in rows_of_query(sql, "sequence_drift")]
    assert {(6, "channel diffuse.G", "HALF"), (7, "digits", "1")} <= set(drift)
    assert {frame for frame, _, _ in drift} == {6, 7}
    (delivery,) = rows_of_query(sql, "deliveries")
    assert (delivery["sequence"], delivery["files"], delivery["missing"], delivery["result"]) == (
        SEQUENCE,
        5,
        3,
        "failed",
    )
    (missing,) = rows_of_query(sql, "missing_frames")
    assert missing["frames"] == "3-5"
    (rerender,) = rows_of_query(sql, "rerender")
    assert (rerender["frames"], rerender["frame_count"]) == ("3-7", 5)
    assert rerender["first_reason"].startswith("SEQ-")
    assert {row["path"]: row["state"] for row in rows_of_query(sql, "unprocessed")} == {
        "renders/sh1/beauty.0002.exr": "stale row",
        "renders/sh1/beauty.0006.exr": "stale row",
        "renders/sh2/no.exr": "no object",
        "renders/sh3/new.EXR": "no row",
    }
    assert {row["path"]: row["reason"] for row in rows_of_query(sql, "broken")} == {
        "renders/sh2/bad.exr": "PIX-NAN: NaN in R",
        "renders/sh2/no.exr": "not an OpenEXR file at byte 0",
        "renders/sh2/stereo.exr": "NaN or infinity",
    }
    assert [row["outcome"] for row in rows_of_query(sql, "history")] == ["inserted", "unchanged"]
    assert [row["is_stereo"] for row in rows_of_query(sql, "badges")] == [False, True]


# --- ./run query -----------------------------------------------------------------------------------------


def run(database: Path, *arguments: str) -> Result:
    return CliRunner().invoke(command, [*arguments, "--catalog", str(database)])


def test_query_prints_tables(database: Path) -> None:
    done = run(database, "listing", "-p", "prefix=renders/sh2/")
    assert done.exit_code == 0, done.output
    assert "renders/sh2/stereo.exr" in done.output
    assert "3 rows" in done.output


@pytest.mark.parametrize("damage", ["beginning", "middle", "end is missing", "text"])
def test_a_damaged_catalog_file_is_one_line_that_says_what_to_do(database: Path, tmp_path: Path, damage: str) -> None:
    data = bytearray(database.read_bytes())
    half = len(data) // 2
    data = {
        "beginning": bytearray(b"?" * 64) + data[64:],
        "middle": data[:12_288] + bytearray(len(data) - 12_288),
        "end is missing": data[:half],
        "text": bytearray(b"no database at all\n" * 500),
    }[damage]
    broken = tmp_path / "broken.duckdb"
    broken.write_bytes(data)
    error = run(broken, "listing").exception
    assert isinstance(error, CatalogError)
    assert str(broken) in str(error)
    assert "restore a copy" in str(error)
    assert not any(word in str(error) for word in ("IO Error", "checksum", "\n"))


def test_query_prints_json_csv_and_parquet(database: Path) -> None:
    text = "select path, width, nan_count, mtime, cast('nan' as double) as nothing from files order by path"
    listed = json.loads(run(database, text, "--format", "json").stdout)
    assert len(listed) == 9
    assert (listed[0]["path"], listed[0]["nothing"]) == ("archive/sh1/beauty.0001.exr", None)
    assert listed[0]["mtime"] == "2026-03-01T12:00:10Z"
    lines = list(csv.DictReader(io.StringIO(run(database, text, "--format", "csv").stdout)))
    assert [line["path"] for line in lines] == [row["path"] for row in listed]
    table = pq.read_table(io.BytesIO(run(database, text, "--format", "parquet").stdout_bytes))
    assert table["path"].to_pylist() == [row["path"] for row in listed]


VALUES = """select sum(width) as whole, 1.50::decimal(6, 2) as part, 0.1::decimal(38, 30) as tenth, date '2026-01-02' as day,
    timestamptz '2026-01-02 03:04:05+02' as moment, 'ab'::blob as raw, {'a': 1, 'b': [1, null]} as struct, true as yes,
    interval 3 day as span, 1 as twice, 2 as twice, 12345678901234567890123456789.5::decimal(38, 1) as exact from files"""


def test_query_prints_paths_by_their_other_names(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    query = (
        "select path, bucket from files where path = $path",
        "-p",
        "path=s3://renders/sh2/bad.exr",
        "--format",
        "csv",
    )
    assert run(database, *query).stdout.splitlines()[1] == "renders/sh2/bad.exr,renders"
    assert isinstance(run(database, *query, "--paths", "client").exception, SettingsError)
    monkeypatch.setenv("EXR_VIEWS", "/studio/renders=renders|/mnt/renders")
    assert run(database, *query, "--paths", "cluster").stdout.splitlines()[1] == "/studio/renders/sh2/bad.exr,renders"
    assert run(database, *query, "--paths", "client").stdout.splitlines()[1] == "/mnt/renders/sh2/bad.exr,renders"


def test_query_prints_values_of_any_type(database: Path) -> None:
    (row,) = json.loads(run(database, VALUES, "--format", "json").stdout)
    assert row == {
        "whole": row["whole"], "part": 1.5, "tenth": 0.1, "day": "2026-01-02", "moment": "2026-01-02T01:04:05Z", "raw": "6162",
        "struct": {"a": 1, "b": [1, None]}, "yes": True, "span": "P0M3DT0S", "twice": 1, "twice_2": 2,
        "exact": "12345678901234567890123456789.5",
    }  # fmt: skip
    assert isinstance(row["whole"], int)
    (line,) = csv.DictReader(io.StringIO(run(database, VALUES, "--format", "csv").stdout))
    assert (line["yes"], line["struct"], line["twice"], line["twice_2"]) == (
        "true",
        '{"a": 1, "b": [1, null]}',
        "1",
        "2",
    )
    assert isinstance(run(database, VALUES, "--format", "parquet").exception, CatalogError)  # has no such intervals
    castable = VALUES.replace("interval 3 day as span", "'3' as span")
    table = pq.read_table(io.BytesIO(run(database, castable, "--format", "parquet").stdout_bytes))
    assert table["twice_2"].to_pylist() == [2]
    assert "a: 1, b: 1, " in run(database, VALUES).output


def test_query_takes_sql_on_several_lines(database: Path) -> None:
    assert run(database, "select\npath\nfrom\tfiles\nlimit\n1").exit_code == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("selec 1", 'syntax error at or near "selec" (in line 1)'),
        ("select path,\n  from from files", "(in line 2)"),
        ("select path, nope from files", "there is no column nope in the table files"),
        ("select * from read_csv('/etc/hosts')", "a query reads the tables of its catalog alone"),
    ],
)
def test_wrong_sql_is_one_line(database: Path, text: str, expected: str) -> None:
    error = run(database, text).exception
    assert isinstance(error, CatalogError)
    assert expected in str(error)
    assert "\n" not in str(error)


def test_query_of_a_folder(tmp_path: Path) -> None:
    done = run(tmp_path, "listing")
    assert (done.exit_code, "is a directory" in done.output) == (2, True)


def test_an_empty_answer_says_what_has_to_be_stored_for_it(database: Path) -> None:
    assert "EXR_MAX_OBJECTS" in run(database, "objects", "-p", "name=nothing").stderr
    assert "EXR_MAX_OBJECTS" not in run(database, "objects", "-p", "name=object 0").stderr


def test_query_lists_the_cookbook() -> None:
    done = CliRunner().invoke(command, [])
    assert all(name in done.output for name in cookbook())
    (line,) = [line.split() for line in done.output.splitlines() if line.startswith("objects ")]
    assert line[1:3] == ["name", "[prefix]"]


@pytest.mark.parametrize(
    "text", ["delete from files", "select * from read_csv('/etc/hosts')", "select nonsense from files"]
)
def test_query_reads_only(database: Path, text: str) -> None:
    assert isinstance(run(database, text).exception, CatalogError)


def test_query_refuses_wrong_parameters(database: Path) -> None:
    for arguments in (("-p", "prefxi=a"), ("-p", "rows=many")):
        assert isinstance(run(database, "listing", *arguments).exception, CatalogError)
    assert run(database, "listing", "-p", "prefix").exit_code == 2
    assert isinstance(run(database, "lsting").exception, CatalogError)


def test_query_names_a_parameter_that_is_missing(database: Path) -> None:
    error = run(database, "file").exception
    assert isinstance(error, CatalogError)
    assert "needs the parameter path" in str(error)
    assert "--param path=" in str(error)


def test_query_of_no_or_another_file(tmp_path: Path) -> None:
    assert isinstance(run(tmp_path / "none.duckdb", "listing").exception, CatalogError)
    text = tmp_path / "text.duckdb"
    text.write_text("no database")
    assert isinstance(run(text, "listing").exception, CatalogError)
    other = tmp_path / "other.duckdb"
    duckdb.connect(str(other)).close()
    assert isinstance(run(other, "listing").exception, CatalogError)
    with LocalVastDB(tmp_path / "empty.duckdb"):
        pass
    assert isinstance(run(tmp_path / "empty.duckdb", "listing").exception, CatalogError)
