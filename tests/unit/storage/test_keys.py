import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exr_inspector.errors import AccessDenied, SourceError, UnsupportedKey
from exr_inspector.settings import load_settings
from exr_inspector.storage import FILE_BUCKET, SourceOpener
from exr_inspector.storage.keys import (
    MAX_KEY_BYTES,
    AllowList,
    check_bucket_name,
    check_file_key,
    check_key,
    file_key,
    file_path,
    key_order,
    split_url,
)

# Parts of names that look like escapes, and escapes that give other names when they are joined.
NAMES = st.lists(
    st.sampled_from([b"\\", b"u", b"dcff", b"udce2", b"\xff", b"\xe2", b"\x82\xac", "€".encode(), b"x5c", b"a", b"/"]),
    max_size=9,
).map(lambda pieces: os.fsdecode(b"".join(pieces)))


@given(NAMES)
def test_the_key_of_a_file_leads_back_to_it(name):
    key = file_key(name)
    assert key.encode().decode() == key, "any table holds it"
    assert file_path(key) == name
    if all(name.split("/")):
        check_file_key("b", key)


@given(NAMES, NAMES)
def test_two_files_have_two_keys_and_a_file_has_one(one, other):
    assert (file_key(one) == file_key(other)) == (one == other)
    text = one.encode("utf-8", "backslashreplace").decode()  # any text, escapes among it
    try:
        check_file_key("b", text)
    except UnsupportedKey:
        return
    assert file_key(os.fsdecode(os.fsencode(file_path(text)))) == text


@given(NAMES, NAMES)
def test_keys_of_files_are_below_those_of_their_folders(folder, name):
    assert file_key(f"{folder}/{name}") == f"{file_key(folder)}/{file_key(name)}"


def test_keys_are_ordered_by_their_bytes_whatever_the_text():
    keys = ["a\udcff", "a/b", "a", "\U0001f600", "\uffff", "é"]  # UTF-16 has another order
    assert sorted(keys, key=key_order) == ["a", "a/b", "a\udcff", "é", "\uffff", "\U0001f600"]


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


def test_urls_are_split_literally():
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


def test_keys_are_as_long_as_s3_allows_in_bytes():
    check_key("b", "ä" * (MAX_KEY_BYTES // 2))
    for key in ("ä" * (MAX_KEY_BYTES // 2) + "a", "a" * (MAX_KEY_BYTES + 1)):
        with pytest.raises(UnsupportedKey, match="longer"):
            check_key("b", key)


def test_a_name_of_any_length_makes_a_short_message():
    with pytest.raises(SourceError) as caught:
        check_bucket_name("a" * 100_000)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("bucket", ["", FILE_BUCKET, "memory:", "a/b"])
def test_names_that_are_no_buckets(bucket):
    with pytest.raises(SourceError):
        SourceOpener(load_settings({}, secrets_dir=None)).open(bucket, "k")
