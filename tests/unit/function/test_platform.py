"""What is known before the first event: batches, and secrets, which a runtime may not have."""

from __future__ import annotations

import logging
import types
from pathlib import Path
from typing import Any

import pytest

from exr_inspector.function.platform import batches_at_import, secrets_of

LOG = logging.getLogger("test")


class Raising:
    @property
    def secrets(self) -> Any:
        raise FileNotFoundError("Path not found")


@pytest.mark.parametrize("ctx", [Raising(), types.SimpleNamespace(secrets=None), types.SimpleNamespace(), object()])
def test_a_runtime_without_secrets_is_no_fault(ctx: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert secrets_of(ctx, LOG) == {}
    assert "[SECRETS]" in caplog.text
    assert "environment" in caplog.text


def test_secrets_are_handed_on() -> None:
    assert secrets_of(types.SimpleNamespace(secrets={"s": {"S3_REGION": "r"}}), LOG) == {"s": {"S3_REGION": "r"}}


def test_batches_by_environment_and_by_file(tmp_path: Path) -> None:
    assert not batches_at_import({}, tmp_path)
    assert batches_at_import({"EXR_BATCH": "yes"}, tmp_path)
    (tmp_path / "EXR_BATCH").write_text("on")
    assert batches_at_import({}, tmp_path)
    # A deadline below a default that is not used here is no contradiction.
    assert batches_at_import({"EXR_BATCH": "on", "EXR_DEADLINE_SECONDS": "5"}, None)
    # The secret that is chosen may exist in ctx.secrets alone.
    assert batches_at_import({"EXR_BATCH": "on", "EXR_SECRET_NAME": "mine"}, None)
    # `init` reports errors.
    assert not batches_at_import({"EXR_STATS": "bogus", "EXR_BATCH": "on"}, None)
