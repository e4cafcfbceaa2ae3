"""Results of the public API, with exports to JSON, Arrow and pandas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from exr_inspector.delivery.check import DeliveryCheck
from exr_inspector.documents import json_document
from exr_inspector.library.arguments import severity
from exr_inspector.model import Finding, Inspection, Severity
from exr_inspector.report.words import human_bytes
from exr_inspector.texts import visible
from exr_inspector.validation.reports import ValidationResult, finding_json, json_text, junit_text, sarif_text
from exr_inspector.validation.rule import counted, severity_counts

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class InspectedFile(Inspection):
    """The result of `inspect`: an `Inspection` with exports. `repr` is one line.

    A damaged file is a result too: `status`, `error_code` and `error_message` say what is wrong with it.
    """

    @classmethod
    def of(cls, inspection: Inspection) -> InspectedFile:
        """The inspection as a result."""
        return cls(**{item.name: getattr(inspection, item.name) for item in fields(Inspection)})

    def __repr__(self) -> str:
        """`<InspectedFile PATH: STATUS, parts, channels, size of the first data window, bytes, findings>`."""
        facts = [self.status.value if self.error_code is None else f"{self.status.value} {self.error_code}"]
        if self.header is not None:
            parts = self.header.parts
            facts += [counted(len(parts), "part"), counted(sum(len(part.channels or ()) for part in parts), "channel")]
            window = parts[0].data_window if parts else None
            facts += [f"{window.width} x {window.height}"] if window else []
        facts += [human_bytes(self.version.size_bytes)] if self.version else []
        return f"<InspectedFile {visible(self.path)}: {', '.join([*facts, counted(len(self.findings), 'finding')])}>"

    def to_json(self, *, indent: int | None = None) -> str:
        """The rows of all tables as one JSON document, as `inspect --json` prints it; `docs/tables.md` has the columns."""
        from exr_inspector.catalog.rows.plain import file_rows  # noqa: PLC0415 - brings pyarrow

        return json_document(file_rows(self), indent=indent)

    def to_arrow(self) -> dict[str, pa.Table]:
        """The rows by table name: `files` has one, `parts`, `channels`, `attributes`, `stats` and others any number."""
        from exr_inspector.catalog.rows.groups import to_tables  # noqa: PLC0415 - brings pyarrow

        return dict(to_tables([self], [""]))

    def to_pandas(self) -> dict[str, pd.DataFrame]:
        """The tables of `to_arrow` as DataFrames.

        Raises:
            SettingsError: pandas is not installed.
        """
        from exr_inspector.delivery.tables import to_pandas  # noqa: PLC0415 - brings pyarrow

        return {name: to_pandas(table) for name, table in self.to_arrow().items()}


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """The result of `validate`. `repr` is one line.

    Attributes:
        results: One for each file, in the order of the targets, and then one for each sequence.
    """

    results: tuple[ValidationResult, ...]

    def __repr__(self) -> str:
        """`<ValidationReport: files, sequences, numbers of findings by severity>`."""
        sequences = sum(result.is_sequence for result in self.results)
        counts = Counter(finding.severity for _, finding in self.findings)
        facts = [counted(len(self.results) - sequences, "file"), counted(sequences, "sequence")]
        facts += severity_counts(counts) or ["no findings"]
        facts += [f"{len(self.faults)} could not be read"] * bool(self.faults)
        return f"<ValidationReport: {', '.join(facts)}>"

    def __iter__(self) -> Iterator[ValidationResult]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    @property
    def findings(self) -> tuple[tuple[str, Finding], ...]:
        """All findings, each with the name of its file or sequence."""
        return tuple((result.name, finding) for result in self.results for finding in result.findings)

    @property
    def faults(self) -> Mapping[str, str]:
        """The files that could not be read, with the reason by name."""
        return {result.name: result.fault for result in self.results if result.fault}

    def passed(self, fail_on: Severity | str = Severity.ERROR) -> bool:
        """Whether all files could be read, and all findings are less severe than `fail_on`."""
        least = severity("fail_on", fail_on)
        return not self.faults and all(finding.severity < least for _, finding in self.findings)

    def to_json(self) -> str:
        """The document of `validate --format json`."""
        return json_text(self.results)

    def to_sarif(self) -> str:
        """A SARIF 2.1.0 log."""
        return sarif_text(self.results)

    def to_junit(self, fail_on: Severity | str = Severity.ERROR) -> str:
        """JUnit XML, with one test case for each file.

        Raises:
            SettingsError: junitparser is not installed (extra `report`).
        """
        return junit_text(self.results, severity("fail_on", fail_on))

    def to_arrow(self) -> pa.Table:
        """One row for each finding."""
        from exr_inspector.delivery.tables import finding_table  # noqa: PLC0415 - brings pyarrow

        return finding_table(
            {"path": result.name, "policy": result.policy, **finding_json(finding)}
            for result in self.results
            for finding in result.findings
        )

    def to_pandas(self) -> pd.DataFrame:
        """The table of `to_arrow` as a DataFrame.

        Raises:
            SettingsError: pandas is not installed.
        """
        from exr_inspector.delivery.tables import to_pandas  # noqa: PLC0415 - brings pyarrow

        return to_pandas(self.to_arrow())


@dataclass(frozen=True, slots=True, repr=False)
class Check(DeliveryCheck):
    """The result of `check` and `write_report`: a `DeliveryCheck` with exports. `repr` is one line."""

    @classmethod
    def of(cls, check: DeliveryCheck) -> Check:
        """The check of a delivery as a result."""
        return cls(**{item.name: getattr(check, item.name) for item in fields(DeliveryCheck)})

    @property
    def report(self) -> ValidationReport:
        """The findings of its files and sequences, as `validate` returns them."""
        return ValidationReport(self.results)

    @property
    def findings(self) -> tuple[tuple[str, Finding], ...]:
        """All findings, each with the name of its file or sequence."""
        return self.report.findings

    def passed(self, fail_on: Severity | str = Severity.ERROR) -> bool:
        """Whether there are files, all could be read, and all findings are less severe than `fail_on`."""
        least = severity("fail_on", fail_on)
        is_mild = self.worst is None or self.worst < least
        return self.checked > 0 and not self.report.faults and is_mild

    def to_sarif(self) -> str:
        """A SARIF 2.1.0 log."""
        return self.report.to_sarif()

    def to_junit(self, fail_on: Severity | str = Severity.ERROR) -> str:
        """JUnit XML, with one test case for each file and sequence.

        Raises:
            SettingsError: junitparser is not installed (extra `report`).
        """
        return self.report.to_junit(fail_on)

    def to_arrow(self) -> pa.Table:
        """One row for each finding."""
        return self.report.to_arrow()

    def to_pandas(self) -> pd.DataFrame:
        """The table of `to_arrow` as a DataFrame.

        Raises:
            SettingsError: pandas is not installed.
        """
        return self.report.to_pandas()
