"""The source of the policy in files: found by name, checked again after a minute, and never replaced by an invalid one."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from exr_inspector.errors import AccessDenied, ObjectNotFound, PolicyError
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.validation.policies.source import MAX_POLICY_BYTES, REFRESH_SECONDS, PolicySource
from tests.unit.validation.judging import opener


def text(name: str) -> bytes:
    return f"name: {name}\nversion: 1\nextends: default\n".encode()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("name", ["show.yaml", "./show.yaml", "show.YML", "sub/show.json", "sub/show"])
def test_a_file_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / name).write_bytes(text("nova"))
    assert PolicySource(name, opener()).current().name == "nova"


def test_a_file_of_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert PolicySource("deploy/policy.example.yaml", opener()).current().name == "studio"
    with pytest.raises(ObjectNotFound):
        PolicySource("deploy/none.yaml", opener())
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy" / "policy.example.yaml").write_bytes(text("mine"))
    assert PolicySource("deploy/policy.example.yaml", opener()).current().name == "mine"


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("strct", PolicyError, "did you mean strict"),
        ("sub/strict.yaml", ObjectNotFound, "the profile of this name is written strict, without .yaml"),
        ("./", PolicyError, r"\./ is a folder"),
    ],
)
def test_what_is_no_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: type[Exception], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kind, match=words):
        PolicySource(name, opener())


def test_a_file_is_read_once_a_minute_and_a_newer_one_taken(tmp_path: Path) -> None:
    file, clock = tmp_path / "show.yaml", Clock()
    file.write_bytes(text("one"))
    policies = PolicySource(str(file), opener(), clock=clock)
    first = policies.current()
    clock.now += REFRESH_SECONDS
    assert policies.current() is first, "the same file is the same policy"
    file.write_bytes(text("second"))
    clock.now += REFRESH_SECONDS - 0.1
    assert policies.current() is first, "not before the next look"
    clock.now += 0.1
    assert policies.current().name == "second"


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (b"policy: [", "show.yaml:2: "),
        (b"name: \xff\xfe", "show.yaml: not UTF-8 at byte 6"),
        (b"#" * (MAX_POLICY_BYTES + 1), f"longer than {MAX_POLICY_BYTES} bytes"),
        (None, "SOURCE_NOT_FOUND"),
    ],
)
def test_a_file_that_goes_bad_leaves_the_last_good_policy(
    tmp_path: Path, bad: bytes | None, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    file, clock = tmp_path / "show.yaml", Clock()
    file.write_bytes(text("good"))
    policies = PolicySource(str(file), opener(), clock=clock)
    file.unlink()
    if bad is not None:
        file.write_bytes(bad)
        with pytest.raises(PolicyError, match=words):
            PolicySource(str(file), opener())
    clock.now += REFRESH_SECONDS
    with caplog.at_level(logging.ERROR):
        assert policies.current().name == "good"
        assert policies.current().name == "good"
    assert caplog.text.count("[ERROR]") == 1, "until the next look"
    assert words in caplog.text
    file.write_bytes(text("mended"))
    clock.now += REFRESH_SECONDS
    assert policies.current().name == "mended"
    largest = text("large") + b"#" * (MAX_POLICY_BYTES - len(text("large")))
    file.write_bytes(largest)
    assert PolicySource(str(file), opener()).current().name == "large"


def test_the_policy_may_lie_where_events_may_not(tmp_path: Path) -> None:
    (tmp_path / "show.yaml").write_bytes(text("of-the-show"))
    environ = {"EXR_POLICY": "s3://show/show.yaml", "EXR_MOUNTS": f"show={tmp_path}"}
    settings = load_settings({**environ, "EXR_ALLOWED_BUCKETS": "renders"}, secrets_dir=None, need=())
    assert PolicySource.from_settings(settings).current().name == "of-the-show"
    assert PolicySource.from_settings(settings, "strict").current().name == "strict"
    with pytest.raises(AccessDenied):
        SourceOpener(settings).open_url("s3://show/show.yaml").read(start=0, end=1)
