"""Parse events all of whose objects must be valid."""

from exr_inspector.errors import EventError
from exr_inspector.function.events import ObjectEvent, parse_each


def parse_events(raw: object) -> list[ObjectEvent]:
    """The objects of an event. Raises the EventError of the first invalid one."""
    events: list[ObjectEvent] = []
    for found in parse_each(raw):
        if isinstance(found, EventError):
            raise found
        events.append(found)
    return events
