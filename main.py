"""The VAST DataEngine function: what the platform calls. `exr_inspector.function` does the work.

`init` runs once a container, before it is ready; `handler` runs for each event, on up to 20 threads at once.
"""

import os

from exr_inspector.errors import SettingsError
from exr_inspector.function.handler import Service
from exr_inspector.function.platform import batches_at_import, secrets_of
from exr_inspector.function.telemetry import Telemetry
from exr_inspector.settings import load_settings, unknown_settings

try:
    from vast.dataengine.sdk import event_batching_handler
except ImportError:  # runtimes before 5.5 have no batches
    event_batching_handler = None

BATCH = batches_at_import(os.environ)


def init(ctx):
    """Read the settings, prepare object store, database and policy. A wrong setting fails here, by name."""
    telemetry = Telemetry(ctx)
    secrets = secrets_of(ctx, telemetry.logger)
    for sentence in unknown_settings(os.environ, secrets):
        telemetry.logger.warning("[SETTINGS] %s", sentence)
    settings = load_settings(os.environ, secrets, need=("catalog", "objects"))
    if settings.batch is not BATCH:
        secret, known = ("on", "off") if settings.batch else ("off", "on")
        raise SettingsError(
            f"EXR_BATCH: {secret} in ctx.secrets, {known} in environment and files, which decide, since ctx.secrets comes too"
            " late for it: set it there alone, on if the deployment batches events"
        )
    if BATCH and event_batching_handler is None:
        raise SettingsError("EXR_BATCH: this runtime has no vast.dataengine.sdk; batches need VAST 5.5 or newer")
    ctx.exr_service = Service.from_settings(settings, telemetry)


def handler(ctx, event):
    """Bring the object's rows up to date; raises only what a later delivery may fix."""
    if BATCH:
        return ctx.exr_service.handle_batch(list(event))
    return ctx.exr_service.handle(event)


if BATCH and event_batching_handler is not None:
    handler = event_batching_handler(handler)  # the decorator's presence is what selects the mode
