"""Paths of files in the form that `--paths` asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from exr_inspector.cli.paths import ShownPaths
from exr_inspector.errors import SettingsError

VIEWS = {"EXR_VIEWS": r"/studio/renders=renders|/mnt/renders|Z:\renders, /studio/plates=all/plates|Z:\plates"}


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (None, "renders/sh010/a.exr"),
        ("key", "renders/sh010/a.exr"),
        ("cluster", "/studio/renders/sh010/a.exr"),
        ("client", "/mnt/renders/sh010/a.exr"),
    ],
)
def test_a_path_of_the_tables(form: str | None, expected: str) -> None:
    assert ShownPaths.of(form, VIEWS).stored("renders/sh010/a.exr") == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("renders", "/studio/renders"),
        ("renders/", "/studio/renders/"),
        ("renders/sh010", "/studio/renders/sh010"),
        ("all/plates", "/studio/plates"),
        ("all/plates/####.exr", "/studio/plates/####.exr"),
        ("all", "all"),
        ("all/other/a.exr", "all/other/a.exr"),
        ("file:/mnt/renders/a.exr", "/studio/renders/a.exr"),
        ("file:/home/a.exr", "file:/home/a.exr"),
        ("", ""),
    ],
)
def test_folders_and_what_no_view_covers(path: str, expected: str) -> None:
    assert ShownPaths.of("cluster", VIEWS).stored(path) == expected


@pytest.mark.parametrize(
    ("name", "key", "cluster", "client"),
    [
        ("s3://renders/a.exr", "s3://renders/a.exr", "/studio/renders/a.exr", "/mnt/renders/a.exr"),
        ("/mnt/renders/a.exr", "s3://renders/a.exr", "/studio/renders/a.exr", "/mnt/renders/a.exr"),
        ("/mnt/renders/x/../a.exr", "s3://renders/a.exr", "/studio/renders/a.exr", "/mnt/renders/a.exr"),
        ("/mnt/renders/../a.exr", *["/mnt/renders/../a.exr"] * 3),
        (r"Z:\renders\a.exr", "s3://renders/a.exr", "/studio/renders/a.exr", "/mnt/renders/a.exr"),
        ("s3://all/plates/sh/a.exr", "s3://all/plates/sh/a.exr", "/studio/plates/sh/a.exr", r"Z:\plates\sh\a.exr"),
        ("s3://other/a.exr", *["s3://other/a.exr"] * 3),
        ("/home/a.exr", *["/home/a.exr"] * 3),
        ("renders/a.exr", *["renders/a.exr"] * 3),
        ("", "", "", ""),
    ],
)
def test_a_name_of_the_user(name: str, key: str, cluster: str, client: str) -> None:
    found = [ShownPaths.of(form, VIEWS).named(name) for form in ("key", "cluster", "client", None)]
    assert found == [key, cluster, client, name]


def test_a_relative_path_below_a_mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    views = {"EXR_VIEWS": f"/studio/renders=renders|{tmp_path}"}
    assert ShownPaths.of("key", views).named("sh010/") == "s3://renders/sh010/"
    assert ShownPaths.of("cluster", views).named(f"../{tmp_path.name}") == "/studio/renders"


def test_a_row_of_a_table() -> None:
    row = {"path": "renders/a.exr", "directory": "renders", "bucket": "renders", "sequence": None, "width": 1}
    assert ShownPaths.of("client", VIEWS).row(row) == {
        **row, "path": "/mnt/renders/a.exr", "directory": "/mnt/renders",
    }  # fmt: skip


def test_without_views_only_keys_are_known() -> None:
    assert ShownPaths.of("key", {}).named("/mnt/renders/a.exr") == "/mnt/renders/a.exr"
    with pytest.raises(SettingsError, match="EXR_VIEWS: not set, needed for --paths client"):
        ShownPaths.of("client", {"EXR_VIEWS": " "})
