"""Certificates are checked unless a setting disables it, against the system's authorities and the given bundle."""

import contextlib
import ssl

import pytest

from exr_inspector.errors import SettingsError, SourceUnavailable
from exr_inspector.settings import load_settings
from exr_inspector.storage import SourceOpener
from exr_inspector.storage.requests import Transport
from exr_inspector.storage.s3 import S3Bucket
from tests.support.certificates import write_bundle
from tests.support.faulty_s3 import FaultyS3


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return write_bundle(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def s3(bundle):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(bundle[1])
    with FaultyS3(tls=context) as server:
        server.put("b", "a.exr", b"data")
        yield server


def read(environ):
    with contextlib.closing(SourceOpener(load_settings(environ, secrets_dir=None))) as opener:
        return opener.open("b", "a.exr").read(start=0, end=10)


def test_an_unknown_certificate_is_refused(s3):
    with pytest.raises(SourceUnavailable, match="certificate"):
        read({**s3.environ, "S3_RETRIES": "0"})


def test_a_bundle_makes_it_known(s3, bundle):
    assert read({**s3.environ, "S3_CA_BUNDLE": str(bundle[0])}) == b"data"


def test_the_check_can_be_switched_off(s3):
    assert read({**s3.environ, "S3_TLS_VERIFY": "off"}) == b"data"


def test_a_bundle_that_holds_no_certificate_is_a_setting_that_is_wrong(s3, tmp_path):
    (tmp_path / "no.pem").write_text("-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n")
    with pytest.raises(SettingsError, match="S3_CA_BUNDLE"):
        read({**s3.environ, "S3_CA_BUNDLE": str(tmp_path / "no.pem")})


def test_the_bucket_goes_into_the_host_name_when_asked(s3):
    environ = {"S3_ENDPOINT_URL": "https://s3.example.com:8443", "S3_ACCESS_KEY": "a", "S3_SECRET_KEY": "s"}
    hosted = load_settings({**environ, "S3_VIRTUAL_HOSTED": "on"}, secrets_dir=None).require_s3()
    assert S3Bucket("frames", hosted, Transport()).store.config["endpoint"] == "https://frames.s3.example.com:8443"
    path_style = load_settings(environ, secrets_dir=None).require_s3()
    assert S3Bucket("frames", path_style, Transport()).store.config["endpoint"] == "https://s3.example.com:8443"


@pytest.mark.parametrize("host", ["127.0.0.1:9000", "[::1]:9000"])
def test_a_bucket_cannot_go_in_front_of_an_address(host):
    environ = {"S3_ENDPOINT_URL": f"http://{host}", "S3_ACCESS_KEY": "a", "S3_SECRET_KEY": "s"}
    hosted = load_settings({**environ, "S3_VIRTUAL_HOSTED": "on"}, secrets_dir=None).require_s3()
    with pytest.raises(SettingsError, match="S3_VIRTUAL_HOSTED=off"):
        S3Bucket("frames", hosted, Transport())
