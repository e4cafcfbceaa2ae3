"""Names of a file: object key, path on the cluster, and path on a client."""

from pathlib import Path

import pytest

from exr_inspector.cli.__main__ import by_views
from exr_inspector.errors import SettingsError
from exr_inspector.settings import load_settings
from exr_inspector.storage.client_views import ClientViews

TEXT = r"/studio/renders=s3://renders|/mnt/renders|Z:\renders, /studio=all/sub, /studio/renders/secret=hidden"


@pytest.fixture(scope="module")
def views() -> ClientViews:
    return ClientViews(load_settings({"EXR_VIEWS": TEXT}, secrets_dir=None).views)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/studio/renders/a/b.exr", ("renders", "a/b.exr")),
        ("/studio/renders2/b.exr", ("all", "sub/renders2/b.exr")),
        ("/studio/renders/secret/b.exr", ("hidden", "b.exr")),
        ("/elsewhere/b.exr", None),
    ],
)
def test_from_the_cluster(views: ClientViews, path: str, expected: tuple[str, str] | None) -> None:
    assert views.from_cluster(path) == expected
    if expected is not None:
        assert views.to_cluster(*expected) == path


def test_no_view_covers_an_object(views: ClientViews) -> None:
    assert views.to_cluster("other", "a.exr") is None
    assert views.to_cluster("all", "elsewhere/a.exr") is None


def test_the_views_of_a_folder_of_the_cluster(views: ClientViews) -> None:
    assert views.below_cluster("/studio/renders/sh010/") == [("renders", "sh010/")]
    assert set(views.below_cluster("/studio/")) == {("all", "sub/"), ("renders", ""), ("hidden", "")}
    assert views.below_cluster("/elsewhere/") == []


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("/mnt/renders/sh010/a.####.exr", "s3://renders/sh010/a.####.exr"),
        ("/mnt/renders", "s3://renders/"),
        (r"Z:\renders\sh010\a.exr", "s3://renders/sh010/a.exr"),
        ("/studio/renders/secret/a.exr", "s3://hidden/a.exr"),
        ("/mnt/renders2/a.exr", None),
        ("renders/a.exr", None),
    ],
)
def test_what_a_user_types(views: ClientViews, typed: str, expected: str | None) -> None:
    assert views.from_user(typed, is_here=lambda _: False) == expected
    assert views.from_user(typed, is_here=lambda _: True) is None


def test_what_is_mounted_here_is_read_from_there(tmp_path: Path) -> None:
    here, empty = tmp_path / "here", tmp_path / "empty"
    here.mkdir()
    empty.mkdir()
    text = rf"/studio/renders=renders|Z:\renders|{empty}|{here}, /studio/renders/secret=hidden"
    views = ClientViews(load_settings({"EXR_VIEWS": text}, secrets_dir=None).views)
    typed = (
        "/studio/renders/sh010/a.####.exr",
        r"Z:\renders\sh010\a.exr",
        f"{empty}/a.exr",
        f"{here}/a.exr",
        "/x/a.exr",
    )
    assert [views.mounted_here(name) for name in typed] == [None] * 5, "nothing is mounted yet"
    (here / "sh010").mkdir()
    assert [views.mounted_here(name) for name in typed] == [
        f"{here}/sh010/a.####.exr", f"{here}/sh010/a.exr", f"{here}/a.exr", None, None,
    ]  # fmt: skip
    assert views.mounted_here("/studio/renders/secret/a.exr") is None, "the inner view applies, which is not mounted"


def test_to_a_client(views: ClientViews) -> None:
    assert views.to_client("renders", "sh010/a.exr") == "/mnt/renders/sh010/a.exr"
    assert views.to_client("all", "sub/a.exr") is None
    windows = ClientViews(load_settings({"EXR_VIEWS": r"/x=b/c|Z:\show"}, secrets_dir=None).views)
    assert windows.to_client("b", "c/sh010/a.exr") == r"Z:\show\sh010\a.exr"


def test_arguments_of_every_command() -> None:
    given = ["inspect", "/studio/renders/a.exr", "--json", "-p", "prefix=/studio/renders/sh", "--to=/tmp/x.html", "a=b"]
    assert by_views(given, {}) == given
    assert by_views(given, {"EXR_VIEWS": TEXT}) == [
        "inspect", "s3://renders/a.exr", "--json", "-p", "prefix=s3://renders/sh", "--to=/tmp/x.html", "a=b",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["rules", "CMP-DWA-NAMES"],
        ["inspect", "samples/layers.exr", "--stats=off", "-p", "a=b"],
        ["inspect", "s3://renders/a.exr"],
        ["completion", "bash"],
        ["package", "/srv/function"],
    ],
)
def test_views_are_read_only_where_an_argument_may_be_in_one(arguments: list[str]) -> None:
    assert by_views(arguments, {"EXR_VIEWS": "bogus"}) == arguments


@pytest.mark.parametrize(
    "path", ["/studio/a.exr", r"Z:\studio\a.exr", r"\\server\studio\a.exr", "--to=/a", "prefix=/a"]
)
def test_wrong_views_are_an_error_where_an_argument_may_be_in_one(path: str) -> None:
    with pytest.raises(SettingsError, match="EXR_VIEWS"):
        by_views(["inspect", path], {"EXR_VIEWS": "bogus"})


def test_options_with_a_sign_of_equality_are_read_as_those_with_a_space(tmp_path: Path) -> None:
    (tmp_path / "sh010").mkdir()
    given = ["--catalog=/studio/c.duckdb", "--param=prefix=/studio/sh010", "--force", "--to", "/studio/x.html"]
    assert by_views(given, {"EXR_VIEWS": f"/studio=renders|{tmp_path}"}) == [
        f"--catalog={tmp_path}/c.duckdb", "--param=prefix=s3://renders/sh010", "--force", "--to", f"{tmp_path}/x.html",
    ]  # fmt: skip


def test_a_view_of_the_whole_cluster_leaves_paths_of_this_machine_alone(tmp_path: Path) -> None:
    (tmp_path / "sh010").mkdir()
    views = ClientViews(load_settings({"EXR_VIEWS": f"/=all|{tmp_path}|/nowhere/all"}, secrets_dir=None).views)
    assert [views.mounted_here("/home/a.exr"), views.from_user("/home/a.exr")] == [None, None]
    assert views.mounted_here("/nowhere/all/a.exr") == f"{tmp_path}/a.exr"
