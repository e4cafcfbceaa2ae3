"""Read what the platform provides before the first event: batch mode and secrets."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from exr_inspector.errors import SettingsError
from exr_inspector.settings import FUNCTION, SECRETS_DIR, SELECTION_SETTING, load_settings


def batches_at_import(environ: Mapping[str, str], secrets_dir: Path | None = SECRETS_DIR) -> bool:
    """Return whether EXR_BATCH is on, as far as it is known when the handler's file is imported.

    The platform looks for the batching decorator during the import, before a ctx exists. `init`, which checks all settings,
    reports an invalid value, and another one in `ctx.secrets`.
    """
    selected = environ.get(SELECTION_SETTING, "").strip()
    in_ctx: dict[str, dict[str, str]] = {selected: {}}  # the secret may exist only there
    try:
        return load_settings(environ, in_ctx, secrets_dir, use=(FUNCTION,)).batch
    except SettingsError:
        return False


def secrets_of(ctx: Any, logger: logging.Logger) -> Mapping[str, object]:
    """Return `ctx.secrets`; empty if the runtime has none or raises, as clusters do without an attached secret."""
    try:
        found = getattr(ctx, "secrets", None)
    except Exception as error:  # noqa: BLE001 - the platform does not document which exception it raises
        logger.warning(
            "[SECRETS] ctx.secrets cannot be read (%s); files and environment are used", type(error).__name__
        )
        return {}
    if not isinstance(found, Mapping) or not found:
        logger.info("[SECRETS] none attached; files below /secrets and the environment are used")
        return {}
    return found
