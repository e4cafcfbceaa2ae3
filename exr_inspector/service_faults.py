"""Exceptions that are none of ours, as one of ours."""

from __future__ import annotations

from exr_inspector.errors import ExrInspectorError


def internal_fault(error: Exception) -> ExrInspectorError:
    """An exception that is none of ours, as one of ours: a fault of this program, told by its type only."""
    fault = ExrInspectorError(f"unexpected {type(error).__name__}: a fault of exr-inspector, please report it")
    fault.__cause__ = error
    return fault
