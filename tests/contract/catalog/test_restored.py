"""A file that was restored, or copied with its times kept, replaces the rows of a file with a later time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dataengine_local.events import element_event
from exr_inspector.catalog import Catalog, CatalogConfig
from exr_inspector.catalog.read.reader import Reader
from exr_inspector.catalog.recheck import upsert_if_current
from exr_inspector.cli.commands.db import command as db
from exr_inspector.errors import ObjectChanged
from exr_inspector.function.handler import Service
from exr_inspector.function.telemetry import Telemetry
from exr_inspector.ingest.run import Ingest, Target
from exr_inspector.inspector import Inspector
from exr_inspector.settings import Settings, load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.sync.shard import IngestContext
from exr_inspector.validation import builtin_policy
from tests.support.databases import database_environ, empty_tables
from tests.support.documented import Documented
from vastdb_local import LocalVastDB

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
KEY = "shot/a.0001.exr"
JUNE, JANUARY = 1_780_300_000, 1_767_300_000  # 2026


@dataclass
class Mount:
    """A mounted folder with one file, and the tables."""

    file: Path
    environ: dict[str, str]
    settings: Settings
    catalog: Catalog

    def write(self, sample: str, time: int) -> None:
        self.file.parent.mkdir(exist_ok=True)
        shutil.copy(SAMPLES / f"{sample}.exr", self.file)
        os.utime(self.file, (time, time))

    def compression(self) -> str | None:
        found = Reader(self.catalog.connection).file(f"renders/{KEY}")
        return str(found.rows["files"][0]["compression"])

    def service(self) -> Service:
        return Service.from_settings(self.settings, Telemetry())

    def ingest(self) -> Any:
        opener = SourceOpener(self.settings)
        context = IngestContext.from_settings(self.settings, opener, self.catalog)
        return Ingest(context).run([Target("renders", "")])


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    folder = tmp_path / "renders"
    folder.mkdir()
    with LocalVastDB(empty_tables(tmp_path / "c.duckdb", schema="exr_inspector")) as database:
        environ = {**database_environ(database), "EXR_MOUNTS": f"renders={folder}"}
        settings = load_settings(environ, secrets_dir=None, need=("catalog",))
        catalog = Catalog(CatalogConfig.from_settings(settings.require_catalog()))
        yield Mount(folder / KEY, environ, settings, catalog)
        catalog.close()


def test_an_event_about_a_restored_file_replaces_rows_that_look_newer(mount: Mount) -> None:
    service, event = mount.service(), element_event("renders", KEY)
    mount.write("compression_zip", JUNE)
    assert service.handle(event)["outcome"] == "inserted"
    mount.write("compression_piz", JANUARY)
    assert service.handle(event)["outcome"] == "replaced"
    assert mount.compression() == "PIZ"
    assert service.handle(event)["status"] == "unchanged"


def test_ingest_takes_a_restored_file_once(mount: Mount) -> None:
    mount.write("compression_zip", JUNE)
    mount.ingest()
    mount.write("compression_piz", JANUARY)
    assert mount.ingest().stored == 1
    assert mount.compression() == "PIZ"
    assert mount.ingest().skipped == 1


def test_reconcile_fixes_the_rows_of_a_restored_file(mount: Mount) -> None:
    mount.write("compression_zip", JUNE)
    mount.ingest()
    mount.write("compression_piz", JANUARY)
    done = CliRunner().invoke(db, ["reconcile", "s3://renders/", "--fix"], env=mount.environ)
    assert "1 file stored" in done.output, done.output
    assert mount.compression() == "PIZ"


@pytest.mark.failure(
    "no row", "a newer version of the object is stored during the inspection", "outcome `ignored_older`", "nothing"
)
def test_an_inspection_that_was_overtaken_is_still_ignored(mount: Mount, documented: Documented) -> None:
    opener = SourceOpener(mount.settings)
    mount.write("compression_zip", JANUARY)
    late = Inspector.from_settings(mount.settings).inspect(opener.open("renders", KEY), builtin_policy("default"))
    mount.write("compression_piz", JUNE)
    mount.ingest()
    documented(mount.catalog.upsert([late])[0].outcome.value)
    assert upsert_if_current(opener, mount.catalog, late) is None
    assert mount.compression() == "PIZ"


def test_an_object_overwritten_while_its_rows_are_replaced_is_checked_again(mount: Mount) -> None:
    class Overwriting(Catalog):
        def upsert(self, *arguments: Any, **options: Any) -> Any:
            done = super().upsert(*arguments, **options)
            mount.write("compression_rle", JANUARY - 1_000)
            return done

    mount.write("compression_zip", JUNE)
    mount.ingest()
    mount.write("compression_piz", JANUARY)
    opener = SourceOpener(mount.settings)
    restored = Inspector.from_settings(mount.settings).inspect(opener.open("renders", KEY), builtin_policy("default"))
    with pytest.raises(ObjectChanged):
        upsert_if_current(opener, Overwriting(CatalogConfig.from_settings(mount.settings.require_catalog())), restored)
    assert mount.service().handle(element_event("renders", KEY))["outcome"] == "replaced"
    assert mount.compression() == "RLE"
