import pytest

from exr_inspector.errors import AccessDenied, SourceError, UnsupportedKey
from exr_inspector.settings import load_settings
from exr_inspector.storage import FILE_BUCKET, SourceOpener
from exr_inspector.storage.keys import AllowList, check_key, split_url


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "a//b", ".", "..", "a/./b", "a/../b", "../a", "a\tb", "a\nb", "a\x00b", "a\x7f", "a\udcff"]
)
def test_keys_that_cannot_be_addressed(key):
    with pytest.raises(UnsupportedKey) as caught:
        check_key("b", key)
    assert str(caught.value).isascii()


@pytest.mark.parametrize(
    "key", ["a", "a b", " a ", "a%20b", "a+b", "ä", "a\\b", "...", ".a", "a..b", "a/b.c/d#e?f&g", "\u202e"]
)
def test_keys_that_can(key):
    check_key("b", key)


def test_allowed_buckets_and_prefixes():
    allowed = AllowList(("a", "b"), ("a/shots/", "b/plate"))
    allowed.check("a", "shots/x.exr")
    allowed.check("b", "plates/x.exr")
    allowed.check("a", None)
    for bucket, key in (("c", "shots/x"), ("a", "shot/x"), ("b", "x/plate"), ("c", None)):
        with pytest.raises(AccessDenied):
            allowed.check(bucket, key)
    AllowList().check("any", "thing")


def test_urls():
    assert split_url("s3://b/k%20/l m+") == ("b", "k%20/l m+")
    assert split_url("S3://b") == ("b", "")
    assert split_url("./s3/x") is None
    assert split_url("/s3:/x") is None
    for url, found in (("https://me:word@b/k", "'https'"), ("s3:///k", "without a bucket"), ("file:///k", "'file'")):
        with pytest.raises(SourceError, match=found) as caught:
            split_url(url)
        assert "word" not in str(caught.value)


@pytest.mark.parametrize("url", ["s3://b", "s3://b/", "s3://b/a//b", "s3://b/../x"])
def test_a_url_without_a_usable_key_is_refused(url):
    with pytest.raises(UnsupportedKey):
        SourceOpener(load_settings({}, secrets_dir=None)).open_url(url)


@pytest.mark.parametrize("bucket", ["", FILE_BUCKET, "memory:", "a/b"])
def test_names_that_are_no_buckets(bucket):
    with pytest.raises(SourceError):
        SourceOpener(load_settings({}, secrets_dir=None)).open(bucket, "k")
