"""From settings to the tables. A module of its own since the vastdb SDK takes most of a second to import."""

from __future__ import annotations

import socket

from exr_inspector.catalog import CatalogConfig
from exr_inspector.settings import CatalogConnection


def catalog_config(connection: CatalogConnection) -> CatalogConfig:
    """How the catalog reaches the tables, by the settings' database connection."""
    return CatalogConfig(
        endpoint=connection.endpoint,
        access_key=connection.access_key.reveal(),
        secret_key=connection.secret_key.reveal(),
        bucket=connection.bucket,
        schema=connection.schema,
        tls_verify=connection.tls_verify,
        ca_bundle=connection.ca_bundle,
        retry_seconds=connection.retry_seconds,
        timeout_seconds=connection.timeout_seconds,
        worker=socket.gethostname(),
    )
