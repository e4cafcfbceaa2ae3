"""The settings of a benchmark's local database, and the rows of many files made from those of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from exr_inspector.catalog import Catalog, CatalogConfig
from exr_inspector.settings import load_settings
from vastdb_local import LocalVastDB

# On a busy machine the local server may take a minute.
LONG_WAITS = {"EXR_DB_TIMEOUT_SECONDS": "600", "EXR_DB_RETRY_SECONDS": "600", "EXR_DEADLINE_SECONDS": "3600"}


def environment(server: LocalVastDB) -> dict[str, str]:
    """The settings for a connection to a local database."""
    return CatalogConfig(server.endpoint, server.access_key, server.secret_key, server.bucket, "exr_inspector").environ


def catalog_of(environ: Mapping[str, str]) -> Catalog:
    """The catalog that the settings name."""
    return Catalog(CatalogConfig.from_settings(load_settings(environ, secrets_dir=None).require_catalog()))


def repeated(table: pa.Table, count: int, owners: Mapping[str, Sequence[Any]]) -> pa.Table:
    """Repeat the rows of one file `count` times, with the given values in some columns."""
    rows = table.num_rows
    whole = table.take(pa.array(np.tile(np.arange(rows), count)))
    each = pa.array(np.repeat(np.arange(count), rows))
    for name in owners.keys() & set(whole.column_names):
        field = whole.schema.field(name)
        values = pa.array(owners[name], field.type).take(each)
        whole = whole.set_column(whole.schema.get_field_index(name), field, values)
    return whole
