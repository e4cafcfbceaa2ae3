"""EXR_BATCH in ctx.secrets, which differs from what the platform found before."""

from __future__ import annotations

import importlib
import logging
import sys
import types
from pathlib import Path

import pytest

from exr_inspector.errors import SettingsError

ROOT = Path(__file__).resolve().parents[3]
LOG = logging.getLogger("test")


@pytest.mark.parametrize(("known", "secret"), [(None, "on"), ("on", "off")])
def test_a_batch_setting_that_comes_too_late_is_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, known: str | None, secret: str
) -> None:
    if known is None:
        monkeypatch.delenv("EXR_BATCH", raising=False)
    else:
        monkeypatch.setenv("EXR_BATCH", known)
    # Other tests load functions of their own under this name.
    monkeypatch.delitem(sys.modules, "main", raising=False)
    monkeypatch.syspath_prepend(ROOT)
    main = importlib.import_module("main")
    complete = {
        "VAST_DB_ENDPOINT": "http://127.0.0.1:1",
        "VAST_DB_ACCESS_KEY": "a",
        "VAST_DB_SECRET_KEY": "b",
        "VAST_DB_BUCKET": "c",
        "EXR_MOUNTS": "x=/nowhere",
        "EXR_BATCH": secret,
    }
    ctx = types.SimpleNamespace(secrets={"s": complete | {"EXR_STAT": "s3cret"}}, logger=LOG)
    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(SettingsError, match=rf"EXR_BATCH: {secret} in ctx\.secrets, {known or 'off'} in"),
    ):
        main.init(ctx)
    assert "EXR_STAT is no setting" in caplog.text
    assert "s3cret" not in caplog.text
    monkeypatch.delitem(sys.modules, "main")
