"""Every column of rich rows against its known value, so that a column made of the wrong thing is seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from exr_inspector import __version__
from exr_inspector.catalog.rows.build import table_rows
from exr_inspector.catalog.schema import ROW_COUNTS, SCHEMA_VERSION
from exr_inspector.exr.chunks.layout import part_layout
from exr_inspector.exr.header.parser import make_part
from exr_inspector.exr.header.values import Attribute, Box2i, Chromaticities, Rational, TileDesc, TimeCode
from exr_inspector.exr.names import file_names
from exr_inspector.model import Inspection, PartPixels, PixelFault, PixelReport, StatsMode
from exr_inspector.model import DeepStats, EventInfo, Provenance, SequenceName
from tests.contract.catalog.model import inspection, thumbnail
from exr_inspector.catalog.rows.groups import to_tables
