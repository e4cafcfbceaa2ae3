"""`./run validate` and `./run rules` as commands: exit codes, output formats, sequences, stored rows."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from exr_inspector.catalog import Catalog, CatalogConfig
from exr_inspector.catalog.admin.setup import setup
from exr_inspector.catalog.schema import ATTRIBUTES
from exr_inspector.catalog.sdk.work import ROW_ID, Work, rows_of
from exr_inspector.cli import __main__ as entry
from exr_inspector.cli.commands.rules import command as rules_command
from exr_inspector.cli.commands.validate import command
from exr_inspector.inspector import Inspector
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.validation import RULES, builtin_policy
from tests.support.databases import database_environ
from tests.support.exrbytes import Channel, Part, build
from tests.support.faulty_s3 import FaultyS3, Status
from vastdb_local import LocalVastDB

GOOD = build([Part()])
LOSSY = build([Part(compression=8, channels=[*(Channel(c) for c in "BGR"), Channel("id.R")])])


@pytest.fixture
def shot(tmp_path: Path) -> Path:
    folder = tmp_path / "renders" / "shot010"
    folder.mkdir(parents=True)
    for number in (1, 2, 3, 5):
        (folder / f"beauty.{number:04}.exr").write_bytes(GOOD)
    (folder / "notes.txt").write_text("no image")
    return folder


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)
    assert "Traceback" not in result.output
    return result


def rules(*arguments: object) -> Result:
    return CliRunner().invoke(rules_command, [str(argument) for argument in arguments])


def document(result: Result) -> Any:
    return json.loads(result.stdout)


@pytest.mark.parametrize(
    ("data", "fail_on", "code"),
    [
        (GOOD, "error", 0),
        (GOOD, "warning", 0),
        (GOOD, "info", 1),
        (LOSSY, "error", 1),
        (LOSSY, "never", 0),
        (b"no exr", "error", 1),
        (b"", "error", 1),
    ],
)
def test_the_exit_code_follows_the_worst_finding(tmp_path: Path, data: bytes, fail_on: str, code: int) -> None:
    file = tmp_path / "a.exr"
    file.write_bytes(data)
    assert run("--fail-on", fail_on, file).exit_code == code


def test_what_cannot_be_validated_is_two_and_the_rest_is_validated(shot: Path) -> None:
    result = run("--format", "json", shot / "none.exr", shot / "beauty.0001.exr")
    assert result.exit_code == 2
    missing, found = document(result)
    assert missing["fault"].startswith("NO_FILES")
    assert found["fault"] is None
    assert {finding["code"] for finding in found["findings"]} == {"COL-UNTAGGED"}


def test_a_folder_without_images_is_two(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.exit_code == 2
    assert "no .exr files below" in result.stderr


def test_files_without_a_sequence_are_not_said_to_be_missing(tmp_path: Path) -> None:
    (tmp_path / "matte.exr").write_bytes(LOSSY)
    result = run("--sequence-only", tmp_path)
    assert result.exit_code == 2
    assert "No sequence found" in result.stdout


def test_a_bug_is_no_finding(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(**_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("sys.stdout", sys.stdout)  # restore what run() replaces
    monkeypatch.setattr(command, "callback", broken)
    monkeypatch.setattr("sys.argv", ["./run", "validate", "a.exr"])
    with pytest.raises(SystemExit) as left:
        entry.run()
    assert left.value.code == 2
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_text_for_people(tmp_path: Path) -> None:
    file = tmp_path / "a.exr"
    file.write_bytes(LOSSY)
    text = run("--why", file).output
    assert "CMP-DWA-NAMES" in text
    assert "id.R" in text
    assert RULES["CMP-DWA-NAMES"].why in " ".join(text.split())
    assert "a.exr" not in run("--quiet", "--fail-on", "never", file).output.splitlines()[0]


def test_hostile_names_do_not_reach_the_terminal(tmp_path: Path) -> None:
    file = tmp_path / "a.exr"
    file.write_bytes(build([Part(channels=[Channel("\x1b[2Jx y.R")])]))
    assert "\x1b[2J" not in run(file).output


def test_folders_and_sequences(shot: Path) -> None:
    result = run("--sequence", "--format", "json", shot.parent)
    assert result.exit_code == 1
    checked = document(result)
    assert len(checked) == 5
    assert checked[-1]["path"].endswith("beauty.####.exr")
    assert [finding["code"] for finding in checked[-1]["findings"]] == ["SEQ-MISSING"]


def test_what_frame_after_frame_has_is_printed_once(shot: Path) -> None:
    (shot / "beauty.0003.exr").write_bytes(LOSSY)
    (shot / "beauty.0006.exr").write_bytes(GOOD)
    (shot / "beauty.0007.exr").write_bytes(GOOD)
    text = run(shot).output
    assert text.count("COL-UNTAGGED") == 3, text  # of the first file, of the one that differs, and of the next one
    assert "the same in" in text
    assert "2 files from" in text
    assert len(document(run("--format", "json", shot))) == 6


def test_it_says_that_sequences_were_not_checked(shot: Path) -> None:
    said = "Sequences were not checked"
    assert said in run(shot).output
    assert said not in run("--sequence", shot).output
    assert said not in run(next(shot.rglob("*.exr"))).output


def test_digits_of_a_sequence_as_signs(shot: Path) -> None:
    (shot / "beauty.left.0001.exr").write_bytes(GOOD)
    (shot / "0007.exr").write_bytes(GOOD)
    for pattern in ("beauty.####.exr", "beauty.#.exr"):
        checked = document(run("--sequence", "--format", "json", shot / pattern))
        assert [Path(entry["path"]).name for entry in checked] == [
            *(f"beauty.000{number}.exr" for number in (1, 2, 3, 5)),
            "beauty.####.exr",
        ]
        assert checked[-1]["path"] == str(shot / "beauty.####.exr")
    assert run("--sequence", shot / "other.####.exr").exit_code == 2
    assert run("--sequence", shot.parent / "nowhere" / "a.####.exr").exit_code == 2
    assert len(document(run("--format", "json", shot / "beauty.####.exr"))) == 4, (
        "a pattern names files without --sequence, too"
    )
    literal = shot / "plate.##.exr"
    literal.write_bytes(GOOD)
    assert [entry["path"] for entry in document(run("--sequence", "--format", "json", literal))] == [str(literal)]


def test_only_sequences_are_validated_on_request(shot: Path) -> None:
    (shot / "beauty.0002.exr").write_bytes(LOSSY)
    result = run("--sequence-only", "--format", "json", shot, shot / "none.exr")
    assert result.exit_code == 2
    fault, sequence = document(result)
    assert fault["fault"].startswith("NO_FILES")
    assert {finding["code"] for finding in sequence["findings"]} == {"SEQ-MISSING", "SEQ-CHANNELS", "SEQ-COMPRESSION"}


def test_what_cannot_be_validated_is_not_counted_as_validated(shot: Path) -> None:
    result = run(shot / "none.exr", shot / "beauty.0001.exr")
    assert "1 file checked: 1 info\n1 file or folder could not be checked" in result.stdout
    assert "none.exr" not in result.stdout


def test_repeated_pixels_need_hashes(shot: Path) -> None:
    result = run("--sequence", "--hash", "--stats", "full", "--format", "json", shot)
    assert "SEQ-DUP" in {finding["code"] for finding in document(result)[-1]["findings"]}


def test_policy_by_path(shot: Path, tmp_path: Path) -> None:
    policy = tmp_path / "show.yaml"
    policy.write_text("name: show\nversion: 4\npaths: [{match: '**/shot010/**', rules: {COL-UNTAGGED: error}}]")
    result = run("--policy", policy, "--format", "json", shot / "beauty.0001.exr")
    assert result.exit_code == 1
    assert document(result)[0]["policy"] == "show@4"


def test_sarif_has_results_rules_and_faults(shot: Path, tmp_path: Path) -> None:
    bad = tmp_path / "b d.exr"
    bad.write_bytes(LOSSY)
    log = document(run("--format", "sarif", bad, shot / "none.exr"))
    (one,) = log["runs"]
    assert log["version"] == "2.1.0"
    ids = [rule["id"] for rule in one["tool"]["driver"]["rules"]]
    assert "CMP-DWA-NAMES" in ids
    for result in one["results"]:
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in {"note", "warning", "error"}
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert uri.endswith("/b%20d.exr")
        assert uri.startswith("file:///")
    assert one["invocations"][0]["executionSuccessful"] is False


def test_sarif_rules_have_the_level_of_the_policy(shot: Path) -> None:
    for policy, level in (("default", "note"), ("strict", "warning")):
        (one,) = document(run("--policy", policy, "--format", "sarif", shot / "beauty.0001.exr"))["runs"]
        (rule,) = [rule for rule in one["tool"]["driver"]["rules"] if rule["id"] == "COL-UNTAGGED"]
        assert rule["defaultConfiguration"]["level"] == level


def test_junit_has_a_case_for_each_file(shot: Path, tmp_path: Path) -> None:
    pytest.importorskip("junitparser", reason="junitparser is not installed")
    bad = tmp_path / "bad.exr"
    bad.write_bytes(LOSSY)
    root = ET.fromstring(run("--format", "junit", bad, shot / "beauty.0001.exr", shot / "none.exr").stdout)
    (suite,) = root.iter("testsuite")
    cases = {Path(case.attrib["name"]).name: case for case in suite.iter("testcase")}
    assert {failure.attrib["type"] for failure in cases["bad.exr"].iter("failure")} >= {"CMP-DWA-NAMES"}
    assert not list(cases["beauty.0001.exr"].iter("failure"))
    assert "COL-UNTAGGED" in "".join(cases["beauty.0001.exr"].itertext())
    assert len(list(cases["none.exr"].iter("error"))) == 1


ODD_NAMES = build(
    [Part(channels=[Channel("Z\x0bq"), Channel("id\x02.R", 2), Channel("a\ufffe", 1, 2, 1)], compression=8)]
)


@pytest.mark.parametrize("fail_on", ["info", "error", "never"])
def test_junit_holds_any_name(tmp_path: Path, fail_on: str) -> None:
    pytest.importorskip("junitparser", reason="junitparser is not installed")
    file = tmp_path / "a.exr"
    file.write_bytes(ODD_NAMES)
    root = ET.fromstring(run("--format", "junit", "--fail-on", fail_on, file, tmp_path / "\x1b[2J.exr").stdout)
    case, unread = root.iter("testcase")
    assert unread.attrib["name"].endswith("\\x1b[2J.exr")
    everything = ET.tostring(root, encoding="unicode")
    assert "id\\x02.R" in everything
    failures = list(case.iter("failure"))
    assert bool(failures) is (fail_on != "never")
    for failure in failures:
        assert failure.text
        assert RULES[failure.attrib["type"]].why in failure.text
        assert "part 0" in failure.attrib["message"]


def test_sarif_and_json_hold_any_name(tmp_path: Path) -> None:
    file = tmp_path / "50% #1 ü.exr"
    file.write_bytes(ODD_NAMES)
    (one,) = document(run("--format", "sarif", file))["runs"]
    uris = {r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in one["results"]}
    assert {uri.rpartition("/")[2] for uri in uris} == {"50%25%20%231%20%C3%BC.exr"}
    assert document(run("--format", "json", file))[0]["path"] == str(file)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyS3]:
    with FaultyS3() as s3:
        for name, value in {**s3.environ, "S3_RETRIES": "0"}.items():
            monkeypatch.setenv(name, value)
        for number in range(60):
            s3.put("renders", f"shot/a.{number:04}.exr", GOOD)
        yield s3


def test_one_object_that_cannot_be_read_now_is_one_fault(bucket: FaultyS3) -> None:
    bucket.script(None, None, Status(503))
    result = run("--format", "json", "s3://renders/shot/")
    assert result.exit_code == 2
    checked = document(result)
    assert [entry["path"] for entry in checked] == [f"s3://renders/shot/a.{number:04}.exr" for number in range(60)]
    assert [entry["fault"][:18] for entry in checked if entry["fault"]] == ["SOURCE_UNAVAILABLE"]
    bucket.script(None, None, Status(503))
    *_, sequence = document(run("--sequence", "--format", "json", "s3://renders/shot/"))
    assert sequence["path"].endswith("a.####.exr")
    assert "SEQ-MISSING" not in {finding["code"] for finding in sequence["findings"]}, "it is there"


def test_a_store_that_is_down_is_not_asked_for_every_object(bucket: FaultyS3) -> None:
    bucket.script(None, *[Status(503)] * 60)
    checked = document(run("--format", "json", "s3://renders/shot/"))
    assert len(checked) == 11
    assert all(entry["fault"] for entry in checked)
    assert checked[-1]["path"] == "s3://renders/shot/"
    assert bucket.count("GET") < 1 + 10 + 33


@pytest.fixture
def tables(tmp_path: Path, shot: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Catalog]:
    with LocalVastDB(tmp_path / "tables.duckdb") as database:
        for name, value in {**database_environ(database), "EXR_MOUNTS": f"renders={shot.parent}"}.items():
            monkeypatch.setenv(name, value)
        settings = load_settings(os.environ, secrets_dir=None)
        catalog = Catalog(CatalogConfig.from_settings(settings.require_catalog()))
        setup(catalog.connection)
        (shot / "beauty.0002.exr").write_bytes(LOSSY)
        opener = SourceOpener(settings)
        files = sorted(shot.glob("*.exr"))
        catalog.upsert(
            [Inspector().inspect(opener.open("renders", f"shot010/{f.name}"), builtin_policy("default")) for f in files]
        )
        yield catalog
        catalog.close()


def test_validating_what_the_tables_hold(tables: Catalog, shot: Path) -> None:
    *by_files, drift = document(run("--sequence", "--format", "json", "s3://renders/shot010/"))
    for file in shot.glob("*.exr"):
        file.unlink()
    result = run("--stored", "--sequence", "--format", "json", "s3://renders/shot010/")
    assert result.exit_code == 1
    *stored, sequence = document(result)
    assert [entry["findings"] for entry in stored] == [entry["findings"] for entry in by_files]
    assert sequence["findings"] == drift["findings"]
    assert {finding["code"] for finding in drift["findings"]} == {"SEQ-MISSING", "SEQ-CHANNELS", "SEQ-COMPRESSION"}
    for target in ("s3://renders/shot010/", "renders/shot010/beauty.####.exr"):
        (alone,) = document(run("--stored", "--sequence-only", "--format", "json", target))
        assert alone == sequence


def test_rows_that_cannot_be_read_are_told_and_the_rest_is_validated(tables: Catalog) -> None:
    def body(work: Work) -> None:
        where = lambda table: table["file_path"] == "renders/shot010/beauty.0003.exr"  # noqa: E731
        (row, *_) = rows_of(work.select(ATTRIBUTES, ["name"], where, row_ids=True))
        work.update(ATTRIBUTES, [row[ROW_ID]], {"value": pa.array(["[1"], pa.string())})

    tables.connection.run("spoil", body)
    result = run("--stored", "--format", "json", "renders/shot010/")
    assert result.exit_code == 2
    assert [bool(entry["fault"]) for entry in document(result)] == [False, False, True, False, False]


@pytest.mark.parametrize("option", [["--stats", "full"], ["--hash"]])
def test_reading_files_and_reading_tables_exclude_each_other(option: list[str]) -> None:
    result = run("--stored", *option, "renders/")
    assert result.exit_code == 2
    assert "give one or the other" in result.output


def test_another_policy_over_the_same_rows(tables: Catalog) -> None:
    result = run("--stored", "--policy", "archive", "--format", "json", "renders/shot010/beauty.0002.exr")
    codes = {finding["code"] for finding in document(result)[0]["findings"]}
    assert codes >= {"CMP-LOSSY-MASTER", "CMP-DWA-NAMES"}


def test_rules_as_records_for_programs(tmp_path: Path) -> None:
    policy = tmp_path / "p.yaml"
    policy.write_text("{name: p, version: '1', extends: default, rules: {SEQ-PADDING: 'off'}}")
    listed = document(rules("--format", "json", "--policy", policy))
    assert [record["code"] for record in listed] == [*RULES]
    assert {record["severity"] for record in listed if record["code"] == "SEQ-PADDING"} == {"off"}
    lines = list(csv.DictReader(io.StringIO(rules("CMP", "cmp-dwa-names", "--format", "csv").stdout)))
    assert [line["code"] for line in lines] == [code for code, rule in RULES.items() if rule.group == "CMP"]
    assert lines[0]["why"] == RULES[lines[0]["code"]].why
    assert document(rules("CMP-*", "--format", "json")) == document(rules("CMP", "--format", "json"))
    assert rules("CMP-DWA-NAME", "--format", "json").exit_code == rules("NO-*").exit_code == 2


def test_rules_are_listed_and_explained() -> None:
    listed = rules().output
    assert [code for code in RULES if code not in listed] == []
    text = rules("cmp-dwa-names", "CHK-DEEP-SIZES").output
    assert RULES["CMP-DWA-NAMES"].title in " ".join(text.split())
    assert "needs single pixels" in " ".join(rules("CRY-FILTERED").output.split())
    assert "CMP-DWA-NAMES" in rules("CMP").output
    assert "CMP-DWA-NAMES" in rules("cmp-d*").output
    assert "CMP-SHOW-CODEC" not in rules("cmp-d*").output
    assert "bug in exr-inspector" in rules("RULE-FAILED").output
    assert "statistics do not keep" in rules("CRY-FILTERED").output
    unknown = rules("CMP-DWA-NAME")
    assert unknown.exit_code == 2
    assert "CMP-DWA-NAMES" in unknown.output
