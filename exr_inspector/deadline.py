"""The time one invocation may take, as a value that is handed down to whatever waits."""

from __future__ import annotations

import time
from dataclasses import dataclass

from exr_inspector.errors import DeadlineExceeded


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock after which nothing new may be started."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """The moment `seconds` from now."""
        return cls(time.monotonic() + seconds)

    def remaining(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.at - time.monotonic())

    def share(self, part: float) -> Deadline:
        """The moment at which this part of the time that is left is over."""
        return Deadline.after(self.remaining() * part)

    def check(self, doing: str) -> None:
        """Return while there is time left.

        Raises:
            DeadlineExceeded: The moment has passed.
        """
        if self.remaining() <= 0.0:
            raise DeadlineExceeded(f"no time left for {doing}")
