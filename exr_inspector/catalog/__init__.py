"""The tables in VAST DataBase: their schema, the rows of an inspection, and `Catalog`, which writes and reads them.

`schema`, `versions` and `rows` are pure and quick to import. `Catalog` needs the vastdb SDK, whose import takes about a second,
so the names below are imported at their first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exr_inspector.catalog.catalog import Catalog
    from exr_inspector.catalog.outcomes import Outcome, UpsertResult
    from exr_inspector.catalog.sdk.config import CatalogConfig

__all__ = ["Catalog", "CatalogConfig", "Outcome", "UpsertResult"]

_MODULES = {"Catalog": "catalog", "CatalogConfig": "sdk.config", "Outcome": "outcomes", "UpsertResult": "outcomes"}


def __getattr__(name: str) -> object:
    """Import a public name at its first use."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib  # noqa: PLC0415 - only on first use

    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
