"""The vastdb SDK: sessions, time-outs, errors."""

from __future__ import annotations

import logging

# In a program that has not configured logging, Python prints the warnings of loggers without a handler. The SDK warns of errors
# that it also raises.
logging.getLogger("vastdb").addHandler(logging.NullHandler())


def silence_sdk_loggers() -> None:
    """Hide the SDK's log of errors that it also raises, which are logged as errors of this package.

    Call it where the process starts. A level that was set on the SDK's logger is kept.
    """
    logger = logging.getLogger("vastdb")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.CRITICAL)
