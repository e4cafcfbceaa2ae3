"""The second function of a chain: takes what the first returned."""

import threading

from vast.dataengine.sdk import Context, VastEvent


def init(ctx: Context):
    ctx.lock, ctx.keys = threading.Lock(), []


def handler(ctx: Context, event: VastEvent):
    result = event.as_function_event()
    with ctx.lock:
        ctx.keys.append(result.get_data()["key"])
    return {"from": result.function_trigger, "count": len(ctx.keys)}
