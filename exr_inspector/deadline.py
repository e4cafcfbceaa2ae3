"""The end of an invocation's time; passed to everything that waits."""

from __future__ import annotations

import time
from dataclasses import dataclass

from exr_inspector.errors import DeadlineExceeded


@dataclass(frozen=True, slots=True)
class Deadline:
    """A time after which nothing new is started.

    Attributes:
        at: The time on the clock of `time.monotonic`, seconds.
    """

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Return the deadline `seconds` from now."""
        return cls(time.monotonic() + seconds)

    def remaining(self) -> float:
        """Return the seconds left, never negative."""
        return max(0.0, self.at - time.monotonic())

    def fraction(self, fraction: float) -> Deadline:
        """Return the deadline after a fraction of the remaining time: 0.5 for half of it."""
        return Deadline.after(self.remaining() * fraction)

    def check(self, doing: str) -> None:
        """Raise if the deadline has passed.

        Args:
            doing: The work that is about to start, for the message.

        Raises:
            DeadlineExceeded: No time is left.
        """
        if self.remaining() <= 0.0:
            raise DeadlineExceeded(f"no time left for {doing}")
