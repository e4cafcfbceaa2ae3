"""The settings: one field each, with its type, bounds, default and description.

To add a setting, add one field here and use it elsewhere. `./run docs` writes `docs/settings.md` from the fields. The
formatter skips the list of fields, since it would use eight lines for each.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from exr_inspector.errors import LimitExceeded, SettingsError
from exr_inspector.exr.limits import DEFAULT_LIMITS, Limits
from exr_inspector.settings.values import (
    File,
    Integer,
    Leaders,
    Levels,
    Mounts,
    Names,
    Number,
    PlaceList,
    Secret,
    SecretText,
    Stats,
    Switch,
    Text,
    ThumbnailChoice,
    Url,
    ViewList,
)

SELECTION_SETTING = "EXR_SECRET_NAME"  # names the secret to read settings from
DATABASE, OBJECTS, READING, PIXELS, FUNCTION = "database", "objects", "reading", "pixels", "function"
GROUPS = (DATABASE, OBJECTS, READING, PIXELS, FUNCTION)
_MAX_INTEGER = 1 << 40


def _field(
    name: str, group: str, meaning: str, default: Any = None, *, unit: str = "", needed: bool = False, **bounds: Any
) -> Any:
    """Define one setting: its name in secrets and environment, its group, its description, whether a connection needs it."""
    extra: dict[str, Any] = {"group": group, "unit": unit, "needed": needed}
    return Field(default, validation_alias=name, description=meaning, json_schema_extra=extra, **bounds)


def _limit(name: str, default: int, unit: str, meaning: str, most: int = _MAX_INTEGER, *, group: str = READING) -> Any:
    return _field(name, group, meaning, default, unit=unit, ge=1, le=most)


@dataclass(frozen=True, slots=True)
class CatalogConnection:
    """The connection to VAST DataBase: the settings of the same names that begin with `db_`."""

    endpoint: str
    access_key: Secret
    secret_key: Secret
    bucket: str
    schema: str
    tls_verify: bool
    ca_bundle: Path | None
    retry_seconds: float
    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class S3Connection:
    """The connection to the S3 endpoint: the settings of the same names that begin with `s3_`."""

    endpoint_url: str
    access_key: Secret
    secret_key: Secret
    region: str
    virtual_hosted: bool
    tls_verify: bool
    ca_bundle: Path | None
    timeout_seconds: float
    retries: int


class Settings(BaseModel):
    """The settings of this process, complete and validated."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    # fmt: off
    secret_name: Text | None = _field(SELECTION_SETTING, FUNCTION,
        "Secret to read settings from; any secret that has the key otherwise. Environment only.")
    # VAST DataBase
    db_endpoint: Url | None = _field("VAST_DB_ENDPOINT", DATABASE, "VAST DataBase endpoint.", needed=True)
    db_access_key: SecretText | None = _field("VAST_DB_ACCESS_KEY", DATABASE, "Access key for the database.", needed=True)
    db_secret_key: SecretText | None = _field("VAST_DB_SECRET_KEY", DATABASE, "Secret key for the database.", needed=True)
    db_bucket: Text | None = _field("VAST_DB_BUCKET", DATABASE, "Database-enabled bucket that holds the schema.",
        needed=True)
    db_schema: Text = _field("VAST_DB_SCHEMA", DATABASE, "Schema that holds the tables.", "exr_inspector")
    db_tls_verify: Switch = _field("VAST_DB_TLS_VERIFY", DATABASE, "Check the database server's certificate.", True)
    db_ca_bundle: File | None = _field("VAST_DB_CA_BUNDLE", DATABASE, "PEM file of certificates to trust for the database.")
    db_retry_seconds: Number = _field("EXR_DB_RETRY_SECONDS", DATABASE,
        "Time for all attempts of one write to the database; less than EXR_DEADLINE_SECONDS.", 20.0, unit="seconds", ge=0,
        le=600)
    db_timeout_seconds: Number = _field("EXR_DB_TIMEOUT_SECONDS", DATABASE,
        "Idle timeout of one request to the database; connecting takes at most 5 seconds of it.", 15.0, unit="seconds",
        ge=0.1, le=600)
    # objects
    s3_endpoint_url: Url | None = _field("S3_ENDPOINT_URL", OBJECTS, "S3 endpoint, without the bucket.", needed=True)
    s3_access_key: SecretText | None = _field("S3_ACCESS_KEY", OBJECTS, "Access key for reading objects.", needed=True)
    s3_secret_key: SecretText | None = _field("S3_SECRET_KEY", OBJECTS, "Secret key for reading objects.", needed=True)
    s3_region: Text = _field("S3_REGION", OBJECTS, "Region that requests are signed for.", "us-east-1")
    s3_virtual_hosted: Switch = _field("S3_VIRTUAL_HOSTED", OBJECTS, "Bucket in the host name instead of in the path.",
        False)
    s3_tls_verify: Switch = _field("S3_TLS_VERIFY", OBJECTS, "Check the S3 server's certificate.", True)
    s3_ca_bundle: File | None = _field("S3_CA_BUNDLE", OBJECTS, "PEM file of certificates to trust for S3.")
    s3_timeout_seconds: Number = _field("S3_TIMEOUT_SECONDS", OBJECTS,
        "Idle timeout of one request; connecting takes at most 5 seconds of it.", 15.0, unit="seconds", ge=0.1, le=600)
    s3_retries: Integer = _field("S3_RETRIES", OBJECTS,
        "Retries after a transient fault; each counts as a request, and all end at the deadline.", 3,
        unit="attempts", ge=0, le=20)
    mounts: Mounts = _field("EXR_MOUNTS", OBJECTS,
        "Local folders to read in place of buckets, or of their keys with a prefix: bucket=folder, bucket/prefix=folder, ...",
        ())
    views: ViewList = _field("EXR_VIEWS", OBJECTS,
        "Views of the cluster, their buckets and client mounts: /cluster/path=bucket/prefix|/client/mount|..., ...", ())
    allowed_buckets: Names = _field("EXR_ALLOWED_BUCKETS", OBJECTS, "Buckets that may be read; all when empty.", ())
    allowed_prefixes: Names = _field("EXR_ALLOWED_PREFIXES", OBJECTS,
        "Beginnings of bucket/key that may be read; all when empty.", ())
    # what the function does with a file
    policy: Text = _field("EXR_POLICY", FUNCTION, "Validation policy: a profile's name, a path, or s3://bucket/key. "
        "Of the function, ingest and watch; check, validate and report take --policy.", "default")
    stats: Stats = _field("EXR_STATS", FUNCTION, "Pixels that are read for statistics. "
        "Of the function, ingest and watch; check, validate, inspect and report take --stats.", "off")
    hash: Switch = _field("EXR_HASH", FUNCTION, "Hash the whole file (reads all of it).", False)
    thumbnails: ThumbnailChoice = _field("EXR_THUMBNAILS", FUNCTION,
        "Thumbnails to store, one a view or one a layer: made in a full pass, or of a preview or a small level. Needs Pillow.",
        "off")
    batch: Switch = _field("EXR_BATCH", FUNCTION,
        "The deployment delivers batches of events. Set it as environment variable or file: ctx.secrets comes too late, "
        "and another value there is an error.",
        False)
    sweep: PlaceList = _field("EXR_SWEEP", FUNCTION,
        "Prefixes that a schedule event sweeps: bucket/prefix, or with the VAST Catalog also /path/on/the/cluster, ...",
        ())
    sweep_catalog: Switch = _field("EXR_SWEEP_CATALOG", FUNCTION,
        "Take changes from the VAST Catalog, which needs EXR_VIEWS; sweeps all views where EXR_SWEEP is empty.", False)
    sweep_full_hours: Number = _field("EXR_SWEEP_FULL_HOURS", FUNCTION,
        "With the VAST Catalog: time between comparisons of all objects with all rows, which find removals and renames.",
        24.0, unit="hours", ge=0, le=8760)
    sweep_shards: Integer = _field("EXR_SWEEP_SHARDS", FUNCTION,
        "Shards of a swept prefix, and shards that one invocation works on at a time.", 16, unit="shards",
        ge=1, le=1024)
    settle_seconds: Number = _field("EXR_SETTLE_SECONDS", FUNCTION,
        "Time without changes before a sweep reads a file; also how long a mount may not show a new file.",
        30.0, unit="seconds", ge=0, le=86_400)
    deadline_seconds: Number = _field("EXR_DEADLINE_SECONDS", FUNCTION,
        "Time for one invocation; less than the deployment's timeout, so that its error names the cause.", 100.0,
        unit="seconds", ge=1, le=3600)
    retry_failed: Switch = _field("EXR_RETRY_FAILED", FUNCTION,
        "Read files with DECODER_CRASHED, CPU_TIME or LIMIT_EXCEEDED again, although neither file nor software changed.",
        False)
    # how a file is read
    stats_bytes: Integer = _limit("EXR_STATS_BYTES", 4 << 20, "bytes",
        "Bytes that sampled statistics read of one file; see EXR_STATS_CHUNK_BYTES.", group=PIXELS)
    stats_chunk_bytes: Integer = _limit("EXR_STATS_CHUNK_BYTES", 32 << 20, "bytes",
        "Bytes that they read if EXR_STATS_BYTES is too little for two chunks of each part and size.", group=PIXELS)
    stats_requests: Integer = _limit("EXR_STATS_REQUESTS", 8, "requests",
        "Requests of sampled statistics for one file.", 1 << 20, group=PIXELS)
    stats_levels: Levels = _field("EXR_STATS_LEVELS", PIXELS,
        "Levels of mipmaps and ripmaps that statistics cover.", "first")
    max_objects: Integer = _field("EXR_MAX_OBJECTS", PIXELS,
        "Objects of Cryptomattes stored per file when EXR_STATS is full, those with the largest coverage; 0 for none.",
        0, unit="objects", ge=0, le=_MAX_INTEGER)
    max_ids: Integer = _limit("EXR_MAX_IDS", 1 << 18, "ids",
        "Ids of Cryptomattes counted per file; beyond that, those with the least coverage are dropped.",
        1 << 24, group=PIXELS)
    leaders: Leaders = _field("EXR_LEADERS", READING,
        "Chunk leaders to read: that of the last chunk shows whether the file is truncated, and costs one request; `local` "
        "reads it in files outside of buckets.", "local")
    rebuild: Switch = _field("EXR_REBUILD", READING,
        "Rebuild a damaged offset table by following the chunks also if not all pixels are read.", False)
    memory_mib: Integer = _limit("EXR_MEMORY_MIB", 1024, "MiB",
        "Memory for all files of a process together: a quarter for headers, tables, manifests and rows, the rest for decoding.",
        1 << 20)
    decode_threads: Integer = _limit("EXR_DECODE_THREADS", 2, "threads",
        "Threads that decode, for all files of a process together.", 64, group=PIXELS)
    decode_seconds: Number = _field("EXR_DECODE_SECONDS", PIXELS,
        "CPU time for decoding 64 MiB of samples before the decoding process is ended.", 10.0,
        unit="seconds", ge=0.001, le=3600)
    initial_read_bytes: Integer = _field("EXR_INITIAL_READ_BYTES", READING,
        "Size of the first read; almost every header fits.", 64 << 10, unit="bytes", ge=8, le=1 << 30)
    max_requests: Integer = _limit("EXR_MAX_REQUESTS", 64, "requests",
        "Requests for the headers and chunk tables of one file.", 1 << 20)
    # what one file may ask for
    max_header_bytes: Integer = _limit("EXR_MAX_HEADER_BYTES", DEFAULT_LIMITS.header_bytes, "bytes",
        "End of the last header in the file.")
    max_attributes: Integer = _limit("EXR_MAX_ATTRIBUTES", DEFAULT_LIMITS.attributes, "attributes",
        "Attributes of all parts together.")
    max_parts: Integer = _limit("EXR_MAX_PARTS", DEFAULT_LIMITS.parts, "parts", "Parts of one file.")
    max_channels: Integer = _limit("EXR_MAX_CHANNELS", DEFAULT_LIMITS.channels, "channels", "Channels of one part.", 32_767)
    max_name_bytes: Integer = _limit("EXR_MAX_NAME_BYTES", DEFAULT_LIMITS.name_bytes, "bytes",
        "Length of an attribute's name or type name.", 255)
    max_chunks: Integer = _limit("EXR_MAX_CHUNKS", DEFAULT_LIMITS.chunks, "chunks", "Chunks of one part.")
    max_table_bytes: Integer = _limit("EXR_MAX_TABLE_BYTES", DEFAULT_LIMITS.table_bytes, "bytes",
        "All chunk offset tables of one file together.")
    max_string_bytes: Integer = _limit("EXR_MAX_STRING_BYTES", DEFAULT_LIMITS.string_bytes, "bytes",
        "Value of one attribute. EXR_MEMORY_MIB limits it, too: a file with a text longer than about 1 % of that is "
        "LIMIT_EXCEEDED.")
    max_inflated_bytes: Integer = _limit("EXR_MAX_INFLATED_BYTES", DEFAULT_LIMITS.inflated_bytes, "bytes",
        "Decompressed size of one attribute.")
    max_manifest_entries: Integer = _limit("EXR_MAX_MANIFEST_ENTRIES", DEFAULT_LIMITS.manifest_entries, "entries",
        "Entries and strings of one id manifest.")
    max_image_px: Integer = _limit("EXR_MAX_IMAGE_PX", DEFAULT_LIMITS.image_px, "pixels", "Width or height of a window.")
    max_tile_px: Integer = _limit("EXR_MAX_TILE_PX", DEFAULT_LIMITS.tile_px, "pixels", "Width or height of a tile.")
    # fmt: on

    @property
    def limits(self) -> Limits:
        """The parser's limits for one file."""
        return Limits(**{limit.name: getattr(self, f"max_{limit.name}") for limit in fields(Limits)})

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences for the log about settings that are allowed but unsafe."""
        unverified = (
            (self.s3_tls_verify, "S3_TLS_VERIFY", "S3_ENDPOINT_URL"),
            (self.db_tls_verify, "VAST_DB_TLS_VERIFY", "VAST_DB_ENDPOINT"),
        )
        return tuple(
            f"{switch} is off: an attacker on the network path to {endpoint} can read and change all data"
            for is_verified, switch, endpoint in unverified
            if not is_verified
        )

    def require_catalog(self) -> CatalogConnection:
        """Return the database connection.

        Raises:
            SettingsError: It is not configured; the message names the missing settings.
        """
        return CatalogConnection(**self._connection("db_", CatalogConnection, DATABASE, "VAST DataBase"))

    def require_s3(self) -> S3Connection:
        """Return the S3 connection.

        Raises:
            SettingsError: It is not configured; the message names the missing settings.
        """
        return S3Connection(**self._connection("s3_", S3Connection, OBJECTS, "objects of an S3 bucket"))

    def _connection(self, prefix: str, kind: type, group: str, what: str) -> dict[str, Any]:
        """Return the values of a connection's fields; the settings have the same names with a prefix."""
        if missing := [name for name, field in needed(group) if getattr(self, field) is None]:
            raise SettingsError(not_set(missing, what))
        return {field.name: getattr(self, prefix + field.name) for field in fields(kind)}

    def changed(self, **values: Any) -> Settings:
        """Return the same settings with other values, by the names of fields."""
        return self.model_copy(update=values)


def setting_name(field: FieldInfo) -> str:
    """Return the name of a setting in secrets and environment."""
    return str(field.validation_alias)


def field_group(field: FieldInfo) -> str:
    """Return the group of a setting, one of GROUPS."""
    return str(_extra(field)["group"])


def field_unit(field: FieldInfo) -> str:
    """Return the unit of a setting's number; empty if it has none."""
    return str(_extra(field)["unit"])


def is_needed(field: FieldInfo) -> bool:
    """Whether a connection needs the setting."""
    return bool(_extra(field)["needed"])


def _extra(field: FieldInfo) -> Mapping[str, Any]:
    return field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}


NAMES: Mapping[str, str] = {setting_name(field): name for name, field in Settings.model_fields.items()}


def limit_text(error: LimitExceeded) -> str:
    """Return the error's text with the name of the setting that raises the limit."""
    setting = error.limit if error.limit in NAMES else f"EXR_MAX_{error.limit.upper()}"
    return f"{error} (setting {setting})"


def needed(group: str) -> list[tuple[str, str]]:
    """Return setting name and field name of everything that a connection requires."""
    every = Settings.model_fields.items()
    return [(setting_name(field), name) for name, field in every if field_group(field) == group and is_needed(field)]


def not_set(names: Collection[str], what: str) -> str:
    """Return the message for missing settings that `what` needs."""
    return (
        f"{', '.join(names)}: not set, needed for {what}; looked in the platform's secrets, in files below /secrets and in the "
        "environment"
    )
