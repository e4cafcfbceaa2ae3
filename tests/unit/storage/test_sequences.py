import pytest
from hypothesis import given
from hypothesis import strategies as st

from exr_inspector.model import SequenceName
from exr_inspector.storage.sequences import sequence_name


@pytest.mark.parametrize(
    ("file_name", "pattern", "frame", "padding"),
    [
        ("beauty.1001.exr", "beauty.####.exr", 1001, 4),
        ("beauty.0001.exr", "beauty.####.exr", 1, 4),
        ("beauty.7.exr", "beauty.#.exr", 7, 1),
        ("beauty.-0010.exr", "beauty.####.exr", -10, 4),
        ("beauty.-10.exr", "beauty.##.exr", -10, 2),
        ("beauty.1001.left.exr", "beauty.####.left.exr", 1001, 4),
        ("shot.0010.1001.exr", "shot.0010.####.exr", 1001, 4),
        ("shot1001.0005.exr", "shot1001.####.exr", 5, 4),
        ("v002.0101.exr", "v002.####.exr", 101, 4),
        ("v002.0101", "v002.####", 101, 4),
        ("plate_2048.0003.exr", "plate_2048.####.exr", 3, 4),
        ("1001.exr", "####.exr", 1001, 4),
        (".1001.exr", ".####.exr", 1001, 4),
        ("tex.1001.exr", "tex.####.exr", 1001, 4),
        ("beauty.1001.EXR", "beauty.####.EXR", 1001, 4),
        ("a b.\u00e9.0010.exr", "a b.\u00e9.####.exr", 10, 4),
        ("a.b.c.d.e.f.g.h.i.1001.exr", "a.b.c.d.e.f.g.h.i.####.exr", 1001, 4),
        ("beauty.9999999.exr", "beauty.#######.exr", 9999999, 7),
        ("beauty.0000001001.exr", "beauty.##########.exr", 1001, 10),
    ],
)
def test_names_that_decide(file_name: str, pattern: str, frame: int, padding: int) -> None:
    name = sequence_name("bucket", f"show/{file_name}")
    assert name == SequenceName("bucket/show", file_name, f"bucket/show/{pattern}", frame, padding)


@pytest.mark.parametrize(
    "file_name",
    [
        "shot1001.exr",
        "shot1001",
        "._beauty.1001.exr",
        "v002.exr",
        "beauty_v003.exr",
        "plate_2048.exr",
        "img_2k_0045.exr",
        "image.exr",
        "frame-1001.exr",
        "beauty_1001_aces.exr",
        "x.1920x1080.exr",
        "beauty.10000000.exr",
        "render.20261123.exr",
        "capture.1700000000.exr",
        "shot.0010.beauty.v003.exr",
        "render.20261123210500.exr",
        "beauty.#.exr",
        "beauty.1-10#.exr",
        "beauty.%04d.exr",
        "beauty.<UDIM>.exr",
        "beauty.1e5.exr",
        "beauty.\uff11\uff10\uff10\uff11.exr",
        "beauty.+5.exr",
        "beauty.--5.exr",
        "folder\\beauty.1001.exr",
        "12345",
        ".exr",
        "..",
        "",
    ],
)
def test_names_that_do_not_decide(file_name: str) -> None:
    assert sequence_name("b", file_name) == SequenceName("b", file_name, None, None, 0)


def test_the_folder_is_part_of_the_sequence_and_its_numbers_are_not_frames() -> None:
    assert sequence_name("b", "1001/2.5/beauty.exr").frame is None
    name = sequence_name("b", "x/1001/beauty.0001.exr")
    assert (name.directory, name.sequence) == ("b/x/1001", "b/x/1001/beauty.####.exr")
    assert sequence_name("b", "beauty.0001.exr").directory == "b"
    assert sequence_name("b", "folder/").file_name == ""


@given(st.text(max_size=60))
def test_no_key_is_too_odd(key: str) -> None:
    name = sequence_name("b", key)
    assert f"{name.directory}/{name.file_name}" == f"b/{key}"
    assert (name.frame is None) == (name.sequence is None) == (name.padding == 0)


@given(
    st.text(st.characters(exclude_characters="/\\\n\r", codec="utf-8"), max_size=20),
    st.integers(-9_999_999, 9_999_999),
    st.integers(1, 8),
)
def test_a_number_between_dots_is_found(stem: str, frame: int, padding: int) -> None:
    sign = "-" if frame < 0 else ""
    digits = f"{abs(frame):0{padding}d}"
    name = sequence_name("b", f"{stem}.{sign}{digits}.exr")
    assert (name.frame, name.padding) == (frame, len(digits))
    assert name.sequence == f"b/{stem}.{'#' * len(digits)}.exr"
