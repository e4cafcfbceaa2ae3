"""`./run inspect` on the samples and on hostile files."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from exr_inspector.catalog.schema import DOCUMENT
from exr_inspector.cli.commands.inspect import command
from exr_inspector.cli.output.inspection import show
from exr_inspector.cli.output.text import attribute_group, spark
from exr_inspector.inspector import Inspector
from exr_inspector.model import Histogram, Inspection, StatsMode
from exr_inspector.report.words import human_bytes, plain
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.validation import builtin_policy
from tests.support.exrbytes import (
    FLOAT,
    Channel,
    ManifestGroup,
    Part,
    a_compression,
    a_idmanifest,
    a_string,
    a_stringvector,
    a_timecode,
    attr,
    build,
    tv60,
)
from tests.support.terminal import shown_on_a_terminal

SAMPLES = Path(__file__).resolve().parents[3] / "samples"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def inspect_bytes(data: bytes, stats: StatsMode = StatsMode.FULL) -> Inspection:
    settings = load_settings({}, secrets_dir=None)
    source = SourceOpener(settings).open_bytes(data)
    return Inspector.from_settings(settings, stats=stats).inspect(source, builtin_policy("default"))


def shown(inspection: Inspection) -> str:
    console = Console(file=io.StringIO(), width=160, force_terminal=False)
    show("file.exr", inspection, console)
    return re.sub(" +$", "", console.file.getvalue(), flags=re.MULTILINE)


def test_every_sample_is_shown_and_printed_as_json() -> None:
    samples = json.loads((SAMPLES / "expected.json").read_text())
    assert samples
    people = run(SAMPLES)
    assert people.exit_code == 1
    programs = run("--json", SAMPLES)
    assert programs.exit_code == 1
    documents = [json.loads(line) for line in programs.stdout.splitlines()]
    files = {document["files"][0]["file_name"]: document["files"] for document in documents}
    assert len(files) == len(samples)
    for path, expected in samples.items():
        name = Path(path).name
        assert name in people.output
        assert [(row["status"], row["error_code"]) for row in files[name]] == [
            (expected["status"], expected["error_code"])
        ], path
    for document in documents:
        assert list(document) == [*(table.name for table in DOCUMENT), "cryptomatte_manifests"]


def test_objects_are_listed_with_names_ids_and_coverage() -> None:
    people = run("--objects", SAMPLES / "cryptomatte.exr")
    assert people.exit_code == 0
    rows = [line.split() for line in people.output.splitlines()]
    assert ["Käse", "79a8a15a", "1.09447309e+35", "780.00", "816"] in rows
    document = json.loads(run("--objects", "--json", SAMPLES / "cryptomatte.exr").output)
    names = {row["id"]: row["name"] for row in document["cryptomatte_manifests"]}
    assert [names[row["id"]] for row in document["cryptomatte_objects"]] == ["Käse", "hero_eyes", "floor", "hero_body"]
    assert "no objects" in run("--objects", SAMPLES / "layers.exr").output


@pytest.mark.parametrize("options", [("--stats", "sampled"), ("--format", "csv")])
def test_objects_need_every_pixel_and_a_description(options: tuple[str, str]) -> None:
    assert run("--objects", *options, SAMPLES / "cryptomatte.exr").exit_code == 2


def test_several_files_are_one_json_document_a_line_and_the_worst_decides_the_exit_code() -> None:
    result = run("--json", SAMPLES / "layers.exr", SAMPLES / "not_an_exr.exr")
    assert [json.loads(line)["files"][0]["status"] for line in result.output.splitlines()] == ["inspected", "failed"]
    assert result.exit_code == 1


def test_a_wrong_path_is_one_clear_line_and_exit_code_2(tmp_path: Path) -> None:
    result = run(tmp_path / "nothing.exr")
    assert result.exit_code == 2
    assert result.stderr.startswith("NO_FILES: ")
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


@pytest.mark.parametrize("command_name", ["inspect", "validate", "check"])
def test_the_openexr_library_prints_nothing_about_damaged_chunks(tmp_path: Path, command_name: str) -> None:
    damaged = tmp_path / "damaged.exr"
    raw = bytearray((SAMPLES / "compression_piz.exr").read_bytes())
    raw[-400:] = bytes(byte ^ 0x5A for byte in raw[-400:])
    damaged.write_bytes(raw)
    line = [
        sys.executable,
        "-m",
        "exr_inspector.cli",
        command_name,
        "--format",
        "json",
        "--stats",
        "full",
        str(damaged),
    ]
    done = subprocess.run(line, cwd=SAMPLES.parent, capture_output=True, text=True, timeout=60, check=False)
    assert json.loads(done.stdout)
    assert done.returncode == (0 if command_name == "inspect" else 1)  # the damaged chunks are findings
    assert "Warning" not in done.stderr
    assert "EXR_ERR" not in done.stderr
    assert "--stats full" not in done.stderr


@pytest.mark.parametrize(("encoding", "option"), [("latin-1", "--json"), ("ascii", "--all")])
def test_any_name_can_be_printed_in_any_encoding(tmp_path: Path, encoding: str, option: str) -> None:
    file = tmp_path / "odd.exr"
    channels = [Channel("\u6df1.R"), Channel("\U0001f600.R"), Channel("\udce9.R")]
    file.write_bytes(build([Part(channels=channels, extra=[a_string("owner", "\u00e9")])]))
    line = [sys.executable, "-m", "exr_inspector.cli", "inspect", "--stats", "full", option, str(file)]
    environ = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(line, cwd=SAMPLES.parent, capture_output=True, timeout=60, check=False, env=environ)
    assert done.returncode == 0, done.stderr
    if option == "--json":
        document = json.loads(done.stdout.decode(encoding))
        assert [row["name"] for row in document["channels"]] == ["\u6df1.R", r"\xe9.R", "\U0001f600.R"]


def test_what_goes_into_a_file_has_no_blanks_at_line_ends() -> None:
    output = run("--stats", "full", SAMPLES / "layers.exr").output
    assert output
    assert [line for line in output.splitlines() if line != line.rstrip()] == []


def test_figures_are_whole_on_a_narrow_screen() -> None:
    pixels = {"R": np.array([[-1.23456e-7, 1.23456e7, 0.015625, 1.0]] * 3)}
    inspection = inspect_bytes(build([Part(channels=[Channel("R", FLOAT)], pixels=pixels)]))
    for width in (80, 160):
        console = Console(file=io.StringIO(), width=width)
        show("file.exr", inspection, console)
        text = console.file.getvalue()
        assert "-1.2346e-07" in text
        assert "1.2346e+07" in text
        assert "\u2026" not in text
        assert ("distribution" in text) == (width > 80)
        assert max(map(len, text.splitlines())) <= width


def test_a_hundred_thousand_attributes_and_layers_are_counted_not_scrolled() -> None:
    extra = [a_string(f"attribute{n}", "x") for n in range(2_000)]
    data = build([Part(channels=[Channel(f"layer{n:04}.R") for n in range(2_000)], extra=extra)])
    text = shown(inspect_bytes(data, StatsMode.OFF))
    assert "and 1,700 further layers" in text
    assert "and 1,502 further attributes" in text
    assert len(text.splitlines()) < 1_000


@pytest.mark.heavy
def test_figures_of_thousands_of_channels_are_counted_not_drawn() -> None:
    data = build([Part(channels=[Channel(f"layer{n:04}.R") for n in range(2_000)])])
    text = shown(inspect_bytes(data))
    assert "and 1,500 further channels (--json has them all)" in text


def test_values_that_hold_more_than_they_show_are_taken_apart() -> None:
    manifest = a_idmanifest([ManifestGroup(["id"], ["name", "material"], {1: ["a", "b"], 5: ["c", "d"]})])
    extra = [
        a_timecode("timeCode", tv60(1, 2, 3, 4) | 1 << 7, 0x1234),
        manifest,
        a_stringvector("multiView", ["l", "r"]),
    ]
    text = shown(inspect_bytes(build([Part(extra=extra)])))
    assert "01:02:03:04, colour frame, user data 00001234" in text
    assert "2 ids of name, material in id (MurmurHash3_32, id, stable)" in text
    assert "l, r" in text
    broken = attr("idManifest", "idmanifest", bytes(8) + b"x")
    assert "cannot be read" in shown(inspect_bytes(build([Part(extra=[broken])])))


def test_nothing_is_said_of_what_an_unknown_compression_does() -> None:
    text = shown(inspect_bytes(build([Part(replace=[a_compression(77)])])))
    assert "unknown(77)" in text
    assert "lossless" not in text


def test_channels_are_shown_by_component_beside_their_layer_and_view() -> None:
    views = a_stringvector("multiView", ["left", "right"])
    text = shown(inspect_bytes(build([Part(channels=[Channel("a.right.B"), Channel("a.right.R")], extra=[views])])))
    assert re.search(r"^ +a +right +B, R +half$", text, re.MULTILINE)


def test_no_value_prints_control_codes() -> None:
    data = build([Part(extra=[a_string("comments", "\x1b[2J\x1b]0;owned\x07[red]x[/red]\r\n\u202ehidden")])])
    text = shown(inspect_bytes(data))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\u202e" not in text
    assert "[red]x[/red]" in text
    assert "\\x1b[2J" in text


def test_long_values_are_cut_with_their_length() -> None:
    text = shown(inspect_bytes(build([Part(extra=[a_string("comments", "x" * 5000)])])))
    assert "x" * 500 not in text
    assert "(5,000 characters)" in text


def test_an_incomplete_part_says_which_rows_are_missing() -> None:
    output = run(SAMPLES / "truncated.exr").output
    assert "[incomplete]" in output
    assert "missing rows" in output


def test_a_hundred_parts_are_counted_not_scrolled() -> None:
    data = build([Part(name=f"part{index:03}") for index in range(100)])
    text = shown(inspect_bytes(data, StatsMode.OFF))
    assert "and 50 further parts" in text


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("chromaticities", "colour"),
        ("cameraModel", "camera"),
        ("cryptomatte/a1b2c3d/manifest", "cryptomatte"),
        ("Software", "provenance"),
        ("show/mood", "other"),
    ],
)
def test_attributes_are_grouped(name: str, group: str) -> None:
    assert attribute_group(name) == group


def test_sizes_and_numbers_are_printed_with_units() -> None:
    assert [human_bytes(size) for size in (0, 999, 1000, 1_234_567, 5 * 10**12)] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "1.2 MB",
        "5.0 TB",
    ]
    assert plain("a\nb") == "a\\nb"
    assert spark(Histogram((0.0, 1.0, 2.0, 3.0), (0, 1, 100))) == " ▁█"
    assert spark(None) == ""
    many = Histogram(tuple(float(edge) for edge in range(65)), (1,) * 64)
    assert set(spark(many)) <= set("▇█")
    assert len(spark(many)) == 24


def test_levels_above_the_first_are_read_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    path = SAMPLES / "tiled_mipmap.exr"

    def levels(*arguments: str) -> set[tuple[int, int]]:
        rows = json.loads(run("--json", "--stats", "full", *arguments, path).stdout)["stats"]
        assert all(row["exact"] for row in rows)
        return {(row["level_x"], row["level_y"]) for row in rows}

    assert levels() == {(0, 0)}
    every = levels("--levels", "all")
    assert {(0, 0), (1, 1), (2, 2)} <= every
    monkeypatch.setenv("EXR_STATS_LEVELS", "all")
    assert levels() == every
    assert levels("--levels", "first") == {(0, 0)}
    # The last level has one pixel, so it is constant, which does not mean that the image is.
    output = run("--levels", "all", "--stats", "full", path).output
    assert " @1,1" in output
    assert "statistics of every pixel\n" in output


def test_what_a_sample_did_not_check_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    path = SAMPLES / "layers.exr"
    assert "not checked" not in run("--stats", "full", path).output
    assert "not checked: pixels; --stats full reads every pixel" in run("--stats", "off", path).output
    monkeypatch.setenv("EXR_STATS_BYTES", "16")
    assert re.search(r"not checked: pixels of \d+ chunks; --stats full", run("--stats", "sampled", path).output)
    lines = run("--stats", "off", "--format", "csv", path, path, SAMPLES / "tiled.exr")
    assert "No pixel of 2 files was read" in lines.stderr
    assert "was read" not in lines.stdout
    assert not run("--stats", "full", "--format", "csv", path).stderr


def test_a_file_is_called_what_its_user_calls_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SAMPLES)
    name = "./shots/sh010/beauty.1001.exr"
    text = run("--stats", "off", name).output
    assert text.startswith(name)
    assert "./shots/sh010/beauty.####.exr  frame 1001" in text
    assert run("--format", "csv", "--fields", "path", "--stats", "off", "layers.exr").stdout == "path\nlayers.exr\n"


def on_a_terminal(*arguments: str, **environ: str) -> bytes:
    program = [sys.executable, "-m", "exr_inspector.cli", "inspect", *arguments]
    kept = {name: text for name, text in os.environ.items() if name not in {"TMUX", "TERM_PROGRAM"}}
    return shown_on_a_terminal(program, SAMPLES.parent, {**kept, "TERM": "xterm", **environ})


def test_a_thumbnail_is_shown_on_a_terminal_and_elsewhere_on_request() -> None:
    assert b"\x1b[38;2;" in on_a_terminal("--thumbnail", "samples/scanline_zip.exr")
    assert b"\x1b_Gf=100,a=T" in on_a_terminal("--thumbnail", "samples/scanline_zip.exr", KITTY_WINDOW_ID="1")
    piped = run("--thumbnail", SAMPLES / "scanline_zip.exr")
    assert "standard output is not a terminal" in piped.stderr
    assert "\x1b" not in piped.output
    assert "\x1b]1337;File=inline=1" in run("--thumbnail-as", "iterm2", SAMPLES / "scanline_zip.exr").output
    assert run("--thumbnail", "--format", "csv", SAMPLES / "scanline_zip.exr").exit_code == 2


def test_hashes_are_made_of_every_pixel_and_a_folder_without_files_is_named(tmp_path: Path) -> None:
    assert json.loads(run("--json", "--hash", SAMPLES / "layers.exr").output)["files"][0]["stats_mode"] == "full"
    refused = run("--hash", "--stats", "off", SAMPLES / "layers.exr")
    assert (refused.exit_code, "--hash reads every pixel" in refused.output) == (2, True)
    empty = run(tmp_path)
    assert (empty.exit_code, empty.stderr) == (2, f"NO_FILES: no .exr files below {tmp_path}\n")


def test_folders_and_patterns_are_inspected_a_line_a_file() -> None:
    listed = run("--format", "csv", "--fields", "path,frame_number,compression", SAMPLES / "shots").output.splitlines()
    assert listed[0] == "path,frame_number,compression"
    assert [line.rpartition("/")[2] for line in listed[1:]] == [
        f"beauty.{n}.exr,{n},ZIP" for n in (1001, 1002, 1004, 1005)
    ]
    by_pattern = run("--format", "json", "--fields", "frame_number", SAMPLES / "shots" / "sh010" / "beauty.%04d.exr")
    assert [json.loads(line) for line in by_pattern.output.splitlines()] == [
        {"frame_number": number} for number in (1001, 1002, 1004, 1005)
    ]
    assert run("--format", "table", SAMPLES / "*_zip*.exr").output.count("ZIP") > 2
    assert run(SAMPLES / "nothing_*.exr").exit_code == 2
    wrong = run("--format", "csv", "--fields", "path,compresion", SAMPLES / "layers.exr")
    assert wrong.exit_code == 2
    assert "did you mean compression" in wrong.output


def test_a_cell_that_a_spreadsheet_would_run_is_text(tmp_path: Path) -> None:
    (tmp_path / "a.exr").write_bytes(build([Part(extra=[a_string("comments", "=HYPERLINK(1)\x1b[2J")])]))
    assert run("--format", "csv", "--fields", "comments", tmp_path).output == "comments\n'=HYPERLINK(1)\\x1b[2J\n"


def test_types_are_told_by_channel_and_sizes_by_level() -> None:
    text = run(SAMPLES / "layers.exr").output
    assert "half (A, B, G, R), float (Z), uint (id)" in text
    assert "levels          7: 64 x 64, 32 x 32, 16 x 16" in run(SAMPLES / "tiled_mipmap.exr").output


def test_a_deep_part_tells_its_samples_per_pixel() -> None:
    output = run("--stats", "full", SAMPLES / "deep_scanline.exr").output
    assert "samples per pixel" in output


def test_rules_that_were_broken_are_explained_on_request() -> None:
    files = [str(SAMPLES / name) for name in ("nan_inf.exr", "black.exr")]
    without, explained = (CliRunner().invoke(command, [*files, *more]).output for more in ((), ("--why",)))
    for words in ("No pixel value is NaN. Why: One NaN spreads", "The render failed"):
        assert words not in without
        assert explained.count(words) == 1


def test_a_long_path_is_on_one_line_of_the_table(tmp_path: Path) -> None:
    long = tmp_path / f"{'a' * 120}.exr"
    long.write_bytes((SAMPLES / "layers.exr").read_bytes())
    printed = on_a_terminal("--format", "table", "--stats", "off", str(long), COLUMNS="80")
    assert str(long).encode() in printed
