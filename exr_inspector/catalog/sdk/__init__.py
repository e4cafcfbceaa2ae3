"""Everything that touches the vastdb SDK: sessions, time-outs, errors. Only the modules in here import it."""

from __future__ import annotations

import logging


def silence_sdk_loggers() -> None:
    """Hide what the SDK logs of errors that it also raises: they reach the log once, as errors of ours.

    For whoever starts the process. A level that somebody has set on the SDK's logger stays.
    """
    logger = logging.getLogger("vastdb")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.CRITICAL)
