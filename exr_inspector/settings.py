"""Every setting, read once into one frozen `Settings`: one field a setting, with its type, bounds, default and description.

A setting is looked for in the platform's secrets, then in files below `/secrets`, then in the environment; the first that has
it wins, and its default holds otherwise. A new setting is one field here and its use elsewhere; `./run docs` writes
`docs/settings.md` from the fields, whose list is exempt from the formatter: it would spread a setting over eight lines.

    >>> load_settings({"EXR_STATS": "full"}, secrets_dir=None).stats
    'full'
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn
from urllib.parse import urlsplit

from pydantic import AliasChoices, BeforeValidator, Field, PlainValidator, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from exr_inspector.errors import LimitExceeded, SettingsError
from exr_inspector.exr.limits import DEFAULT_LIMITS, Limits

SECRETS_DIR = Path("/secrets")
CHOOSER = "EXR_SECRET_NAME"  # names the secret to read settings from
DATABASE, OBJECTS, READING, FUNCTION = "database", "objects", "reading", "function"
GROUPS = (DATABASE, OBJECTS, READING, FUNCTION)

_FILE_BYTES = 64 << 10
_SWITCHES = {**dict.fromkeys(("1", "on", "true", "yes"), True), **dict.fromkeys(("0", "off", "false", "no"), False)}
_WHOLE = re.compile(r"-?[0-9]{1,19}")
_MANY = 1 << 40


# --- types of values: each takes a text and says what it expected, never what it was given, which may be a secret --------


class Secret(SecretStr):
    """A text that shows itself only to whoever calls `reveal`: not in repr, str or format, and it refuses to be pickled."""

    def reveal(self) -> str:
        """The text."""
        return self.get_secret_value()

    def __format__(self, format_spec: str) -> str:
        return str(self)

    def __deepcopy__(self, memo: dict[int, object]) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not written anywhere")


def local_path(name: str) -> Path:
    """A path of this machine as a user writes it: `~` is a home folder; where there is none, it is part of the name."""
    return Path(os.path.expanduser(name))  # noqa: PTH111 - Path.expanduser raises for `~name` without such a user


def _line(value: object) -> str:
    text = str(value)
    if "\n" in text or "\r" in text:
        raise ValueError("expected one line")
    return text


def _switch(value: object) -> bool:
    word = str(value).lower()
    if word not in _SWITCHES:
        raise ValueError("expected on or off (also 1/0, true/false, yes/no)")
    return _SWITCHES[word]


def _word(value: object) -> str:
    return str(value).lower()


def _whole(value: object) -> object:
    if isinstance(value, str) and not _WHOLE.fullmatch(value):
        raise ValueError("expected a whole number")
    return value


def _seconds(value: object) -> object:
    try:
        return float(str(value))
    except ValueError:
        raise ValueError("expected seconds") from None


def _url(value: object) -> str:
    """An http or https URL of a host, without credentials, query or fragment.

    The scheme is written in lower case, since clients look for `http:` as text; a trailing slash is dropped.
    """
    try:
        parts = urlsplit(_line(value))
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("expected a URL such as https://vip.example.com:443") from None
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment:
        raise ValueError("expected a URL such as https://vip.example.com:443")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL must not hold credentials")
    scheme, _, rest = str(value).partition(":")
    return f"{scheme.lower()}:{rest}".rstrip("/")


def _names(value: object) -> object:
    """Names separated by commas; spaces around them and empty ones are dropped."""
    return tuple(filter(None, map(str.strip, _line(value).split(",")))) if isinstance(value, str) else value


def _mounts(value: object) -> object:
    """`bucket=folder` pairs separated by commas, as (bucket, folder); relative folders count from the working directory."""
    if not isinstance(value, str):
        return value
    found: dict[str, Path] = {}
    for part in _line(value).split(","):
        if not part.strip():
            continue
        bucket, sign, folder = part.partition("=")
        if not sign or not bucket.strip() or not folder.strip() or "/" in bucket:
            raise ValueError("expected bucket=folder, several separated by commas")
        if bucket.strip() in found:
            raise ValueError("a bucket is named twice")
        found[bucket.strip()] = local_path(folder.strip())
    return tuple(found.items())


def _views(value: object) -> object:
    """`cluster path=bucket/prefix|client mount|...` separated by commas, as `View`s."""
    if not isinstance(value, str):
        return value
    views = []
    for part in filter(None, (part.strip() for part in _line(value).split(","))):
        cluster, _, rest = part.partition("=")
        place, *clients = (item.strip() for item in rest.split("|"))
        bucket, _, prefix = place.partition("/")
        if not cluster.startswith("/") or not bucket or not all(clients):
            raise ValueError(
                "expected /path/on/the/cluster=bucket/prefix|/client/mount|..., several separated by commas"
            )
        below = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        views.append(View(cluster.strip().rstrip("/"), bucket, below, tuple(clients)))
    if len({view.cluster for view in views}) < len(views):
        raise ValueError("a path on the cluster is named twice")
    return tuple(views)


def _sweep(value: object) -> object:
    """Prefixes to sweep: `bucket/prefix`, also with `s3://`, or a path on the cluster, which begins with a slash."""
    if not isinstance(value, str):
        return value
    places = [name.removeprefix("s3://") for name in _names(value)]  # type: ignore[attr-defined]  # texts of a text
    if any(not place.strip("/") or "//" in place for place in places):
        raise ValueError("expected bucket/prefix or /path/on/the/cluster, several separated by commas")
    return tuple(f"{place.rstrip('/')}/" for place in dict.fromkeys(places))


def _file(value: object) -> Path:
    path = local_path(_line(value))
    if not path.is_file():
        raise ValueError("expected the path of a file; there is none")
    return path


def _secret(value: object) -> Secret:
    return value if isinstance(value, Secret) else Secret(_line(value))


@dataclass(frozen=True, slots=True)
class View:
    r"""A view of the cluster, and the names that its files have elsewhere.

    Attributes:
        cluster: Path on the cluster, without a slash at the end.
        bucket: Bucket by which S3 reaches it.
        prefix: What its keys begin with: empty, or ends in a slash.
        clients: Where clients have mounted it, such as `/mnt/show` and `Z:\show`.
    """

    cluster: str
    bucket: str
    prefix: str = ""
    clients: tuple[str, ...] = ()


Text = Annotated[str, BeforeValidator(_line)]
Switch = Annotated[bool, BeforeValidator(_switch)]
Whole = Annotated[int, BeforeValidator(_whole)]
Seconds = Annotated[float, BeforeValidator(_seconds)]
Url = Annotated[str, BeforeValidator(_url)]
Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
Mounts = Annotated[tuple[tuple[str, Path], ...], BeforeValidator(_mounts)]
Views = Annotated[tuple[View, ...], BeforeValidator(_views)]
Places = Annotated[tuple[str, ...], BeforeValidator(_sweep)]
File = Annotated[Path, BeforeValidator(_file)]
SecretText = Annotated[Secret, PlainValidator(_secret)]
Stats = Annotated[Literal["off", "sampled", "full"], BeforeValidator(_word)]
ThumbnailChoice = Annotated[Literal["off", "file", "layers"], BeforeValidator(_word)]
Levels = Annotated[Literal["first", "all"], BeforeValidator(_word)]
Leaders = Annotated[Literal["off", "last", "all"], BeforeValidator(_word)]


def _field(name: str, group: str, meaning: str, default: Any = None, *, unit: str = "", **bounds: Any) -> Any:
    """One setting: its name in secrets and environment, who needs it, what it does."""
    extra: dict[str, Any] = {"group": group, "unit": unit}
    aliases = AliasChoices(name)
    return Field(default, validation_alias=aliases, description=meaning, json_schema_extra=extra, **bounds)


def _limit(name: str, default: int, unit: str, meaning: str, most: int = _MANY) -> Any:
    return _field(name, READING, meaning, default, unit=unit, ge=1, le=most)


# --- connections -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CatalogConnection:
    """How to reach VAST DataBase.

    Attributes:
        endpoint: URL of the database's virtual IP.
        access_key: S3 access key of a user with rights on the schema.
        secret_key: Its secret key.
        bucket: Database-enabled bucket.
        schema: Schema that holds the tables.
        tls_verify: Whether the server's certificate is checked.
        ca_bundle: PEM file of certificates to trust besides the system's.
        retry_seconds: How long one write goes on trying against other writers and outages.
        timeout_seconds: Idle timeout of a connection or an answer.
    """

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
    """How to reach the S3 endpoint.

    Attributes:
        endpoint_url: URL, without the bucket.
        access_key: Access key with read rights.
        secret_key: Its secret key.
        region: Region that requests are signed for.
        virtual_hosted: Whether the bucket goes in front of the host name instead of into the path.
        tls_verify: Whether the server's certificate is checked.
        ca_bundle: PEM file of certificates to trust besides the system's.
        timeout_seconds: Idle timeout of a connection or an answer.
        retries: Further attempts after a fault that may pass.
    """

    endpoint_url: str
    access_key: Secret
    secret_key: Secret
    region: str
    virtual_hosted: bool
    tls_verify: bool
    ca_bundle: Path | None
    timeout_seconds: float
    retries: int


# --- the settings ------------------------------------------------------------------------------------------------


class _LayerSource(PydanticBaseSettingsSource):
    """One place where settings stand, as texts by name."""

    def __init__(self, settings_cls: type[BaseSettings], texts: Mapping[str, str]) -> None:
        super().__init__(settings_cls)
        self._texts = texts

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        """The text of one field."""
        name = setting_name(field)
        return self._texts.get(name), name, False

    def __call__(self) -> dict[str, Any]:
        """All texts of known settings."""
        return {name: text for name in NAMES if (text := self._texts.get(name)) is not None}


class Settings(BaseSettings):
    """The settings of this process, complete and checked."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True, hide_input_in_errors=True)

    # fmt: off
    secret_name: Text | None = _field(CHOOSER, FUNCTION,
        "Secret to read settings from; any secret that has the key otherwise. Environment only.")
    # VAST DataBase
    db_endpoint: Url | None = _field("VAST_DB_ENDPOINT", DATABASE, "VAST DataBase endpoint.")
    db_access_key: SecretText | None = _field("VAST_DB_ACCESS_KEY", DATABASE, "Access key for the database.")
    db_secret_key: SecretText | None = _field("VAST_DB_SECRET_KEY", DATABASE, "Secret key for the database.")
    db_bucket: Text | None = _field("VAST_DB_BUCKET", DATABASE, "Database-enabled bucket that holds the schema.")
    db_schema: Text = _field("VAST_DB_SCHEMA", DATABASE, "Schema that holds the tables.", "exr_inspector")
    db_tls_verify: Switch = _field("VAST_DB_TLS_VERIFY", DATABASE, "Check the database server's certificate.", True)
    db_ca_bundle: File | None = _field("VAST_DB_CA_BUNDLE", DATABASE, "PEM file of certificates to trust for the database.")
    db_retry_seconds: Seconds = _field("EXR_DB_RETRY_SECONDS", DATABASE,
        "How long one write to the database goes on trying; less than EXR_DEADLINE_SECONDS.", 20.0, unit="seconds", ge=0,
        le=600)
    db_timeout_seconds: Seconds = _field("EXR_DB_TIMEOUT_SECONDS", DATABASE,
        "Idle timeout of one request to the database; connecting takes at most 5 seconds of it.", 15.0, unit="seconds",
        ge=0.1, le=600)
    # objects
    s3_endpoint_url: Url | None = _field("S3_ENDPOINT_URL", OBJECTS, "S3 endpoint, without the bucket.")
    s3_access_key: SecretText | None = _field("S3_ACCESS_KEY", OBJECTS, "Access key for reading objects.")
    s3_secret_key: SecretText | None = _field("S3_SECRET_KEY", OBJECTS, "Secret key for reading objects.")
    s3_region: Text = _field("S3_REGION", OBJECTS, "Region that requests are signed for.", "us-east-1")
    s3_virtual_hosted: Switch = _field("S3_VIRTUAL_HOSTED", OBJECTS, "Bucket in the host name instead of in the path.",
        False)
    s3_tls_verify: Switch = _field("S3_TLS_VERIFY", OBJECTS, "Check the S3 server's certificate.", True)
    s3_ca_bundle: File | None = _field("S3_CA_BUNDLE", OBJECTS, "PEM file of certificates to trust for S3.")
    s3_timeout_seconds: Seconds = _field("S3_TIMEOUT_SECONDS", OBJECTS,
        "Idle timeout of one request; connecting takes at most 5 seconds of it.", 15.0, unit="seconds", ge=0.1, le=600)
    s3_retries: Whole = _field("S3_RETRIES", OBJECTS,
        "Retries after a transient fault; each counts as a request, and all end at the deadline.", 3,
        unit="attempts", ge=0, le=20)
    mounts: Mounts = _field("EXR_MOUNTS", OBJECTS, "Local folders to read in place of buckets: bucket=folder, ...", ())
    views: Views = _field("EXR_VIEWS", OBJECTS,
        "Views of the cluster, their buckets and client mounts: /cluster/path=bucket/prefix|/client/mount|..., ...", ())
    allowed_buckets: Names = _field("EXR_ALLOWED_BUCKETS", OBJECTS, "Buckets that may be read; all when empty.", ())
    allowed_prefixes: Names = _field("EXR_ALLOWED_PREFIXES", OBJECTS,
        "Beginnings of bucket/key that may be read; all when empty.", ())
    # what the function does with a file
    policy: Text = _field("EXR_POLICY", FUNCTION, "Validation policy: a profile's name, a path, or s3://bucket/key.",
        "default")
    stats: Stats = _field("EXR_STATS", FUNCTION, "Pixels that are read for statistics.", "off")
    hash: Switch = _field("EXR_HASH", FUNCTION, "Hash the whole file (reads all of it).", False)
    thumbnails: ThumbnailChoice = _field("EXR_THUMBNAILS", FUNCTION,
        "Thumbnails to store, one a file or one a layer: made in a full pass, or of a preview or a small level. Needs Pillow.",
        "off")
    batch: Switch = _field("EXR_BATCH", FUNCTION,
        "The deployment delivers batches of events. Set it as environment variable or file: ctx.secrets comes too late.",
        False)
    sweep: Places = _field("EXR_SWEEP", FUNCTION,
        "Prefixes that a schedule event sweeps: bucket/prefix, or with the VAST Catalog also /path/on/the/cluster, ...",
        ())
    sweep_catalog: Switch = _field("EXR_SWEEP_CATALOG", FUNCTION,
        "Take changes from the VAST Catalog, which needs EXR_VIEWS; sweeps all views where EXR_SWEEP is empty.", False)
    sweep_full_hours: Seconds = _field("EXR_SWEEP_FULL_HOURS", FUNCTION,
        "With the VAST Catalog: time between comparisons of all objects with all rows, which find removals and renames.",
        24.0, unit="hours", ge=0, le=8760)
    sweep_shards: Whole = _field("EXR_SWEEP_SHARDS", FUNCTION,
        "Shards of a swept prefix, and shards that one invocation works on at a time.", 16, unit="shards",
        ge=1, le=1024)
    settle_seconds: Seconds = _field("EXR_SETTLE_SECONDS", FUNCTION,
        "Time without changes before a sweep reads a file; also how long a mount may not show a new file.",
        30.0, unit="seconds", ge=0, le=86_400)
    deadline_seconds: Seconds = _field("EXR_DEADLINE_SECONDS", FUNCTION,
        "Time for one invocation; less than the deployment's timeout, so that its error names the cause.", 100.0,
        unit="seconds", ge=1, le=3600)
    retry_failed: Switch = _field("EXR_RETRY_FAILED", FUNCTION,
        "Read files with DECODER_CRASHED, CPU_TIME or LIMIT_EXCEEDED again, although neither file nor software changed.",
        False)
    # how a file is read
    stats_bytes: Whole = _limit("EXR_STATS_BYTES", 4 << 20, "bytes",
        "Bytes that sampled statistics read of one file; see EXR_STATS_CHUNK_BYTES.")
    stats_chunk_bytes: Whole = _limit("EXR_STATS_CHUNK_BYTES", 32 << 20, "bytes",
        "Bytes that they read if EXR_STATS_BYTES is too little for two chunks of each part and size.")
    stats_requests: Whole = _limit("EXR_STATS_REQUESTS", 8, "requests",
        "Requests of sampled statistics for one file.", 1 << 20)
    stats_levels: Levels = _field("EXR_STATS_LEVELS", READING,
        "Levels of mipmaps and ripmaps that statistics cover.", "first")
    max_objects: Whole = _field("EXR_MAX_OBJECTS", READING,
        "Objects of Cryptomattes stored per file when EXR_STATS is full, those with the largest coverage; 0 for none.",
        0, unit="objects", ge=0, le=_MANY)
    max_ids: Whole = _limit("EXR_MAX_IDS", 1 << 18, "ids",
        "Ids of Cryptomattes counted per file; beyond that, those with the least coverage are dropped.",
        1 << 24)
    leaders: Leaders = _field("EXR_LEADERS", READING,
        "Chunk leaders to read: that of the last chunk shows whether the file is truncated, and costs one request.", "off")
    rebuild: Switch = _field("EXR_REBUILD", READING, "Rebuild a damaged offset table by walking the chunks.", False)
    memory_mib: Whole = _limit("EXR_MEMORY_MIB", 1024, "MiB",
        "Memory for all files of a process together: a quarter for headers, tables, manifests and rows, the rest for decoding.",
        1 << 20)
    decode_threads: Whole = _limit("EXR_DECODE_THREADS", 2, "threads",
        "Threads that decode, for all files of a process together.", 64)
    decode_seconds: Seconds = _field("EXR_DECODE_SECONDS", READING,
        "CPU time for decoding 64 MiB of samples before the decoding process is ended.", 10.0,
        unit="seconds", ge=0.001, le=3600)
    initial_read_bytes: Whole = _field("EXR_INITIAL_READ_BYTES", READING,
        "Size of the first read; almost every header fits.", 64 << 10, unit="bytes", ge=8, le=1 << 30)
    max_requests: Whole = _limit("EXR_MAX_REQUESTS", 64, "requests",
        "Requests for the headers and chunk tables of one file.", 1 << 20)
    # what one file may ask for
    max_header_bytes: Whole = _limit("EXR_MAX_HEADER_BYTES", DEFAULT_LIMITS.header_bytes, "bytes",
        "End of the last header in the file.")
    max_attributes: Whole = _limit("EXR_MAX_ATTRIBUTES", DEFAULT_LIMITS.attributes, "attributes",
        "Attributes of all parts together.")
    max_parts: Whole = _limit("EXR_MAX_PARTS", DEFAULT_LIMITS.parts, "parts", "Parts of one file.")
    max_channels: Whole = _limit("EXR_MAX_CHANNELS", DEFAULT_LIMITS.channels, "channels", "Channels of one part.", 32_767)
    max_name_bytes: Whole = _limit("EXR_MAX_NAME_BYTES", DEFAULT_LIMITS.name_bytes, "bytes",
        "Length of an attribute's name or type name.", 255)
    max_chunks: Whole = _limit("EXR_MAX_CHUNKS", DEFAULT_LIMITS.chunks, "chunks", "Chunks of one part.")
    max_table_bytes: Whole = _limit("EXR_MAX_TABLE_BYTES", DEFAULT_LIMITS.table_bytes, "bytes",
        "All chunk offset tables of one file together.")
    max_string_bytes: Whole = _limit("EXR_MAX_STRING_BYTES", DEFAULT_LIMITS.string_bytes, "bytes",
        "Value of one attribute. EXR_MEMORY_MIB limits it, too: a file with a text longer than about 1 % of that is "
        "LIMIT_EXCEEDED.")
    max_inflated_bytes: Whole = _limit("EXR_MAX_INFLATED_BYTES", DEFAULT_LIMITS.inflated_bytes, "bytes",
        "Decompressed size of one attribute.")
    max_manifest_entries: Whole = _limit("EXR_MAX_MANIFEST_ENTRIES", DEFAULT_LIMITS.manifest_entries, "entries",
        "Entries and strings of one id manifest.")
    max_image_px: Whole = _limit("EXR_MAX_IMAGE_PX", DEFAULT_LIMITS.image_px, "pixels", "Width or height of a window.")
    max_tile_px: Whole = _limit("EXR_MAX_TILE_PX", DEFAULT_LIMITS.tile_px, "pixels", "Width or height of a tile.")
    # fmt: on

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic-settings passes all by name
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The layers that `load_settings` was given, the first one wins; the process's own environment is one of them."""
        layers: tuple[Mapping[str, str], ...] = init_settings.init_kwargs.get("layers", ())  # type: ignore[attr-defined]
        return tuple(_LayerSource(settings_cls, layer) for layer in layers)

    @property
    def limits(self) -> Limits:
        """What one file may ask of the parser."""
        return Limits(**{limit.name: getattr(self, f"max_{limit.name}") for limit in fields(Limits)})

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences for the log about settings that are allowed but unwise."""
        unverified = (
            (self.s3_tls_verify, "S3_TLS_VERIFY", "S3_ENDPOINT_URL"),
            (self.db_tls_verify, "VAST_DB_TLS_VERIFY", "VAST_DB_ENDPOINT"),
        )
        return tuple(
            f"{switch} is off: whoever is on the way to {endpoint} can read and change everything"
            for is_verified, switch, endpoint in unverified
            if not is_verified
        )

    def require_catalog(self) -> CatalogConnection:
        """The database connection.

        Raises:
            SettingsError: It is not configured; the message names what is missing.
        """
        return CatalogConnection(**self._connection("db_", CatalogConnection, DATABASE, "VAST DataBase"))

    def require_s3(self) -> S3Connection:
        """The S3 connection.

        Raises:
            SettingsError: It is not configured; the message names what is missing.
        """
        return S3Connection(**self._connection("s3_", S3Connection, OBJECTS, "objects of an S3 bucket"))

    def _connection(self, prefix: str, kind: type, group: str, what: str) -> dict[str, Any]:
        """The values of a connection's fields, whose settings have the same names after a prefix."""
        if missing := [name for name, field in _needed(group) if getattr(self, field) is None]:
            raise SettingsError(_not_set(missing, what))
        return {field.name: getattr(self, prefix + field.name) for field in fields(kind)}

    def changed(self, **values: Any) -> Settings:
        """The same settings with other values, by the names of fields."""
        return self.model_copy(update=values)


def limit_text(error: LimitExceeded) -> str:
    """The error's text with the setting that allows more."""
    setting = error.limit if error.limit.isupper() else f"EXR_MAX_{error.limit.upper()}"
    return f"{error} (setting {setting})"


def setting_name(field: FieldInfo) -> str:
    """What a setting is called in secrets and environment."""
    alias = field.validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else ""


def field_group(field: FieldInfo) -> str:
    """One of GROUPS: who needs the setting."""
    extra = field.json_schema_extra
    return str(extra["group"]) if isinstance(extra, dict) else ""


def is_needed(field: FieldInfo) -> bool:
    """Whether there is no connection without the setting."""
    return (
        field_group(field) in {DATABASE, OBJECTS} and field.default is None and "CA_BUNDLE" not in setting_name(field)
    )


NAMES: Mapping[str, str] = {setting_name(field): name for name, field in Settings.model_fields.items()}


def _needed(group: str) -> list[tuple[str, str]]:
    """Setting and field of what a connection cannot do without."""
    every = Settings.model_fields.items()
    return [(setting_name(field), name) for name, field in every if field_group(field) == group and is_needed(field)]


def load_settings(
    environ: Mapping[str, str],
    secrets: Mapping[str, object] | None = None,
    secrets_dir: Path | None = SECRETS_DIR,
    *,
    need: Collection[str] = (),
    use: Collection[str] = GROUPS,
) -> Settings:
    """The settings that hold for this process.

    Args:
        environ: The environment, usually `os.environ`.
        secrets: The platform's secrets, `ctx.secrets`: secret name, then key, then value; or flat, key to value.
        secrets_dir: Folder with the same secrets as files, flat or one folder per secret; None or a missing folder: none.
        need: What must be configured: `catalog` (VAST DataBase), `objects` (S3, or at least one mount).
        use: Groups of settings (of GROUPS) that the caller uses. Others are not validated.

    Raises:
        SettingsError: Something is wrong or missing; one sentence for each fault, and no value of a secret in any.
        ValueError: `need` or `use` names something else.
    """
    if unknown := (set(need) - {"catalog", "objects"}) | (set(use) - set(GROUPS)):
        raise ValueError(f"{', '.join(sorted(unknown))} is not known")
    wanted = {name for name, field in NAMES.items() if field_group(Settings.model_fields[field]) in use}
    faults: list[str] = []
    layers = [
        _one_of_each(_chosen(_platform(secrets or {}, faults), environ), faults),
        _one_of_each(_chosen(_files(secrets_dir, faults), environ), faults),
        {name: text for name in NAMES if (text := environ.get(name, "").strip())},
    ]
    chosen = environ.get(CHOOSER, "").strip()
    if chosen and not _has_secret(chosen, secrets or {}, secrets_dir):
        faults.append(f"{CHOOSER}: there is no secret of that name")
    layers = [{name: text for name, text in layer.items() if name in wanted and name != CHOOSER} for layer in layers]
    layers.append({CHOOSER: chosen} if chosen else {})
    settings: Settings | None = None
    try:
        settings = Settings(layers=tuple(layers))
    except ValidationError as error:
        faults += [f"{fault['loc'][0]}: {_reason(fault['msg'])}" for fault in error.errors(include_input=False)]
    faults += _cross_checks(settings, {name for layer in layers for name in layer}, need, use)
    if faults or settings is None:
        raise SettingsError("; ".join(faults))
    return settings


def _reason(message: str) -> str:
    return message.removeprefix("Value error, ").replace("Input should be", "expected", 1)


def _cross_checks(
    settings: Settings | None, given: Collection[str], need: Collection[str], use: Collection[str]
) -> Iterator[str]:
    """What no single field shows. Where values are wrong, only what is missing."""
    groups = {
        "catalog": (DATABASE, "VAST DataBase"),
        "objects": (OBJECTS, "reading objects (or EXR_MOUNTS for folders)"),
    }
    for name in sorted(need):
        group, what = groups[name]
        absent = [name for name, _ in _needed(group) if name not in given]
        if absent and not (name == "objects" and "EXR_MOUNTS" in given):
            yield _not_set(absent, what)
    is_compared = {DATABASE, FUNCTION} <= set(use)  # a default that is not used contradicts nothing
    if is_compared and settings is not None and settings.db_retry_seconds >= settings.deadline_seconds:
        yield "EXR_DB_RETRY_SECONDS: expected less than EXR_DEADLINE_SECONDS"
    if FUNCTION in use and settings is not None:
        if settings.sweep_catalog and not settings.views:
            yield "EXR_SWEEP_CATALOG: needs EXR_VIEWS, which says which buckets the paths of the cluster are"
        if not settings.sweep_catalog and any(place.startswith("/") for place in settings.sweep):
            yield "EXR_SWEEP: a path on the cluster needs EXR_SWEEP_CATALOG=on; write bucket/prefix for a listing"


def _not_set(names: Collection[str], what: str) -> str:
    return (
        f"{', '.join(names)}: not set, needed for {what}; looked in the platform's secrets, in files below /secrets and in the "
        "environment"
    )


# --- where settings stand: name of a secret -> key -> text; settings that belong to no secret stand under "" ------------

Named = dict[str, dict[str, str]]


def _platform(secrets: Mapping[str, object], faults: list[str]) -> Named:
    found: Named = {"": {}}
    for name, keys in secrets.items():
        if isinstance(keys, Mapping):
            found[str(name)] = _texts(keys, f"secret {name}", faults)
    found[""] = _texts(
        {name: value for name, value in secrets.items() if not isinstance(value, Mapping)}, "a secret", faults
    )
    return found


def _texts(keys: Mapping[str, object], where: str, faults: list[str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name in NAMES:
        value = keys.get(name)
        if isinstance(value, str):
            if value.strip():
                texts[name] = value.strip()
        elif value is not None:
            faults.append(f"{name}: {where} holds something that is not text")
    return texts


def _files(folder: Path | None, faults: list[str]) -> Named:
    if folder is None or not folder.is_dir():
        return {}
    try:
        # Kubernetes keeps the versions of a mounted secret in folders whose names begin with two dots.
        inner = [entry for entry in sorted(folder.iterdir()) if entry.is_dir() and not entry.name.startswith("..")]
    except OSError as error:
        faults.append(f"{folder}: cannot be read ({error.strerror})")
        return {}
    return {"": _file_texts(folder, faults)} | {entry.name: _file_texts(entry, faults) for entry in inner}


def _file_texts(folder: Path, faults: list[str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name in NAMES:
        path = folder / name
        try:
            if path.is_file():
                with path.open("rb") as file:
                    text = file.read(_FILE_BYTES).decode("utf-8").strip()
                if text:
                    texts[name] = text
        except (OSError, UnicodeDecodeError):
            faults.append(f"{name}: {path} cannot be read as text")
    return texts


def _chosen(found: Named, environ: Mapping[str, str]) -> Named:
    """With EXR_SECRET_NAME set, that secret and what belongs to none."""
    chosen = environ.get(CHOOSER, "").strip()
    return {name: keys for name, keys in found.items() if name in {chosen, ""}} if chosen else found


def _has_secret(name: str, secrets: Mapping[str, object], folder: Path | None) -> bool:
    return isinstance(secrets.get(name), Mapping) or (folder is not None and (folder / name).is_dir())


def _one_of_each(found: Named, faults: list[str]) -> dict[str, str]:
    """Each key's text; two secrets that disagree are a fault. A named secret goes before what belongs to none."""
    texts: dict[str, str] = {}
    for key in NAMES:
        holders = sorted(name for name, keys in found.items() if key in keys)
        if len({found[name][key] for name in holders}) > 1:
            named = ", ".join(name or "(flat)" for name in holders)
            faults.append(f"{key}: differs between the secrets {named}; choose one by {CHOOSER}")
        if holders:
            texts[key] = found[holders[0]][key]
    return texts
