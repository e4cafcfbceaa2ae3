"""A delivery with one fault of each kind: `check` finds each with its frames, and nothing else."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from exr_inspector import open_catalog
from exr_inspector.cli.commands.check import command
from exr_inspector.library import storing
from tests.support import exrbytes as ex
from tests.support.databases import empty_catalog
from tests.support.exrbytes import MIPMAP, Channel, Part, Tiles
from tests.unit.validation.cases.made.metadata import MANIFEST, declared, matte

Pixels = dict[str, np.ndarray[Any, Any]]
HEIGHT, WIDTH = 64, 96
SAMPLES = Path(__file__).resolve().parents[3] / "samples"


def image(number: int) -> Pixels:
    rng = np.random.default_rng(number)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    base = 0.5 + 0.3 * np.sin(x / 9 + number / 5) * np.cos(y / 7) + rng.random((HEIGHT, WIDTH)) * 0.01
    pixels = {name: (base * gain).astype(np.float16) for name, gain in (("R", 1), ("G", 0.9), ("B", 0.8))}
    return {**pixels, "diffuse.R": (base * 0.5).astype(np.float16)}


def write(path: Path, pixels: Pixels, **arguments: Any) -> None:
    height, width = pixels["R"].shape
    channels = [Channel(name) for name in pixels]
    part = Part(data_window=(0, 0, width - 1, height - 1), channels=channels, pixels=pixels, **arguments)
    path.write_bytes(ex.build([part]))


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clean")
    for number in range(1001, 1021):
        write(folder / f"beauty_{number}.exr", image(number))
    return folder


@pytest.fixture
def delivery(clean: Path, tmp_path: Path) -> Path:
    return shutil.copytree(clean, tmp_path / "sh010")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments])


def checked(*arguments: object, exit_code: int | None = None) -> dict[str, Any]:
    result = run(*arguments, "--format", "json")
    assert exit_code in {None, result.exit_code}, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def codes(document: dict[str, Any], least: str = "warning") -> set[str]:
    wanted = {"warning", "error"} if least == "warning" else {"error"}
    items = [*document["sequences"], *(file for s in document["sequences"] for file in s["files"]), *document["files"]]
    return {f["code"] for item in items for f in item["findings"] if f["severity"] in wanted}


def test_a_clean_delivery_passes(delivery: Path) -> None:
    result = run(delivery, "--frames", "1001-1020")
    assert result.exit_code == 0, result.output
    assert "PASSED" in result.output
    assert "20 of 20 frames" in result.output
    assert codes(checked(delivery, exit_code=0)) == set()


def _black(pixels: Pixels) -> Pixels:
    return {name: array if "." in name else np.zeros_like(array) for name, array in pixels.items()}


def _flat(pixels: Pixels) -> Pixels:
    return {name: np.full_like(array, 0.25) for name, array in pixels.items()}


def _bright(pixels: Pixels) -> Pixels:
    return {name: array * np.float16(6) for name, array in pixels.items()}


def _hole(pixels: Pixels) -> Pixels:
    for name in "RGB":
        pixels[name][16:48, 32:64] = 0
    return pixels


def _nan(pixels: Pixels) -> Pixels:
    pixels["R"][3, 4] = np.nan
    return pixels


def _without_layer(pixels: Pixels) -> Pixels:
    return {name: array for name, array in pixels.items() if "." not in name}


def _smaller(pixels: Pixels) -> Pixels:
    return {name: array[:, :-8] for name, array in pixels.items()}


@pytest.mark.parametrize(
    ("spoil", "code", "is_error"),
    [
        (_black, "SEQ-BLACK", True),
        (_flat, "SEQ-CONSTANT", True),
        (_bright, "SEQ-FLASH", False),
        (_hole, "SEQ-BUCKET", True),
        (_nan, "PIX-NAN", True),
        (_without_layer, "SEQ-CHANNELS", True),
        (_smaller, "SEQ-RES", True),
    ],
)
def test_a_spoiled_frame_is_found_and_listed(
    spoil: Callable[[Pixels], Pixels], code: str, is_error: bool, delivery: Path
) -> None:
    write(delivery / "beauty_1007.exr", spoil(image(1007)))
    document = checked(delivery, exit_code=1 if is_error else 0)
    assert code in codes(document)
    assert "PIX-BLACK" not in codes(document), "SEQ-BLACK says it"
    (sequence,) = document["sequences"]
    assert sequence["rerender_frames"] == ("1007" if is_error else "")


def test_files_that_are_broken_or_not_there_are_to_be_rendered_again(delivery: Path) -> None:
    (delivery / "beauty_1003.exr").unlink()
    (delivery / "beauty_1004.exr").unlink()
    whole = (delivery / "beauty_1009.exr").read_bytes()
    (delivery / "beauty_1009.exr").write_bytes(whole[: len(whole) * 2 // 3])
    (delivery / "beauty_1012.exr").write_bytes(b"")
    (delivery / "beauty_1015.exr").write_bytes((delivery / "beauty_1014.exr").read_bytes())
    document = checked(delivery, "--frames", "1001-1022")
    (sequence,) = document["sequences"]
    assert (sequence["missing_frames"], sequence["missing_count"]) == ("1003-1004,1021-1022", 4)
    assert (sequence["rerender_frames"], sequence["rerender_count"]) == ("1003-1004,1009,1012,1021-1022", 6)
    assert {"SEQ-MISSING", "SEQ-DUP", "STR-MAGIC"} <= codes(document)
    text = run(delivery, "--frames", "1001-1022")
    assert text.exit_code == 1
    assert "render again: 1003-1004,1009,1012,1021-1022" in text.output
    assert "..--...." in text.output


def test_a_pattern_names_the_range_it_expects(delivery: Path) -> None:
    document = checked(delivery / "beauty_####[1005-1010].exr")
    assert document["files_total"] == 6
    (delivery / "beauty_1006.exr").unlink()
    (sequence,) = checked(delivery / "beauty_####[1005-1010].exr")["sequences"]
    assert (sequence["first"], sequence["last"], sequence["missing_frames"]) == (1005, 1010, "1006")


def test_without_pixels_it_says_what_was_not_looked_for(delivery: Path) -> None:
    write(delivery / "beauty_1007.exr", _black(image(1007)))
    result = run(delivery, "--stats", "off")
    assert result.exit_code == 0
    assert "No pixel was read: NaN, black frames" in result.output
    assert "Not all pixels were read: NaN, black frames" in run(delivery, "--stats", "sampled").output
    assert run(delivery, "--stats", "off", "--format", "csv").stderr.startswith("No pixel was read")


def test_names_that_leave_it_open_are_not_passed_silently(tmp_path: Path) -> None:
    for name in ("a_1_7.exr", "a_2_9.exr", "a_5_3.exr"):
        write(tmp_path / name, image(1))
    result = run(tmp_path, "--stats", "off")
    assert "No sequence recognised: a_1_7.exr" in result.output


def test_textures_are_no_frames(tmp_path: Path) -> None:
    for tile in (1001, 1002, 1011):
        part = Part(kind="tiledimage", data_window=(0, 0, 15, 15), tiles=ex.Tiles(8, 8, ex.MIPMAP))
        (tmp_path / f"skin.{tile}.exr").write_bytes(ex.build([part]))
    document = checked(tmp_path)
    (sequence,) = document["sequences"]
    assert sequence["is_texture"]
    assert (sequence["missing_frames"], sequence["rerender_frames"]) == ("", "")


def test_every_level_of_a_texture_is_read(tmp_path: Path) -> None:
    part = Part(kind="tiledimage", tiles=Tiles(4, 4, MIPMAP), data_window=(0, 0, 7, 7), channels=[Channel("Y")])
    built = ex.lay_out([part])
    first_of_level_1 = built.parts[0].chunks[4].body
    (tmp_path / "wall.exr").write_bytes(built.patched(first_of_level_1, np.float16("nan").tobytes()))
    assert "Level 1,1: Y holds 1 NaN" in run(tmp_path).output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([""], "an empty name stands for no file"),
        (["nowhere/"], "there is no file or folder nowhere/"),
        (["nowhere/a.####.exr"], "no .exr files match"),
        (["*/a.####.exr"], "no .exr files match"),
        (["a.####.%04d[1-9].exr"], "found 2 frame numbers"),
    ],
)
def test_targets_that_stand_for_nothing(arguments: list[str], words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert words in result.output


def test_frames_as_a_list(delivery: Path) -> None:
    document = checked(delivery, "--frames", "1001-1010x3,1019-1021")
    (sequence,) = document["sequences"]
    assert (sequence["expected_frames"], sequence["missing_frames"]) == ("1001-1010x3,1019-1021", "1021")


def test_a_folder_that_is_not_there_is_not_called_failed(delivery: Path) -> None:
    result = run("nowhere")
    assert (result.exit_code, "NOT CHECKED" in result.output, "FAILED" in result.output) == (2, True, False)
    result = run(delivery, "nowhere")
    assert (result.exit_code, "FAILED" in result.output) == (2, True)
    assert "1 target could not be checked" in " ".join(result.output.split())


def test_misuse_is_one_line() -> None:
    for frames, words in (
        ("1010-1001", "which ends before it begins, expected 1001-1010"),
        ("1001:1060", "expected frames such as 1001-1060 or 1001-1010,1020-1040x2"),
        ("1001 1060", "expected frames such as 1001-1060 or 1001-1010,1020-1040x2"),
        ("1001-1010x0", "found a step of 0, expected 1 or more"),
        ("1001-1010,1005-1020x2", "found ranges with steps that overlap"),
        ("1-12345678901", "expected frame numbers of at most 9 digits"),
    ):
        result = run("x.exr", "--frames", frames)
        assert result.exit_code == 2
        assert words in result.output


def test_frames_that_no_sequence_could_have_are_a_fault(tmp_path: Path) -> None:
    write(tmp_path / "slate.exr", image(1))
    assert run(tmp_path, "--stats", "off").exit_code == 0
    result = run(tmp_path, "--stats", "off", "--frames", "1001-1003")
    assert result.exit_code == 2
    assert "NO_FILES: frames 1001-1003 were asked for, but no sequence was recognised" in " ".join(
        result.output.split()
    )


@pytest.mark.parametrize(
    ("names", "target", "words"),
    [
        (["skin.1001.exr", "skin.1002.exr"], "skin.<UDIM>.exr", "the files are textures"),
        (
            ["a_1_7.exr", "a_2_9.exr", "a_5_3.exr"],
            "",
            "no sequence was recognised among a_1_7.exr, a_2_9.exr, a_5_3.exr",
        ),
        (["b.1001.exr"], "b.[1001-1001].exr", "the pattern asks for frames 1001, the argument frames for 1001-1003"),
        (["b.1001.exr"], "b.[1001-99999999999].exr", "expected frame numbers of at most 9 digits"),
        (["b.1001.exr"], "b.[1003-1001].exr", "ends before it begins, expected 1001-1003"),
        (["b.1001.exr"], "b.[1001-1060x0].exr", "found a step of 0, expected 1 or more"),
        (["b.1001.exr", "b.20260131120000.exr"], "b.####.exr", "would be frame 20260131120000"),
    ],
)
def test_frames_that_nobody_can_look_for_are_a_fault(names: list[str], target: str, words: str, tmp_path: Path) -> None:
    for name in names:
        write(tmp_path / name, image(1))
    result = run(f"{tmp_path}/{target}", "--stats", "off", "--frames", "1001-1003")
    assert result.exit_code == 2
    assert words in " ".join(result.output.split())


def test_every_range_that_is_asked_for_holds(delivery: Path) -> None:
    for number in (1003, 1016):
        (delivery / f"beauty_{number}.exr").unlink()
    for targets in (
        ["beauty_[1001-1005].exr", "beauty_[1015-1022].exr"],
        ["beauty_[1015-1022].exr", "beauty_[1001-1005].exr"],
    ):
        (sequence,) = checked(*(delivery / target for target in targets), "--stats", "off", exit_code=1)["sequences"]
        assert sequence["missing_frames"] == "1003,1016,1021-1022"
    for order in (1, -1):
        targets = ["beauty_[1001-1022].exr", ""][::order]
        (sequence,) = checked(*(f"{delivery}/{target}" for target in targets), "--stats", "off", exit_code=1)[
            "sequences"
        ]
        assert (sequence["last"], sequence["missing_frames"]) == (1022, "1003,1016,1021-1022")


def test_missing_frames_are_named_whatever_their_number(tmp_path: Path) -> None:
    for number in (1, 3_000_000):
        write(tmp_path / f"a.{number:07d}.exr", image(1))
    (sequence,) = checked(tmp_path, "--stats", "off")["sequences"]
    assert (sequence["missing_frames"], sequence["missing_count"]) == ("2-2999999", 2_999_998)
    assert (sequence["rerender_frames"], sequence["rerender_count"]) == ("2-2999999", 2_999_998)
    assert "render again: 2-2999999" in run(tmp_path, "--stats", "off").output


def test_a_file_that_may_not_be_read_is_not_to_be_rendered_again(delivery: Path) -> None:
    (delivery / "beauty_1007.exr").unlink()
    (delivery / "beauty_1007.exr").symlink_to("moved.exr")
    document = checked(delivery, "--stats", "off", exit_code=2)
    (sequence,) = document["sequences"]
    assert (sequence["rerender_frames"], sequence["missing_frames"], sequence["unread_frames"]) == ("", "", "1007")
    assert "SEQ-MISSING" not in codes(document)
    assert "could not be read: 1007" in run(delivery, "--stats", "off").output


@pytest.mark.parametrize("target", ["moved.exr", "n" * 300])
def test_a_link_that_leads_nowhere_is_named(delivery: Path, target: str) -> None:
    (delivery / "beauty_1007.exr").unlink()
    (delivery / "beauty_1007.exr").symlink_to(target)
    result = run(delivery, "--stats", "off")
    assert result.exit_code == 2
    assert re.search(r"SOURCE_NOT_FOUND.*a link that leads nowhere", " ".join(result.output.split()))  # it is wrapped


def test_what_is_not_shown_is_said_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / f"{name}.exr", image(1))
    output = run(tmp_path, "--stats", "off").output
    assert output.count("Not shown: COL-UNTAGGED (of severity info); --info shows them") == 1
    for option in (["--info"], ["--fail-on", "info"]):
        output = run(tmp_path, "--stats", "off", *option).output
        assert "Not shown" not in output
        assert output.count("info  COL-UNTAGGED") == 2


@pytest.mark.parametrize("form", ["csv", "junit", "sarif"])
def test_documents_for_programs(form: str, delivery: Path) -> None:
    write(delivery / "beauty_1007.exr", _nan(image(1007)))
    (delivery / "beauty_1012.exr").unlink()
    result = run(delivery, "--format", form)
    assert result.exit_code == 1
    assert "PIX-NAN" in result.stdout
    assert "SEQ-MISSING" in result.stdout


def test_cells_that_begin_a_formula_are_inert(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    write(folder / "x.exr", {"R": image(1)["R"], "=cmd": np.full((HEIGHT, WIDTH), np.nan, np.float16)})
    result = run(folder, "--format", "csv")
    assert ",=cmd," not in result.stdout
    assert "'=cmd" in result.stdout


@pytest.mark.parametrize("stores", [False, True])
def test_an_interrupt_prints_the_tally_so_far(
    delivery: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, stores: bool
) -> None:
    from exr_inspector.delivery import check as module  # noqa: PLC0415

    real = module.inspect_each

    def interrupted(*arguments: Any, **options: Any) -> Any:
        for number, item in enumerate(real(*arguments, **options)):
            if number == 5:
                raise KeyboardInterrupt
            yield item

    monkeypatch.setattr(module, "inspect_each", interrupted)
    result = run(delivery, *(("--catalog", tmp_path / "c.duckdb") if stores else ()))
    assert result.exit_code == 130
    assert "STOPPED" in result.output
    assert "5 of 20 files were checked" in result.output


def test_an_interrupt_while_the_last_rows_are_stored_keeps_the_result(
    delivery: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(storing, "store_folder", interrupted)
    result = run(delivery, "--catalog", empty_catalog(tmp_path / "c.duckdb"))
    assert (result.exit_code, "20 of 20 files were checked" in result.output) == (130, True)
    assert "stopped while the last rows were stored" in result.stderr


def test_what_the_library_says_of_damaged_chunks_reaches_no_terminal(tmp_path: Path) -> None:
    damaged = bytearray((SAMPLES / "compression_zip.exr").read_bytes())
    damaged[-200:] = bytes(byte ^ 0xFF for byte in damaged[-200:])
    (tmp_path / "damaged.exr").write_bytes(damaged)
    command = [sys.executable, "-m", "exr_inspector.cli", "check", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=110)
    assert (done.returncode, done.stderr) == (1, "")
    assert "CHK-DECODE" in done.stdout


def test_a_manifest_that_arrives_after_the_frame_is_seen_by_the_next_check(tmp_path: Path) -> None:
    folder, catalog = tmp_path / "renders", empty_catalog(tmp_path / "c.duckdb")
    folder.mkdir()
    (folder / "matte.1001.exr").write_bytes(matte(declared("manifest", manif_file="m.json")))
    for text, expected in (("", {"CRY-MANIF-FILE"}), (MANIFEST, set())):
        if text:
            (folder / "m.json").write_text(text, encoding="utf-8")
        run(folder, "--catalog", catalog)
        with open_catalog(catalog) as tables:
            rows = tables.query("SELECT code FROM validation").to_pylist()
        assert {row["code"] for row in rows if row["code"] == "CRY-MANIF-FILE"} == expected


def test_a_file_with_an_error_is_not_called_ok_when_no_finding_fails(delivery: Path) -> None:
    result = run("--fail-on", "never", "--stats", "off", SAMPLES / "truncated.exr")
    assert (result.exit_code, "truncated.exr  has errors" in result.output) == (0, True)
    assert "PASSED" in result.output
