"""A model of the tables: inspections to store, and the rows that must result, computed without the catalog."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from exr_inspector.catalog import Catalog, CatalogConfig, Outcome
from exr_inspector.catalog.rows.build import arrow_table
from exr_inspector.catalog.rows.plain import table_rows
from exr_inspector.catalog.schema import BY_NAME, DOCUMENT, FILES, INSPECTIONS, LEAST_GUARDS, TABLES
from exr_inspector.catalog.sdk.work import Work, rows_of
from exr_inspector.exr.chunks.layout import part_layout
from exr_inspector.exr.chunks.tables import Completeness
from exr_inspector.exr.cryptomatte.manifests import manifest_hash
from exr_inspector.exr.header.parser import Header, make_part
from exr_inspector.exr.header.values import MULTI_PART, Attribute, Box2i, Channel
from exr_inspector.exr.names import file_names
from exr_inspector.model import (
    ChannelStats,
    EventInfo,
    Finding,
    Histogram,
    Inspection,
    MatteObjects,
    ObjectCoverage,
    ObjectVersion,
    PartPixels,
    PixelReport,
    Provenance,
    SequenceName,
    Severity,
    StatsMode,
    Status,
    Thumbnail,
)
from exr_inspector.validation.facts.provenance import provenance_of
from tests.support.databases import empty_tables
from vastdb_local import LocalVastDB

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=timezone.utc)
# The newest server, with sorted tables and decimal row ids, and the last one without sorted tables.
NEWEST = "5.5.0"
VERSIONS = (NEWEST, pytest.param("5.3.4", marks=pytest.mark.heavy))
SCHEMA = "exr"

Pair = tuple[LocalVastDB, Catalog]


def connect(server: LocalVastDB, **changes: Any) -> Catalog:
    """Connect to a local server, with a long time for retries and short pauses."""
    values: dict[str, Any] = {"retry_seconds": 30.0, "timeout_seconds": 20.0} | changes
    return Catalog(
        CatalogConfig(server.endpoint, server.access_key, server.secret_key, server.bucket, SCHEMA, **values)
    )


def _open_tables(work: Work) -> None:
    """Send the requests that are made once for each connection, so that tests can count the later ones."""
    for table in TABLES:
        list(work.select(table, [table.columns[0].name], limit=1))
    assert work.guard_count == LEAST_GUARDS


@contextmanager
def ready(**options: Any) -> Iterator[tuple[LocalVastDB, Catalog]]:
    """Start a server with empty tables that were used before."""
    version = options.get("server_version", NEWEST)
    with tempfile.TemporaryDirectory() as folder:
        path = empty_tables(Path(folder) / "catalog.duckdb", guards=LEAST_GUARDS, server_version=version)
        with LocalVastDB(path, **options) as server:
            catalog = connect(server)
            server.reset_counters()
            yield server, catalog
            catalog.close()


def _attributes(channels: tuple[str, ...], width: int, texts: dict[str, str]) -> tuple[Attribute, ...]:
    listed = tuple(Channel(name, 1, 0, b"\0\0\0", 1, 1) for name in channels)
    values: list[tuple[str, str, Any]] = [
        ("channels", "chlist", listed),
        ("compression", "compression", 3),
        ("dataWindow", "box2i", Box2i(0, 0, width - 1, 31)),
        ("displayWindow", "box2i", Box2i(0, 0, width - 1, 31)),
        ("lineOrder", "lineOrder", 0),
        ("pixelAspectRatio", "float", 1.0),
        ("screenWindowCenter", "v2f", (0.0, 0.0)),
        ("screenWindowWidth", "float", 1.0),
        *((name, "string", text) for name, text in texts.items()),
    ]
    made = []
    offset = 8
    for name, kind, value in values:
        size = len(value.encode()) if isinstance(value, str) else 16
        offset += len(name) + len(kind) + 6
        made.append(Attribute(name, kind, value, offset, size))
        offset += size
    return tuple(made)


def _stats(part: int, channel: str, mode: StatsMode) -> ChannelStats:
    exact = mode is StatsMode.FULL
    samples = 64 * 32 if exact else 64
    return ChannelStats(
        part=part, channel=channel, level_x=0, level_y=0, samples=samples, finite_count=samples - 3, nan_count=2,
        positive_inf_count=1, negative_inf_count=0, zero_count=5, negative_count=1, half_max_count=0, minimum=-0.5, maximum=2.0,
        mean=0.25, stddev=0.125, first_nan=(3, 4), first_inf=None, percentiles=((50.0, 0.25),) if exact else (),
        histogram=Histogram((0.0, 1.0, 2.0), (3, 4)) if exact else None, coverage=1.0 if exact else 0.03125, exact=exact,
        fractional_share=0.75 if exact else None, eight_bit_share=0.5 if exact else None, distinct_count=900 if exact else None,
        uncovered_count=7 if exact else None, low_alpha_colour=0.125 if exact else None, maximum_at=(5, 6),
    )  # fmt: skip


def _pixels(
    mode: StatsMode,
    channels: tuple[str, ...],
    parts: int,
    stopped: str,
    mattes: tuple[MatteObjects, ...],
) -> PixelReport | None:
    if mode is StatsMode.OFF:
        return None
    return PixelReport(
        mode=mode,
        channels=tuple(_stats(part, channel, mode) for part in range(parts) for channel in channels),
        parts=tuple(PartPixels(part, 0, 0, 2, 2, False, False, None, None) for part in range(parts)),
        stopped=stopped,
        mattes=mattes,
    )


def _manifest(objects: int) -> str:
    return json.dumps({f"object {number}": f"{number + 1:08x}" for number in range(objects + 1)})


def _mattes(objects: int) -> tuple[MatteObjects, ...]:
    """A Cryptomatte of so many objects, each one pixel smaller than the previous one; the manifest has one more name."""
    found = tuple(ObjectCoverage(number + 1, objects - number + 0.5, objects - number + 1) for number in range(objects))
    text = _manifest(objects)
    whole = MatteObjects(
        part=0, key="0123456", name="crypto", view=None, is_complete=True, id_count=objects, impossible_count=0,
        manifest_hash=manifest_hash(text), name_count=objects + 1, unnamed_count=0, unnamed_once_count=0, first_unnamed=(),
        unseen_count=1, first_unseen=(f"object {objects}",), objects=found,
    )  # fmt: skip
    return (whole,) if objects else ()


def thumbnail(difference_hash: int = 0x0F0F) -> Thumbnail:
    """A thumbnail of the base layer; its bytes are no real picture, since these tests do not decode it."""
    return Thumbnail(0, "", 160, 90, b"RIFF", "level 0,0", 0.0, "sRGB", difference_hash)


def inspection(
    key: str = "shot/beauty.1001.exr",
    *,
    revision: int = 1,
    mode: StatsMode = StatsMode.OFF,
    read_after: float = 0.0,
    channels: tuple[str, ...] = ("A", "B", "G", "R", "diffuse.R"),
    views: tuple[str, ...] = (),
    width: int = 64,
    texts: dict[str, str] | None = None,
    findings: int = 0,
    objects: int = 0,
    thumbnails: tuple[Thumbnail, ...] = (),
    stopped: str = "",
    sequencer: str | None = None,
    policy: str = "default/1",
    bucket: str = "renders",
    sequence: str | None = None,
    frame: int | None = None,
) -> Inspection:
    """The inspection of a valid file. Each `revision` is one second later; `read_after` shifts the time of reading."""
    names = {"owner": f"revision {revision}"} | (texts or {})
    if objects:
        names |= {"cryptomatte/0123456/name": "crypto", "cryptomatte/0123456/manifest": _manifest(objects)}
    word = 2 | (MULTI_PART if len(views) > 1 else 0)
    parts = []
    for index, view in enumerate(views or ("",)):
        own = names | ({"name": f"part{index}", "type": "scanlineimage", "view": view} if view else {})
        parts.append(make_part(index, word, _attributes(channels, width, own)))
    header = Header(word, tuple(parts), 700)
    layouts = tuple(part_layout(part) for part in parts)
    moment = START + timedelta(seconds=10 * revision)
    pixels = _pixels(mode, channels, len(parts), stopped, _mattes(objects))
    return Inspection(
        bucket=bucket,
        key=key,
        version=ObjectVersion(f"etag-{revision}", 1_000 + revision, moment),
        status=Status.INSPECTED,
        error_code=None,
        error_message=None,
        name=SequenceName(
            f"{bucket}/{key}".rpartition("/")[0], key.rpartition("/")[2], sequence, frame, 4 if frame else 0
        ),
        inspected_at=moment + timedelta(seconds=1 + read_after),
        header=header,
        layouts=layouts,
        completeness=tuple(
            Completeness(i, "tables", layout.chunk_count, None, layout.chunk_count, {}, (), False, False)
            for i, layout in enumerate(layouts)
        ),
        names=file_names(header),
        pixels=replace(pixels or PixelReport(mode), thumbnails=thumbnails) if thumbnails else pixels,
        findings=tuple(
            Finding("STR-TEST", Severity.WARNING, f"finding {i}", part=0, found="x") for i in range(findings)
        ),
        policy=policy,
        event=EventInfo(f"event-{revision}", sequencer, moment if sequencer else None),
        provenance=provenance_of(header),
    )


def damaged(key: str = "shot/beauty.1001.exr", *, revision: int = 1) -> Inspection:
    """The inspection of a file that is not OpenEXR."""
    sound = inspection(key, revision=revision)
    return replace(
        sound, status=Status.FAILED, error_code="EXR_MAGIC", error_message="not an OpenEXR file at byte 0", header=None,
        layouts=(), completeness=(), names=(), policy="", provenance=Provenance(),
    )  # fmt: skip


def unreadable(key: str = "shot/beauty.1001.exr", *, read_after: float = 0.0) -> Inspection:
    """The inspection of an object that could not be read."""
    return replace(
        damaged(key), version=None, error_code="SOURCE_ACCESS_DENIED", error_message="403",
        inspected_at=START + timedelta(seconds=read_after),
    )  # fmt: skip


@dataclass
class Model:
    """The inspection that must be stored for each path, by a second implementation of the rules."""

    files: dict[str, Inspection] = field(default_factory=dict)

    def upsert(self, new: Inspection) -> bool:
        """Apply one inspection; returns whether it is stored."""
        old = self.files.get(new.path)
        if old is None or self._wins(new, old):
            self.files[new.path] = new
            return True
        return False

    def remove(self, path: str) -> None:
        """Remove a file."""
        self.files.pop(path, None)

    @staticmethod
    def _wins(new: Inspection, old: Inspection) -> bool:
        if new.version == old.version:
            new_depth, old_depth = new.stats_mode.depth, old.stats_mode.depth
            if new_depth != old_depth:
                return new_depth > old_depth
            other = (new.policy, new.error_code) != (old.policy, old.error_code)
            return other and new.inspected_at > old.inspected_at
        if new.version is None:
            return False
        return old.version is None or new.version.mtime > old.version.mtime

    def expected(self) -> dict[str, list[tuple[Any, ...]]]:
        """The rows of every table, sorted, without ids of inspections."""
        rows: dict[str, list[dict[str, Any]]] = {table.name: [] for table in DOCUMENT}
        for item in self.files.values():
            made = table_rows(item, "-")
            for name, some in rows.items():
                some.extend(made[name])
        return {
            name: _plain(name, arrow_table(BY_NAME[name], some).to_pylist() if some else [])
            for name, some in rows.items()
        }


def _plain(name: str, rows: Iterable[dict[str, Any]]) -> list[tuple[Any, ...]]:
    columns = [column for column in BY_NAME[name].arrow.names if column != "inspection_id"]
    return sorted((tuple(row[column] for column in columns) for row in rows), key=repr)


def stored(catalog: Catalog) -> dict[str, list[dict[str, Any]]]:
    """All rows of the file tables, by table name."""

    def body(work: Work) -> dict[str, list[dict[str, Any]]]:
        return {table.name: rows_of(work.select(table, table.arrow.names)) for table in DOCUMENT}

    return catalog.connection.run("read everything", body)


def audits(catalog: Catalog, path: str) -> list[dict[str, Any]]:
    """The rows of a file in `inspections`, oldest first."""
    rows = catalog.connection.run(
        "read audits",
        lambda work: rows_of(
            work.select(INSPECTIONS, INSPECTIONS.arrow.names, lambda table: table["file_path"] == path)
        ),
    )
    return sorted(rows, key=lambda row: row["recorded_at"])


def requests(server: LocalVastDB) -> int:
    """The number of requests since the counters were reset."""
    return sum(server.counters().values())


def outcomes(catalog: Catalog, *batch: Any, **options: Any) -> list[Outcome]:
    """The outcomes of an upsert."""
    return [result.outcome for result in catalog.upsert(batch, **options)]


def assert_equal(catalog: Catalog, model: Model) -> None:
    """Assert that the tables equal the model, and that every child row belongs to the inspection of its file."""
    there = stored(catalog)
    expected = model.expected()
    for table in DOCUMENT:
        assert _plain(table.name, there[table.name]) == expected[table.name], table.name
    owners = {row["file_id"]: row["inspection_id"] for row in there[FILES.name]}
    for name, rows in there.items():
        assert all(owners[row["file_id"]] == row["inspection_id"] for row in rows), name
