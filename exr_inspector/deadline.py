"""The end of an invocation's time, passed to everything that waits."""

from __future__ import annotations

import time
from dataclasses import dataclass

from exr_inspector.errors import DeadlineExceeded


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment after which nothing new is started.

    Attributes:
        at: The moment on the clock of `time.monotonic`, seconds.
    """

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """The moment `seconds` from now."""
        return cls(time.monotonic() + seconds)

    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.at - time.monotonic())

    def fraction(self, fraction: float) -> Deadline:
        """The end of a fraction of the time that is left: 0.5 for half of it."""
        return Deadline.after(self.remaining() * fraction)

    def check(self, doing: str) -> None:
        """Compare the moment with the clock.

        Args:
            doing: What is about to start, for the message.

        Raises:
            DeadlineExceeded: No time is left.
        """
        if self.remaining() <= 0.0:
            raise DeadlineExceeded(f"no time left for {doing}")
