"""Loggers of libraries that tell, some with a traceback, what the library raises as well."""

from __future__ import annotations

import logging

_ECHOES = ("vastdb.errors", "vastdb.transaction")


def silence_sdk_loggers() -> None:
    """Let nobody read twice, the second time as a traceback, what is caught and told as an error of ours.

    For whoever starts the process. A level that somebody has set on such a logger stays.
    """
    for name in _ECHOES:
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.CRITICAL)
