"""Types of the settings. Each parses a text; an error states what was expected, never the value, which may be a secret."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NoReturn
from urllib.parse import urlsplit

from pydantic import BeforeValidator, PlainValidator, SecretStr

from exr_inspector.texts import is_absolute

_SWITCHES = {**dict.fromkeys(("1", "on", "true", "yes"), True), **dict.fromkeys(("0", "off", "false", "no"), False)}
_WHOLE = re.compile(r"-?[0-9]{1,19}")
_URI = re.compile(r"[A-Za-z0-9:/?#\[\]@!$&'()*+,;=%._~-]*")  # RFC 3986, section 2


class Secret(SecretStr):
    """A text that is only returned by `reveal`: repr, str and format hide it, and it cannot be pickled."""

    def reveal(self) -> str:
        """Return the text."""
        return self.get_secret_value()

    def __format__(self, format_spec: str) -> str:
        return str(self)

    def __deepcopy__(self, memo: dict[int, object]) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not written anywhere")


def local_path(name: str) -> Path:
    """Return a path of this machine as a user writes it: `~` is expanded, or kept literally if there is no such home folder."""
    return Path(os.path.expanduser(name))  # noqa: PTH111 - Path.expanduser raises for `~name` without such a user


def _line(value: object) -> str:
    text = str(value)
    if "\n" in text or "\r" in text:
        raise ValueError("expected one line")
    return text


def _switch(value: object) -> bool:
    word = str(value).lower()
    if word not in _SWITCHES:
        raise ValueError("expected on or off (also 1/0, true/false, yes/no)")
    return _SWITCHES[word]


def _word(value: object) -> str:
    return str(value).lower()


def _integer(value: object) -> object:
    if isinstance(value, str) and not _WHOLE.fullmatch(value):
        raise ValueError("expected a whole number")
    return value


def _number(value: object) -> object:
    try:
        return float(str(value))
    except ValueError:
        raise ValueError("expected a number") from None


def _url(value: object) -> str:
    """Return an http or https URL of a host, without credentials, query or fragment.

    The scheme is converted to lower case, since clients compare it with `http:` as text; a trailing slash is removed.
    """
    try:
        parts = urlsplit(_line(value))
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("expected a URL such as https://vip.example.com:443") from None
    is_uri = _URI.fullmatch(str(value))  # the S3 client panics for any other character
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment or not is_uri:
        raise ValueError("expected a URL such as https://vip.example.com:443")
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL must not hold credentials")
    scheme, _, rest = str(value).partition(":")
    return f"{scheme.lower()}:{rest}".rstrip("/")


def _names(value: object) -> object:
    """Split names at commas; spaces around them and empty names are dropped."""
    return tuple(filter(None, map(str.strip, _line(value).split(",")))) if isinstance(value, str) else value


def _mounts(value: object) -> object:
    """Parse `bucket/prefix=folder` pairs, separated by commas, to `Mount`s; folders are relative to the working directory."""
    if not isinstance(value, str):
        return value
    found = []
    for part in filter(None, (part.strip() for part in _line(value).split(","))):
        place, sign, folder = part.partition("=")
        bucket, prefix = _bucket_and_prefix(place)
        if not sign or not bucket or not folder.strip():
            raise ValueError("expected bucket=folder or bucket/prefix=folder, several separated by commas")
        found.append(Mount(bucket, local_path(folder.strip()), prefix))
    if len({(mount.bucket, mount.prefix) for mount in found}) < len(found):
        raise ValueError("a bucket or prefix is named twice")
    return tuple(found)


def _bucket_and_prefix(place: str) -> tuple[str, str]:
    """Split `bucket/prefix`, also with `s3://`; the prefix is empty, or ends in a slash."""
    bucket, _, prefix = place.strip().removeprefix("s3://").partition("/")
    below = prefix.strip("/")
    if {".", "..", ""} & set(below.split("/") if below else ()) or bucket.strip() in {".", ".."}:
        raise ValueError(f"expected a bucket and a prefix, without empty folders, . and .., found {place.strip()}")
    return bucket.strip(), f"{below}/" if below else ""


def _views(value: object) -> object:
    """Parse `cluster path=bucket/prefix|client mount|...`, separated by commas, to `View`s."""
    if not isinstance(value, str):
        return value
    views = []
    for part in filter(None, (part.strip() for part in _line(value).split(","))):
        cluster, _, rest = part.partition("=")
        place, *clients = (item.strip() for item in rest.split("|"))
        bucket, below = _bucket_and_prefix(place)
        if not cluster.startswith("/") or not bucket or not all(map(is_absolute, clients)):
            raise ValueError(
                "expected /path/on/the/cluster=bucket/prefix|/client/mount|..., several separated by commas"
            )
        views.append(View(cluster.strip().rstrip("/"), bucket, below, tuple(clients)))
    if len({view.cluster for view in views}) < len(views):
        raise ValueError("a path on the cluster is named twice")
    return tuple(views)


def _sweep(value: object) -> object:
    """Parse the prefixes to sweep: `bucket/prefix`, also with `s3://`, or a path on the cluster, which begins with a slash."""
    if not isinstance(value, str):
        return value
    places = [name.removeprefix("s3://") for name in _names(value)]  # type: ignore[attr-defined]  # texts of a text
    if any(not place.strip("/") or "//" in place for place in places):
        raise ValueError("expected bucket/prefix or /path/on/the/cluster, several separated by commas")
    return tuple(f"{place.rstrip('/')}/" for place in dict.fromkeys(places))


def _file(value: object) -> Path:
    path = local_path(_line(value))
    if not path.is_file():
        raise ValueError("expected the path of a file; there is none")
    return path


def _secret(value: object) -> Secret:
    return value if isinstance(value, Secret) else Secret(_line(value))


@dataclass(frozen=True, slots=True)
class Mount:
    """A folder of this machine that replaces a bucket, or the keys of a bucket with a prefix.

    Attributes:
        bucket: The bucket.
        folder: The folder.
        prefix: Prefix of its files' keys: empty, or ending in a slash.
    """

    bucket: str
    folder: Path
    prefix: str = ""

    @property
    def place(self) -> str:
        """The replaced bucket or part of it, for messages: `bucket` or `bucket/prefix`."""
        return f"{self.bucket}/{self.prefix}".rstrip("/")


@dataclass(frozen=True, slots=True)
class View:
    r"""A view of the cluster, and the other names of its files.

    Attributes:
        cluster: Path on the cluster, without a slash at the end.
        bucket: Its S3 bucket.
        prefix: Prefix of its files' keys: empty, or ending in a slash.
        clients: Mount points on clients, such as `/mnt/show` and `Z:\show`.
    """

    cluster: str
    bucket: str
    prefix: str = ""
    clients: tuple[str, ...] = ()


Text = Annotated[str, BeforeValidator(_line)]
Switch = Annotated[bool, BeforeValidator(_switch)]
Integer = Annotated[int, BeforeValidator(_integer)]
Number = Annotated[float, BeforeValidator(_number)]
Url = Annotated[str, BeforeValidator(_url)]
Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
Mounts = Annotated[tuple[Mount, ...], BeforeValidator(_mounts)]
ViewList = Annotated[tuple[View, ...], BeforeValidator(_views)]
PlaceList = Annotated[tuple[str, ...], BeforeValidator(_sweep)]
File = Annotated[Path, BeforeValidator(_file)]
SecretText = Annotated[Secret, PlainValidator(_secret)]
Stats = Annotated[Literal["off", "sampled", "full"], BeforeValidator(_word)]
ThumbnailChoice = Annotated[Literal["off", "file", "layers"], BeforeValidator(_word)]
Levels = Annotated[Literal["first", "all"], BeforeValidator(_word)]
Leaders = Annotated[Literal["local", "off", "last", "all"], BeforeValidator(_word)]
