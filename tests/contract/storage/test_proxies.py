"""Proxies of the environment are used, except for hosts in NO_PROXY, or for all hosts with NO_PROXY=*."""

from __future__ import annotations

import socket

import pytest

from exr_inspector.errors import SourceError
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from tests.support.faulty_s3 import FaultyS3

NAMES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def dead_proxy() -> str:
    """The address of a proxy that refuses connections."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return f"http://127.0.0.1:{closed.getsockname()[1]}"


def read(s3: FaultyS3, **environ: str) -> bytes:
    s3.put("renders", "a.exr", b"12345678")
    opener = SourceOpener(load_settings({**s3.environ, "S3_RETRIES": "0", **environ}, need=("objects",)))
    return opener.open("renders", "a.exr").read(start=0, end=8)


def test_a_proxy_that_is_dead_fails(monkeypatch: pytest.MonkeyPatch, dead_proxy: str) -> None:
    monkeypatch.setenv("HTTP_PROXY", dead_proxy)
    with FaultyS3() as s3, pytest.raises(SourceError):
        read(s3)


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
@pytest.mark.parametrize("exceptions", ["127.0.0.1", "127.0.0.0/8", "*", "example.com, *"])
def test_exceptions_are_kept_from_it(
    monkeypatch: pytest.MonkeyPatch, dead_proxy: str, name: str, exceptions: str
) -> None:
    monkeypatch.setenv("http_proxy", dead_proxy)
    monkeypatch.setenv(name, exceptions)
    with FaultyS3() as s3:
        assert read(s3) == b"12345678"


def test_a_scheme_in_upper_case_is_a_scheme() -> None:
    with FaultyS3() as s3:
        assert read(s3, S3_ENDPOINT_URL=s3.url.replace("http:", "HTTP:")) == b"12345678"
