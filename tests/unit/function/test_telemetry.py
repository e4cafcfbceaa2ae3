"""Instruments of a context that lacks some of them."""

from __future__ import annotations

from exr_inspector.function.telemetry import Telemetry


def test_a_context_without_instruments_logs_by_the_name_of_the_program() -> None:
    telemetry = Telemetry(object())
    assert telemetry.logger.name == Telemetry().logger.name == "exr_inspector"
    telemetry.count("exr_files", status="stored")
    telemetry.record("exr_inspect_ms", 1.0)
