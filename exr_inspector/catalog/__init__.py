"""The tables in VAST DataBase: their schemas, the rows of an inspection, and the one store that writes and reads them.

`schema`, `keys` and `rows` are pure and cheap to import; `Catalog` brings the vastdb SDK (about a second), and is therefore
loaded when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exr_inspector.catalog.catalog import Catalog
    from exr_inspector.catalog.outcomes import Outcome, UpsertResult
    from exr_inspector.catalog.sdk.connection import CatalogConfig

__all__ = ["Catalog", "CatalogConfig", "Outcome", "UpsertResult"]

_HOMES = {"Catalog": "catalog", "CatalogConfig": "sdk.connection", "Outcome": "outcomes", "UpsertResult": "outcomes"}


def __getattr__(name: str) -> object:
    """Load what is asked for from its module."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib  # noqa: PLC0415 - only on first use

    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
