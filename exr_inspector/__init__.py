"""Inspect OpenEXR files in place, check them and their sequences, and store the results in VAST DataBase.

As a library (`docs/python.md`)::

    import exr_inspector as exr

    file = exr.inspect("beauty.1001.exr", stats="sampled")
    report = exr.validate("renders/shot010/", policy="comp")
    with exr.open_catalog("renders.duckdb") as catalog:
        catalog.upsert([file])

Names are loaded when they are first used: `import exr_inspector` alone imports no other package, and only `open_catalog`
imports vastdb and DuckDB.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exr_inspector.delivery.diff import FileDiff
    from exr_inspector.errors import ArgumentError, ExrInspectorError
    from exr_inspector.library.checking import check
    from exr_inspector.library.diffing import diff
    from exr_inspector.library.opening import open_catalog
    from exr_inspector.library.reading import inspect, inspect_all
    from exr_inspector.library.reporting import write_report
    from exr_inspector.library.results import Check, InspectedFile, ValidationReport
    from exr_inspector.library.tables import OpenCatalog
    from exr_inspector.library.validating import validate
    from exr_inspector.model import Finding, Inspection, Severity, StatsMode, Status

__version__ = "0.2.0.dev3"

__all__ = [
    "ArgumentError",
    "Check",
    "ExrInspectorError",
    "FileDiff",
    "Finding",
    "InspectedFile",
    "Inspection",
    "OpenCatalog",
    "Severity",
    "StatsMode",
    "Status",
    "ValidationReport",
    "__version__",
    "check",
    "diff",
    "inspect",
    "inspect_all",
    "open_catalog",
    "validate",
    "write_report",
]

_MODULES = {
    "ArgumentError": "errors",
    "Check": "library.results",
    "ExrInspectorError": "errors",
    "FileDiff": "delivery.diff",
    "Finding": "model",
    "InspectedFile": "library.results",
    "Inspection": "model",
    "OpenCatalog": "library.tables",
    "Severity": "model",
    "StatsMode": "model",
    "Status": "model",
    "ValidationReport": "library.results",
    "check": "library.checking",
    "diff": "library.diffing",
    "inspect": "library.reading",
    "inspect_all": "library.reading",
    "open_catalog": "library.opening",
    "validate": "library.validating",
    "write_report": "library.reporting",
}
# Extras with the additional packages that a module needs.
_EXTRAS = {"library.tables": "catalog"}


def __dir__() -> list[str]:
    """Return the public names, including those that are not loaded yet."""
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> object:
    """Load a public name from its module.

    Raises:
        AttributeError: There is no such name.
        SettingsError: It needs a package that is not installed; the message names the extra.
    """
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib  # noqa: PLC0415 - only on first use

    module = _MODULES[name]
    try:
        return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    except ModuleNotFoundError as error:
        if module not in _EXTRAS:
            raise
        from exr_inspector.texts import missing_package  # noqa: PLC0415 - only here

        raise missing_package(name, error.name or "vastdb", _EXTRAS[module]) from error
