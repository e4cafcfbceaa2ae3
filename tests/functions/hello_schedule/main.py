"""Hello world on a schedule, in the style of the 5.5 guide: typed context, a cast event, an async handler."""

from vast.dataengine.sdk import Context, VastEvent


def init(ctx: Context) -> None:
    ctx.greeting = "hello"


async def handler(ctx: Context, event: VastEvent):
    try:
        schedule = event.as_schedule_event()
    except TypeError:
        ctx.logger.info("not a schedule event")
        return None
    with ctx.start_as_current_span("greet"):
        ctx.counter("greetings", "Greetings sent").add(1, {"cron": schedule.cron_schedule})
        return f"{ctx.greeting} at {schedule.timer_elapsed_timestamp}"
