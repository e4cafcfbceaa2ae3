"""Sidecar manifests are read in full passes, from the image's folder alone, within limits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from exr_inspector.catalog.rows.plain import table_rows
from exr_inspector.errors import LimitExceeded
from exr_inspector.exr.limits import Limits
from exr_inspector.inspector import Inspector, InspectorConfig
from exr_inspector.model import Inspection, StatsMode
from exr_inspector.settings import load_settings
from exr_inspector.sidecars import with_sidecars
from exr_inspector.storage import SourceOpener
from tests.unit.validation.cases.made.metadata import declared, matte
from tests.unit.validation.judging import EVERYTHING

NAMES = {"bunny": "13851a76"}


def inspect(
    folder: Path, sidecar: str = "names/m.json", stats: StatsMode = StatsMode.FULL, **settings: str
) -> Inspection:
    """An image in `folder/shot`, which is the bucket `b`, that names a sidecar file."""
    (folder / "shot").mkdir(exist_ok=True)
    (folder / "shot" / "a.exr").write_bytes(matte(declared("manifest", manif_file=sidecar)))
    opener = SourceOpener(load_settings({"EXR_MOUNTS": f"b={folder}", **settings}, secrets_dir=None))
    config = InspectorConfig(stats=stats, limits=Limits(string_bytes=400))
    return Inspector(config).inspect(opener.open("b", "shot/a.exr"), EVERYTHING)


def put(folder: Path, text: bytes, name: str = "shot/names/m.json") -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(text)


def faults(inspection: Inspection) -> list[tuple[str, str]]:
    return [(f.code, f.found) for f in inspection.findings if f.code.startswith("CRY-MANIF")]


def test_a_sidecar_file_is_read_as_a_manifest_of_the_header(tmp_path: Path) -> None:
    put(tmp_path, json.dumps(NAMES).encode())
    inspection = inspect(tmp_path)
    assert inspection.names[0].cryptomattes[0].manifest == json.dumps(NAMES)
    (objects,) = inspection.pixels.mattes
    assert (objects.name_count, bool(objects.manifest_hash)) == (1, True)
    assert not faults(inspection)
    assert table_rows(inspection, "id")["files"][0]["has_cryptomatte"]
    without = inspect(tmp_path, stats=StatsMode.SAMPLED)
    assert without.names[0].cryptomattes[0].manifest is None
    assert inspection.cost.requests == without.cost.requests + 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, ("CRY-MANIF-FILE", "does not exist")),
        (b"", ("CRY-MANIF-FILE", "is empty")),
        (b"{" + b" " * 400, ("CRY-MANIF-FILE", "is larger than 400 bytes")),
        (b"\xff", ("CRY-MANIF-FILE", "is not UTF-8 text")),
        (b'{"a": ', ("CRY-MANIFEST-JSON", "truncated")),
        (b"{}", ("CRY-MANIFEST-MISSING", "empty")),
    ],
)
def test_what_is_wrong_with_it(tmp_path: Path, text: bytes | None, expected: tuple[str, str]) -> None:
    if text is not None:
        put(tmp_path, text)
    assert faults(inspect(tmp_path)) == [expected]


@pytest.mark.parametrize(
    "path", ["../m.json", "/m.json", "a/../../m.json", "./m.json", "a//m.json", "c:m.json", "m.txt"]
)
def test_nothing_outside_the_folder_is_opened(tmp_path: Path, path: str) -> None:
    put(tmp_path, json.dumps(NAMES).encode(), "m.json")
    inspection = inspect(tmp_path, path)
    assert inspection.names[0].cryptomattes[0].manifest is None
    assert faults(inspection)[0] == ("CRY-MANIF-FILE", path)
    assert inspection.cost == inspect(tmp_path, path).cost


def test_settings_hold_for_it(tmp_path: Path) -> None:
    put(tmp_path, json.dumps(NAMES).encode())
    inspection = inspect(tmp_path, EXR_ALLOWED_PREFIXES="b/shot/a")
    assert faults(inspection) == [("CRY-MANIF-FILE", "cannot be read")]


def test_bytes_in_memory_have_no_folder() -> None:
    opener = SourceOpener(load_settings({}, secrets_dir=None))
    assert opener.open_bytes(b"").beside("m.json") is None


def test_a_finding_repeats_nothing_of_a_file_that_is_no_manifest(tmp_path: Path) -> None:
    put(tmp_path, b'{"aws_secret_access_key": "wJalrXUtnFEMI"}')
    findings = inspect(tmp_path).findings
    (found,) = [finding for finding in findings if finding.code == "CRY-MANIFEST-JSON"]
    assert "entry 1" in found.message
    assert not {word for word in ("aws", "wJal") if word in str(findings)}


def test_memory_is_asked_for_before_a_sidecar_becomes_text(tmp_path: Path) -> None:
    put(tmp_path, json.dumps(NAMES).encode())
    asked: list[int] = []

    def refuse(size: int) -> None:
        asked.append(size)
        raise LimitExceeded("no memory", limit=1)

    inspection = inspect(tmp_path)
    opener = SourceOpener(load_settings({"EXR_MOUNTS": f"b={tmp_path}"}, secrets_dir=None))
    (part,) = with_sidecars(opener.open("b", "shot/a.exr"), [inspection.names[0]._replace(
        cryptomattes=tuple(each._replace(manifest=None) for each in inspection.names[0].cryptomattes)
    )], 400, refuse)  # fmt: skip
    assert asked == [5 * len(json.dumps(NAMES))]
    assert "EXR_MEMORY_MIB" in part.cryptomattes[0].sidecar_fault
