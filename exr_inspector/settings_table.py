"""The table of all settings: what each is called, what its text must be, what holds when it is not set.

Loading, checking and `docs/settings.md` are made from it. Nothing here reads the environment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from exr_inspector import settings_values as values
from exr_inspector.exr.limits import DEFAULT_LIMITS

CHOOSER = "EXR_SECRET_NAME"  # names the secret to read settings from
_MANY = 1 << 40


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table.

    Attributes:
        name: The environment variable, and the key in a secret.
        kind: What its text has to be, for people.
        parse: Text to value; raises ValueError with a reason.
        default: Text that holds when it is not set, None where there is no value then.
        unit: Of a number, otherwise empty.
        meaning: What it does.
        secret: Whether its value must never be shown.
    """

    name: str
    kind: str
    parse: Callable[[str], Any]
    default: str | None
    unit: str
    meaning: str
    secret: bool = False


CATALOG_NAMES = ("VAST_DB_ENDPOINT", "VAST_DB_ACCESS_KEY", "VAST_DB_SECRET_KEY", "VAST_DB_BUCKET")
S3_NAMES = ("S3_ENDPOINT_URL", "S3_ACCESS_KEY", "S3_SECRET_KEY")
_SWITCH = "on or off"


def _bound(name: str, default: int, unit: str, meaning: str, most: int = _MANY) -> Setting:
    return Setting(name, "whole number", values.whole(1, most), str(default), unit, meaning)


TABLE: tuple[Setting, ...] = (
    Setting(
        CHOOSER,
        "text",
        values.text,
        None,
        "",
        "Secret to read settings from; any secret that has the key otherwise.",
    ),
    # VAST DataBase
    Setting("VAST_DB_ENDPOINT", "URL", values.endpoint, None, "", "VAST DataBase endpoint."),
    Setting("VAST_DB_ACCESS_KEY", "text", values.secret, None, "", "Access key for the database.", secret=True),
    Setting("VAST_DB_SECRET_KEY", "text", values.secret, None, "", "Secret key for the database.", secret=True),
    Setting("VAST_DB_BUCKET", "text", values.text, None, "", "Database-enabled bucket that holds the schema."),
    Setting("VAST_DB_SCHEMA", "text", values.text, "exr_inspector", "", "Schema that holds the tables."),
    Setting("VAST_DB_TLS_VERIFY", _SWITCH, values.switch, "on", "", "Check the database server's certificate."),
    Setting("VAST_DB_CA_BUNDLE", "file", values.file, None, "", "PEM file of certificates to trust for the database."),
    Setting(
        "EXR_DB_RETRY_SECONDS",
        "number",
        values.seconds(0, 600),
        "20",
        "seconds",
        "How long one write to the database goes on trying; less than EXR_DEADLINE_SECONDS.",
    ),
    Setting(
        "EXR_DB_TIMEOUT_SECONDS",
        "number",
        values.seconds(0.1, 600),
        "15",
        "seconds",
        "How long one request to the database may stand still, never beyond EXR_DEADLINE_SECONDS: connecting takes at most 5.",
    ),
    # objects
    Setting("S3_ENDPOINT_URL", "URL", values.endpoint, None, "", "S3 endpoint, without the bucket."),
    Setting("S3_ACCESS_KEY", "text", values.secret, None, "", "Access key for reading objects.", secret=True),
    Setting("S3_SECRET_KEY", "text", values.secret, None, "", "Secret key for reading objects.", secret=True),
    Setting("S3_REGION", "text", values.text, "us-east-1", "", "Region that requests are signed for."),
    Setting("S3_VIRTUAL_HOSTED", _SWITCH, values.switch, "off", "", "Bucket in the host name instead of in the path."),
    Setting("S3_TLS_VERIFY", _SWITCH, values.switch, "on", "", "Check the S3 server's certificate."),
    Setting("S3_CA_BUNDLE", "file", values.file, None, "", "PEM file of certificates to trust for S3."),
    Setting(
        "S3_TIMEOUT_SECONDS",
        "number",
        values.seconds(0.1, 600),
        "15",
        "seconds",
        "How long one request may stand still: connecting takes at most 5 of them.",
    ),
    Setting(
        "S3_RETRIES",
        "whole number",
        values.whole(0, 20),
        "3",
        "attempts",
        "Further attempts after a fault that may pass; each counts as a request, none outlives the deadline.",
    ),
    Setting("EXR_MOUNTS", "bucket=folder, ...", values.mounts, "", "", "Local folders that stand in for buckets."),
    Setting("EXR_ALLOWED_BUCKETS", "names", values.names, "", "", "Buckets that may be read; all when empty."),
    Setting(
        "EXR_ALLOWED_PREFIXES",
        "names",
        values.names,
        "",
        "",
        "Beginnings of bucket/key that may be read; all when empty.",
    ),
    # what is done with a file
    Setting(
        "EXR_POLICY",
        "text",
        values.text,
        "default",
        "",
        "Validation policy: a profile's name, a path, or s3://bucket/key.",
    ),
    Setting(
        "EXR_STATS",
        "off, sampled or full",
        values.one_of("off", "sampled", "full"),
        "off",
        "",
        "How much of the pixels is read for statistics.",
    ),
    _bound("EXR_STATS_BYTES", 4 << 20, "bytes", "Most that sampled statistics read of one file."),
    _bound("EXR_STATS_REQUESTS", 8, "requests", "Most requests that sampled statistics make for one file.", 1 << 20),
    Setting(
        "EXR_STATS_LEVELS",
        "first or all",
        values.one_of("first", "all"),
        "first",
        "",
        "Which levels of mipmaps and ripmaps statistics are read of.",
    ),
    Setting("EXR_HASH", _SWITCH, values.switch, "off", "", "Hash the whole file (reads all of it)."),
    Setting(
        "EXR_LEADERS",
        "off, last or all",
        values.one_of("off", "last", "all"),
        "off",
        "",
        "Chunk leaders to read beside the tables: the last chunk's tells of a cut file and costs one request.",
    ),
    Setting(
        "EXR_REBUILD", _SWITCH, values.switch, "off", "", "Try to rebuild a damaged offset table by walking the chunks."
    ),
    # one invocation
    Setting("EXR_BATCH", _SWITCH, values.switch, "off", "", "The deployment delivers batches of events."),
    Setting(
        "EXR_DEADLINE_SECONDS",
        "number",
        values.seconds(1, 3600),
        "100",
        "seconds",
        "Time for one invocation; less than the deployment's timeout, so that it ends with an error that says why.",
    ),
    _bound(
        "EXR_MEMORY_MIB",
        512,
        "MiB",
        "Memory that decoding takes at most, for all files of a process together.",
        1 << 20,
    ),
    _bound("EXR_DECODE_THREADS", 2, "threads", "Threads that decode, for all files of a process together.", 64),
    Setting(
        "EXR_INITIAL_READ_BYTES",
        "whole number",
        values.whole(8, 1 << 30),
        str(64 << 10),
        "bytes",
        "Size of the first read; almost every header fits.",
    ),
    _bound("EXR_MAX_REQUESTS", 64, "requests", "Most requests for the headers and chunk tables of one file.", 1 << 20),
    # what one file may ask for
    _bound("EXR_MAX_HEADER_BYTES", DEFAULT_LIMITS.header_bytes, "bytes", "End of the last header in the file."),
    _bound("EXR_MAX_ATTRIBUTES", DEFAULT_LIMITS.attributes, "attributes", "Attributes of all parts together."),
    _bound("EXR_MAX_PARTS", DEFAULT_LIMITS.parts, "parts", "Parts of one file."),
    _bound("EXR_MAX_CHANNELS", DEFAULT_LIMITS.channels, "channels", "Channels of one part.", 32_767),
    _bound(
        "EXR_MAX_NAME_BYTES", DEFAULT_LIMITS.name_bytes, "bytes", "Length of an attribute's name or type name.", 255
    ),
    _bound("EXR_MAX_CHUNKS", DEFAULT_LIMITS.chunks, "chunks", "Chunks of one part."),
    _bound("EXR_MAX_TABLE_BYTES", DEFAULT_LIMITS.table_bytes, "bytes", "All chunk offset tables of one file together."),
    _bound("EXR_MAX_STRING_BYTES", DEFAULT_LIMITS.string_bytes, "bytes", "Value of one attribute."),
    _bound(
        "EXR_MAX_INFLATED_BYTES", DEFAULT_LIMITS.inflated_bytes, "bytes", "What a compressed attribute may grow to."
    ),
    _bound(
        "EXR_MAX_MANIFEST_ENTRIES",
        DEFAULT_LIMITS.manifest_entries,
        "entries",
        "Entries and strings of one id manifest.",
    ),
    _bound("EXR_MAX_IMAGE_PX", DEFAULT_LIMITS.image_px, "pixels", "Width or height of a data window."),
    _bound("EXR_MAX_TILE_PX", DEFAULT_LIMITS.tile_px, "pixels", "Width or height of a tile."),
)
