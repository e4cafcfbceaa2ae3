"""`./run watch` on a real folder: files written, replaced, renamed and removed while it runs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.databases import empty_catalog, rows_of_catalog
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parents[3]
SAMPLES = ROOT / "samples"


@pytest.mark.heavy
@pytest.mark.parametrize("options", [(), ("--poll",)], ids=["events", "polling"])
def test_the_catalog_follows_the_folder(tmp_path: Path, options: tuple[str, ...]) -> None:
    folder, catalog, log = tmp_path / "renders", empty_catalog(tmp_path / "c.duckdb"), tmp_path / "log"
    folder.mkdir()
    line = [sys.executable, "-m", "exr_inspector.cli", "watch", str(folder), "--catalog", str(catalog), *options]
    with log.open("w") as out:
        running = subprocess.Popen(line, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, env={**os.environ})
    has_printed = lambda words: words in log.read_text() or running.poll() is not None  # noqa: E731
    try:
        until(lambda: has_printed("the folder is empty; waiting"))
        before = tmp_path / "before"
        before.mkdir()
        shutil.copy(SAMPLES / "layers.exr", before / "a.exr")
        shutil.copy(SAMPLES / "layers.exr", before / "gone.exr")
        before.rename(folder / "sh010")
        until(lambda: has_printed("2 stored, 0 up to date; watching"))
        with (folder / "sh010" / "new.exr").open("wb") as file:  # as a renderer writes: in pieces
            body = (SAMPLES / "tiled.exr").read_bytes()
            file.write(body[:100])
            file.flush()
            time.sleep(0.5)
            file.write(body[100:])
        (folder / "sh010" / "gone.exr").unlink()
        (folder / ".snapshot").mkdir()
        shutil.copy(SAMPLES / "layers.exr", folder / ".snapshot" / "copy.exr")
        until(lambda: has_printed("renders/sh010/new.exr  stored") and has_printed("renders/sh010/gone.exr  removed"))
        (folder / "sh010").rename(folder / "sh011")
        until(lambda: has_printed("renders/sh011/new.exr  stored") and has_printed("renders/sh010/a.exr  removed"))
        shutil.copy(SAMPLES / "not_an_exr.exr", folder / "sh011" / "a.exr")
        until(lambda: log.read_text().count("renders/sh011/a.exr  stored") == 2 or running.poll() is not None)
        for frame in ("1001", "1003"):
            shutil.copy(SAMPLES / "layers.exr", folder / "sh011" / f"beauty_{frame}.exr")
        until(lambda: has_printed("renders/sh011/beauty_####.exr  frames to render again: 1002"))
    finally:
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 0, log.read_text()
    rows = rows_of_catalog(catalog, "select path, status from files order by path")
    assert rows[0] == ("renders/sh011/a.exr", "failed")
    assert rows[1:] == [(f"renders/sh011/{name}.exr", "inspected") for name in ("beauty_1001", "beauty_1003", "new")]
    assert log.read_text().count("new.exr  stored") == 2, "read once it was complete, and once under its new name"


@pytest.mark.heavy
def test_files_deleted_while_no_watch_ran_lose_their_rows(tmp_path: Path) -> None:
    folder, catalog, log = tmp_path / "renders", empty_catalog(tmp_path / "c.duckdb"), tmp_path / "log"
    for name in ("a/kept.exr", "a/gone.exr", "a/deep/gone.exr", "share/away.exr"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SAMPLES / "layers.exr", folder / name)
    command = [sys.executable, "-m", "exr_inspector.cli"]
    options = [str(folder), "--catalog", str(catalog)]
    subprocess.run([*command, "ingest", *options], cwd=ROOT, check=True, capture_output=True)
    (folder / "a" / "gone.exr").unlink()
    (folder / "a" / "deep" / "gone.exr").unlink()  # leaves an empty folder that is not directly below the watched one
    (folder / "share" / "away.exr").unlink()  # looks like a share that is not mounted
    with log.open("w") as out:
        running = subprocess.Popen([*command, "watch", *options], cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)
    try:
        until(lambda: "gone.exr  removed" in log.read_text() and "renders/share/  SOURCE_BUCKET" in log.read_text())
    finally:
        running.send_signal(signal.SIGTERM)
        assert running.wait(60) == 0, log.read_text()
    rows = rows_of_catalog(catalog, "select path from files order by path")
    assert rows == [("renders/a/kept.exr",), ("renders/share/away.exr",)]
