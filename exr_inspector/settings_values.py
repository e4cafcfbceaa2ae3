"""Texts from the environment and from secrets as typed values. Each parser raises ValueError with a reason, never the text.

A reason may not quote what it was given: the same parsers read secrets.
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

_TRUE = {"1", "on", "true", "yes"}
_FALSE = {"0", "off", "false", "no"}


class Secret:
    """A text that shows itself only to whoever calls `reveal`: not in repr, str, format, a dataclass's repr, or a pickle."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __format__(self, format_spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __deepcopy__(self, memo: dict[int, object]) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not written anywhere")


def text(value: str) -> str:
    """Any text of one line."""
    if "\n" in value or "\r" in value:
        raise ValueError("expected one line")
    return value


def secret(value: str) -> Secret:
    """One line without spaces around it."""
    return Secret(text(value))


def switch(value: str) -> bool:
    """`1`, `on`, `true`, `yes` or `0`, `off`, `false`, `no`, in any case."""
    word = value.lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("expected on or off (also 1/0, true/false, yes/no)")
    return word in _TRUE


def one_of(*words: str) -> Callable[[str], str]:
    """A parser of exactly these words, in any case."""

    def parse(value: str) -> str:
        if value.lower() not in words:
            raise ValueError(f"expected one of {', '.join(words)}")
        return value.lower()

    return parse


def whole(least: int, most: int) -> Callable[[str], int]:
    """A parser of whole numbers from `least` to `most`, both included."""

    def parse(value: str) -> int:
        digits = value.removeprefix("-")
        number = int(value) if digits.isascii() and digits.isdigit() and len(digits) < 20 else None
        if number is None or not least <= number <= most:
            raise ValueError(f"expected a whole number from {least} to {most}")
        return number

    return parse


def seconds(least: float, most: float) -> Callable[[str], float]:
    """A parser of durations in seconds from `least` to `most`, both included."""

    def parse(value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not least <= number <= most:
            raise ValueError(f"expected seconds from {least:g} to {most:g}")
        return number

    return parse


def endpoint(value: str) -> str:
    """An http or https URL of a host, without credentials, query or fragment.

    The scheme is written in lower case, since clients look for `http:` as text; a trailing slash is dropped.
    """
    try:
        parts = urlsplit(text(value))
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("expected a URL such as https://vip.example.com:443") from None
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment:
        raise ValueError("expected a URL such as https://vip.example.com:443")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL must not hold credentials")
    scheme, _, rest = value.partition(":")
    return f"{scheme.lower()}:{rest}".rstrip("/")


def names(value: str) -> tuple[str, ...]:
    """Names separated by commas; spaces around them and empty ones are dropped."""
    return tuple(name for part in text(value).split(",") if (name := part.strip()))


def mounts(value: str) -> tuple[tuple[str, Path], ...]:
    """`bucket=folder` pairs separated by commas, as (bucket, folder); relative folders count from the working directory."""
    found: dict[str, Path] = {}
    for part in names(value):
        bucket, sign, folder = part.partition("=")
        if not sign or not bucket.strip() or not folder.strip() or "/" in bucket:
            raise ValueError("expected bucket=folder, several separated by commas")
        if bucket.strip() in found:
            raise ValueError("a bucket is named twice")
        found[bucket.strip()] = Path(folder.strip()).expanduser()
    return tuple(found.items())


def file(value: str) -> Path:
    """The path of a file that is there."""
    path = Path(text(value)).expanduser()
    if not path.is_file():
        raise ValueError("expected the path of a file; there is none")
    return path
