"""The first function of a chain: returns the name of the event's object. The handler imports a module at the first event."""


def init(ctx):
    ctx.seen = 0


def handler(ctx, event):
    from vast.dataengine.sdk import ElementTriggerVastEvent  # noqa: PLC0415 - that it works late is what is tested

    element = event.as_element_event()
    assert isinstance(element, ElementTriggerVastEvent)
    return {"status": "success", "bucket": element.bucket, "key": element.object_key}
