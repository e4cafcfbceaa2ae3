"""Take events in batches and return as many payloads."""

from vast.dataengine.sdk import Context, VastEventList, event_batching_handler


def init(ctx: Context):
    ctx.logger.info("ready for batches")


@event_batching_handler
def handler(ctx: Context, events_list: VastEventList):
    payloads = [event.get_data() for event in events_list]
    for payload in payloads:
        payload["processed_by"] = ctx.function_name
        payload["batch"] = len(events_list)
    return payloads
