"""How to reach the tables, and what the catalog takes from its surroundings: clock, random numbers, ids."""

from __future__ import annotations

import random
import socket
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import datetime, timezone
from pathlib import Path

from exr_inspector.settings import CatalogConnection


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _new_id() -> str:
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class CatalogConfig:
    """How to reach the tables.

    Attributes:
        endpoint: URL of the database's virtual IP.
        access_key: S3 access key; never shown.
        secret_key: Secret key; never shown.
        bucket: Database-enabled bucket.
        schema: Schema of the tables; a nested one as `outer/inner`.
        tls_verify: Whether the server's certificate is checked.
        ca_bundle: PEM file of certificates to trust besides the system's.
        retry_seconds: How long a failed transaction is tried again, seconds.
        timeout_seconds: Idle time-out of a request, seconds. Connecting takes at most 5 seconds.
        worker: Value of the column `inspections.worker`.
        clock: Returns the time, UTC.
        jitter: Returns a random number from 0 to 1.
        sleep: Waits for a number of seconds.
        new_id: Returns a new unique id.
    """

    endpoint: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    bucket: str
    schema: str
    tls_verify: bool = True
    ca_bundle: Path | None = None
    retry_seconds: float = 30.0
    timeout_seconds: float = 15.0
    worker: str = ""
    clock: Callable[[], datetime] = field(default=_now, repr=False)
    jitter: Callable[[], float] = field(default=random.random, repr=False)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    new_id: Callable[[], str] = field(default=_new_id, repr=False)

    @classmethod
    def from_settings(cls, settings: CatalogConnection) -> CatalogConfig:
        """The configuration from settings, with this host's name as the worker."""
        same = {each.name: getattr(settings, each.name) for each in fields(settings)}
        keys = {"access_key": settings.access_key.reveal(), "secret_key": settings.secret_key.reveal()}
        return cls(**(same | keys), worker=socket.gethostname())

    @property
    def environ(self) -> dict[str, str]:
        """The settings that name this database."""
        return {
            "VAST_DB_ENDPOINT": self.endpoint,
            "VAST_DB_ACCESS_KEY": self.access_key,
            "VAST_DB_SECRET_KEY": self.secret_key,
            "VAST_DB_BUCKET": self.bucket,
            "VAST_DB_SCHEMA": self.schema,
        }
