"""Sources of bytes: objects in S3 buckets or in local folders that replace them, local files, and memory.

`SourceOpener` is created once from the settings and shared by all threads. A `RangeSource` reads one version of one
object. This package does not interpret the bytes.
"""

from exr_inspector.storage.objects import exr_report
from exr_inspector.storage.opener import (
    DEFAULT_EXCLUDES,
    FILE_BUCKET,
    MEMORY_BUCKET,
    SourceOpener,
    is_excluded,
    is_local,
)
from exr_inspector.storage.sequences import is_exr
from exr_inspector.storage.source import ObjectEntry, PrefixedSource, RangeSource, ReadBudget, WrappedSource

__all__ = [
    "DEFAULT_EXCLUDES",
    "FILE_BUCKET",
    "MEMORY_BUCKET",
    "ObjectEntry",
    "PrefixedSource",
    "RangeSource",
    "ReadBudget",
    "SourceOpener",
    "WrappedSource",
    "exr_report",
    "is_excluded",
    "is_exr",
    "is_local",
]
