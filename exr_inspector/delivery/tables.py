"""Findings and differences of files as Arrow tables, and Arrow tables as DataFrames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from exr_inspector.errors import SettingsError

if TYPE_CHECKING:
    import pandas as pd

_PLACE = [("one_path", pa.string()), ("other_path", pa.string()), ("part", pa.string())]
DIFFERING_ATTRIBUTES = pa.schema([*_PLACE, ("name", pa.string()), ("one", pa.string()), ("other", pa.string())])
COMPARED_CHANNELS = pa.schema(
    [
        *_PLACE,
        ("channel", pa.string()),
        *((name, pa.int64()) for name in ("samples", "differing", "over", "unlike")),
        ("max_error", pa.float64()),
        ("max_x", pa.int64()),
        ("max_y", pa.int64()),
        *((name, pa.float64()) for name in ("mean_error", "rms_error", "max_relative")),
        ("max_ulp", pa.int64()),
    ]
)


_FINDING_COLUMNS = pa.schema(
    [
        *((name, pa.string()) for name in ("path", "policy", "code", "severity", "message")),
        ("part_index", pa.int32()),
        *((name, pa.string()) for name in ("channel", "found", "expected")),
        ("file_offset", pa.int64()),
        ("frames", pa.string()),
        ("frame_count", pa.int64()),
    ]
)


def finding_table(findings: Iterable[Mapping[str, Any]]) -> pa.Table:
    """The findings of files and sequences (`finding_json`), with the path and policy of each."""
    return pa.Table.from_pylist(list(findings), schema=_FINDING_COLUMNS)


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """An Arrow table as a pandas DataFrame.

    Raises:
        SettingsError: pandas is not installed.
    """
    try:
        return table.to_pandas()
    except ModuleNotFoundError as error:
        raise SettingsError("to_pandas() needs the package pandas: pip install pandas") from error
