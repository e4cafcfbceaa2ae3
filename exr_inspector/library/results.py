"""Results of the public API: the values the inspector and the rules make, with ways out to JSON, Arrow and pandas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import pyarrow as pa

from exr_inspector.catalog.rows.build import file_rows
from exr_inspector.catalog.rows.groups import to_tables
from exr_inspector.errors import SettingsError
from exr_inspector.library.arguments import severity
from exr_inspector.model import Finding, Inspection, Severity
from exr_inspector.texts import json_document
from exr_inspector.validation.reports import ValidationResult, finding_json, json_text, junit_text, sarif_text

if TYPE_CHECKING:
    import pandas as pd

_FINDING_COLUMNS = pa.schema(
    [
        ("path", pa.string()),
        ("policy", pa.string()),
        ("code", pa.string()),
        ("severity", pa.string()),
        ("message", pa.string()),
        ("part_index", pa.int32()),
        ("channel", pa.string()),
        ("found", pa.string()),
        ("expected", pa.string()),
        ("file_offset", pa.int64()),
    ]
)


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """An Arrow table as a pandas DataFrame.

    Raises:
        SettingsError: pandas is not installed.
    """
    try:
        return table.to_pandas()
    except ModuleNotFoundError as error:
        raise SettingsError("to_pandas() needs the package pandas: pip install pandas") from error


@dataclass(frozen=True, slots=True)
class InspectedFile(Inspection):
    """One file as `inspect` found it: every attribute of `Inspection`, and its rows as JSON, Arrow or pandas.

    Raises nothing for a damaged file: `status`, `error_code` and `error_message` say what is wrong with it.
    """

    @classmethod
    def of(cls, inspection: Inspection) -> InspectedFile:
        """The same values, with the exports."""
        return cls(**{item.name: getattr(inspection, item.name) for item in fields(Inspection)})

    def to_json(self, *, indent: int | None = None) -> str:
        """The rows of all tables as one JSON document, as `inspect --json` prints it; `docs/tables.md` has the columns."""
        return json_document(file_rows(self), indent=indent)

    def to_arrow(self) -> dict[str, pa.Table]:
        """The rows by table name: `files` has one, `parts`, `channels`, `attributes`, `stats` and others any number."""
        return dict(to_tables([self], [""]))

    def to_pandas(self) -> dict[str, pd.DataFrame]:
        """As `to_arrow`, as DataFrames.

        Raises:
            SettingsError: pandas is not installed.
        """
        return {name: to_pandas(table) for name, table in self.to_arrow().items()}


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """What `validate` found, one result a file or sequence.

    Attributes:
        results: In the order of the targets; sequences after the files.
    """

    results: tuple[ValidationResult, ...]

    def __iter__(self) -> Iterator[ValidationResult]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    @property
    def findings(self) -> tuple[tuple[str, Finding], ...]:
        """Every finding with the name of its file or sequence."""
        return tuple((result.name, finding) for result in self.results for finding in result.findings)

    @property
    def faults(self) -> Mapping[str, str]:
        """Why a file could not be read, by its name."""
        return {result.name: result.fault for result in self.results if result.fault}

    def passed(self, fail_on: Severity | str = Severity.ERROR) -> bool:
        """Whether all files could be read, and no finding is as severe as `fail_on`."""
        least = severity("fail_on", fail_on)
        return not self.faults and all(finding.severity < least for _, finding in self.findings)

    def to_json(self) -> str:
        """As `validate --format json` prints it."""
        return json_text(self.results)

    def to_sarif(self) -> str:
        """A SARIF 2.1.0 log."""
        return sarif_text(self.results)

    def to_junit(self, fail_on: Severity | str = Severity.ERROR) -> str:
        """JUnit XML, one test case a file.

        Raises:
            SettingsError: junitparser is not installed (extra `report`).
        """
        return junit_text(self.results, severity("fail_on", fail_on))

    def to_arrow(self) -> pa.Table:
        """One row a finding."""
        rows = [
            {"path": result.name, "policy": result.policy, **finding_json(finding)}
            for result in self.results
            for finding in result.findings
        ]
        return pa.Table.from_pylist(rows, schema=_FINDING_COLUMNS)

    def to_pandas(self) -> pd.DataFrame:
        """As `to_arrow`, as a DataFrame.

        Raises:
            SettingsError: pandas is not installed.
        """
        return to_pandas(self.to_arrow())
