"""Every setting of the function, read once from secrets and the environment into one frozen `Settings`.

A setting is looked for in the platform's secrets, then in files below `/secrets`, then in the environment; the first that has
it wins, and its default holds otherwise. `settings_table` describes each. Nothing here opens a connection or logs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from exr_inspector.errors import LimitExceeded, SettingsError
from exr_inspector.exr.limits import Limits
from exr_inspector.settings_secrets import SecretLayers
from exr_inspector.settings_table import CATALOG_NAMES, S3_NAMES, TABLE, Setting
from exr_inspector.settings_values import Secret

__all__ = ["SECRETS_DIR", "CatalogConnection", "S3Connection", "Secret", "Settings", "load_settings"]

SECRETS_DIR = Path("/secrets")


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
        timeout_seconds: How long a connection or an answer may stand still.
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
        timeout_seconds: How long a connection or an answer may stand still.
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


@dataclass(frozen=True, slots=True)
class Settings:
    """What the function was told, complete and checked; the attributes without a sentence are explained in `TABLE`.

    Attributes:
        catalog: VAST DataBase, None when its settings are not complete.
        s3: The S3 endpoint, None when its settings are not complete.
        mounts: (bucket, folder) pairs of local folders that stand in for buckets.
        limits: What one file may ask of the parser.
        warnings: Sentences for the log about settings that are allowed but unwise.
        unset: Names of settings that have neither value nor default.
    """

    catalog: CatalogConnection | None
    s3: S3Connection | None
    mounts: tuple[tuple[str, Path], ...]
    allowed_buckets: tuple[str, ...]
    allowed_prefixes: tuple[str, ...]
    policy: str
    stats: str
    stats_bytes: int
    stats_requests: int
    stats_levels: str
    hash: bool
    leaders: str
    rebuild: bool
    batch: bool
    deadline_seconds: float
    memory_mib: int
    decode_threads: int
    initial_read_bytes: int
    max_requests: int
    limits: Limits
    warnings: tuple[str, ...]
    unset: frozenset[str]

    def require_catalog(self) -> CatalogConnection:
        """The database connection.

        Raises:
            SettingsError: It is not configured; the message names what is missing.
        """
        if self.catalog is None:
            raise SettingsError(_missing("VAST DataBase", CATALOG_NAMES, self.unset))
        return self.catalog

    def require_s3(self) -> S3Connection:
        """The S3 connection.

        Raises:
            SettingsError: It is not configured; the message names what is missing.
        """
        if self.s3 is None:
            raise SettingsError(_missing("objects of an S3 bucket", S3_NAMES, self.unset))
        return self.s3


def load_settings(
    environ: Mapping[str, str],
    secrets: Mapping[str, object] | None = None,
    secrets_dir: Path | None = SECRETS_DIR,
    *,
    need: Collection[str] = (),
) -> Settings:
    """The settings that hold for this process.

    Args:
        environ: The environment, usually `os.environ`.
        secrets: The platform's secrets, `ctx.secrets`: secret name, then key, then value.
        secrets_dir: Folder with the same secrets as files, flat or in one folder a secret; None or a missing one is none.
        need: What must be configured: `catalog` (VAST DataBase), `objects` (S3, or at least one mount).

    Raises:
        SettingsError: Something is wrong or missing; one sentence for each fault, and no value of a secret in any.
        ValueError: `need` names something else.
    """
    if unknown := set(need) - {"catalog", "objects"}:
        raise ValueError(f"need: {', '.join(sorted(unknown))} is not known")
    faults: list[str] = []
    layers = SecretLayers.read(environ, secrets or {}, secrets_dir, faults)
    texts = {setting.name: _text(setting, environ, layers, faults) for setting in TABLE}
    found = {setting.name: _value(setting, texts[setting.name], faults) for setting in TABLE}
    unset = frozenset(name for name, text in texts.items() if text is None)
    faults.extend(_cross_checks(found, need, unset))
    if faults:
        raise SettingsError("; ".join(faults))
    return _build(found, unset)


def _text(setting: Setting, environ: Mapping[str, str], layers: SecretLayers, faults: list[str]) -> str | None:
    return layers.find(setting.name, faults) or environ.get(setting.name, "").strip() or setting.default


def _value(setting: Setting, text: str | None, faults: list[str]) -> Any:
    if text is None:
        return None
    try:
        return setting.parse(text)
    except ValueError as error:
        faults.append(f"{setting.name}: {error}")
        return None


def _cross_checks(found: Mapping[str, Any], need: Collection[str], unset: frozenset[str]) -> Iterator[str]:
    if "catalog" in need and any(name in unset for name in CATALOG_NAMES):
        yield _missing("VAST DataBase", CATALOG_NAMES, unset)
    if "objects" in need and not found["EXR_MOUNTS"] and any(name in unset for name in S3_NAMES):
        yield _missing("reading objects (or EXR_MOUNTS for local folders)", S3_NAMES, unset)
    retry, deadline = found["EXR_DB_RETRY_SECONDS"], found["EXR_DEADLINE_SECONDS"]
    if retry is not None and deadline is not None and retry >= deadline:
        yield "EXR_DB_RETRY_SECONDS: expected less than EXR_DEADLINE_SECONDS"


def _missing(what: str, names: Collection[str], unset: frozenset[str]) -> str:
    return f"{', '.join(name for name in names if name in unset)}: not set, needed for {what}"


def _build(found: Mapping[str, Any], unset: frozenset[str]) -> Settings:
    return Settings(
        catalog=_catalog(found) if unset.isdisjoint(CATALOG_NAMES) else None,
        s3=_s3(found) if unset.isdisjoint(S3_NAMES) else None,
        mounts=found["EXR_MOUNTS"],
        allowed_buckets=found["EXR_ALLOWED_BUCKETS"],
        allowed_prefixes=found["EXR_ALLOWED_PREFIXES"],
        policy=found["EXR_POLICY"],
        stats=found["EXR_STATS"],
        stats_bytes=found["EXR_STATS_BYTES"],
        stats_requests=found["EXR_STATS_REQUESTS"],
        stats_levels=found["EXR_STATS_LEVELS"],
        hash=found["EXR_HASH"],
        leaders=found["EXR_LEADERS"],
        rebuild=found["EXR_REBUILD"],
        batch=found["EXR_BATCH"],
        deadline_seconds=found["EXR_DEADLINE_SECONDS"],
        memory_mib=found["EXR_MEMORY_MIB"],
        decode_threads=found["EXR_DECODE_THREADS"],
        initial_read_bytes=found["EXR_INITIAL_READ_BYTES"],
        max_requests=found["EXR_MAX_REQUESTS"],
        limits=_limits(found),
        warnings=tuple(_warnings(found)),
        unset=unset,
    )


def _catalog(found: Mapping[str, Any]) -> CatalogConnection:
    return CatalogConnection(
        endpoint=found["VAST_DB_ENDPOINT"],
        access_key=found["VAST_DB_ACCESS_KEY"],
        secret_key=found["VAST_DB_SECRET_KEY"],
        bucket=found["VAST_DB_BUCKET"],
        schema=found["VAST_DB_SCHEMA"],
        tls_verify=found["VAST_DB_TLS_VERIFY"],
        ca_bundle=found["VAST_DB_CA_BUNDLE"],
        retry_seconds=found["EXR_DB_RETRY_SECONDS"],
        timeout_seconds=found["EXR_DB_TIMEOUT_SECONDS"],
    )


def _s3(found: Mapping[str, Any]) -> S3Connection:
    return S3Connection(
        endpoint_url=found["S3_ENDPOINT_URL"],
        access_key=found["S3_ACCESS_KEY"],
        secret_key=found["S3_SECRET_KEY"],
        region=found["S3_REGION"],
        virtual_hosted=found["S3_VIRTUAL_HOSTED"],
        tls_verify=found["S3_TLS_VERIFY"],
        ca_bundle=found["S3_CA_BUNDLE"],
        timeout_seconds=found["S3_TIMEOUT_SECONDS"],
        retries=found["S3_RETRIES"],
    )


def limit_text(error: LimitExceeded) -> str:
    """The error's text with the setting that allows more."""
    setting = error.limit if error.limit.isupper() else f"EXR_MAX_{error.limit.upper()}"
    return f"{error} (setting {setting})"


def _limits(found: Mapping[str, Any]) -> Limits:
    return Limits(**{limit.name: found[f"EXR_MAX_{limit.name.upper()}"] for limit in fields(Limits)})


def _warnings(found: Mapping[str, Any]) -> Iterator[str]:
    for switch, endpoint in (("S3_TLS_VERIFY", "S3_ENDPOINT_URL"), ("VAST_DB_TLS_VERIFY", "VAST_DB_ENDPOINT")):
        if not found[switch]:
            yield f"{switch} is off: whoever is on the way to {endpoint} can read and change everything"
