"""Every kind of fault of an S3 server, over real sockets: the error that it becomes, and its cost."""

import asyncio
import contextlib
import itertools
import socket
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from obstore.exceptions import GenericError

from exr_inspector.deadline import Deadline
from exr_inspector.errors import (
    AccessDenied,
    BudgetExceeded,
    CredentialsRefused,
    DeadlineExceeded,
    ExrInspectorError,
    ObjectChanged,
    ObjectNotFound,
    ObjectUnreadable,
    SourceError,
    SourceUnavailable,
    UnsupportedKey,
)
from exr_inspector.model import Cost
from exr_inspector.settings import load_settings
from exr_inspector.storage import ReadBudget, SourceOpener, listing
from exr_inspector.storage.budget import Meter
from exr_inspector.storage.opener import MAX_CLIENTS
from exr_inspector.storage.requests import FIRST_PAUSE_SECONDS, Call, call_with_retries
from tests.support.faulty_s3 import (
    ACCESS_KEY,
    LEAK,
    SECRET_KEY,
    Drop,
    FaultyS3,
    Request,
    Short,
    Stall,
    Status,
    Thin,
    Trickle,
)
from tests.support.waiting import until

DATA = bytes(index * 13 % 253 for index in range(20_000))


@pytest.fixture
def s3():
    with FaultyS3() as server:
        server.put("b", "a.exr", DATA)
        yield server


@pytest.fixture
def opener(s3):
    with opened(s3) as made:
        yield made


@contextlib.contextmanager
def opened(server, **environ):
    settings = load_settings({**server.environ, "S3_TIMEOUT_SECONDS": "10", **environ}, secrets_dir=None)
    with contextlib.closing(SourceOpener(settings)) as opener:
        yield opener


def patience(fault):
    """A short time if the server will not answer, and a long one if a busy machine must not look like such a server."""
    return {"S3_TIMEOUT_SECONDS": "0.5"} if isinstance(fault, Stall) else {}


def requests_of(opener):
    """One call for each kind of request: read, look up, list."""
    return (
        lambda: opener.open("b", "a.exr").read(start=0, end=10),
        lambda: opener.head("b", "a.exr"),
        lambda: list(opener.list("b")),
    )


@pytest.mark.parametrize(
    "fault", [Status(500), Status(502), Status(503), Status(429), Status(408), Drop(), Short(100), Thin(100), Stall(1)]
)
def test_a_transient_fault_is_retried_and_counted(s3, fault):
    with opened(s3, **patience(fault)) as opener:
        s3.script(fault)
        source = opener.open("b", "a.exr")
        assert source.read(start=0, end=1000) == DATA[:1000]
        assert source.cost == Cost(requests=2, bytes_read=1000)
        assert s3.count() == 2


@pytest.mark.parametrize("fault", [Status(500), Status(503), Status(429), Drop(), Short(100), Thin(100), Stall(1)])
def test_a_lasting_fault_is_unavailable_after_the_retries(s3, fault):
    with opened(s3, S3_RETRIES="1", **patience(fault)) as opener:
        s3.chance(1.0, fault, seed=1)
        source = opener.open("b", "a.exr")
        with pytest.raises(SourceUnavailable):
            source.read(start=0, end=1000)
        assert source.cost == Cost(requests=2, bytes_read=0)
        assert s3.count() == 2


@pytest.mark.parametrize("code", [400, 405, 301])
def test_permanent_faults_are_not_retried(s3, opener, code):
    s3.script(Status(code))
    source = opener.open("b", "a.exr")
    with pytest.raises(SourceUnavailable):
        source.read(start=0, end=10)
    assert s3.count() == 1


@pytest.mark.parametrize(
    ("code", "error", "requests"), [(403, AccessDenied, 2), (404, ObjectNotFound, 1), (412, ObjectChanged, 1)]
)
def test_answers_that_are_final(s3, opener, code, error, requests):
    s3.script(Status(code))
    with pytest.raises(error):
        opener.open("b", "a.exr").read(start=0, end=10)
    assert s3.count() == requests, "after 403 a listing shows whether the object is there at all"


CREDENTIALS = [
    (403, "RequestTimeTooSkewed", "clock"),
    (403, "RequestExpired", "clock"),
    (403, "SignatureDoesNotMatch", "S3_SECRET_KEY"),
    (403, "InvalidAccessKeyId", "S3_ACCESS_KEY"),
    (400, "ExpiredToken", "expired"),
    (403, "ExpiredToken", "expired"),
    (400, "AuthorizationHeaderMalformed", "S3_REGION"),
    (403, "AuthFailure", "credentials"),
    (401, "Unauthorized", "credentials"),
    (401, "", "credentials"),
]


@pytest.mark.failure(
    "raised",
    "the clock is wrong, or keys are rotated, wrong or expired",
    "`SOURCE_CREDENTIALS`",
    "set the clock, or update the keys in the secret",
)
@pytest.mark.parametrize(("status", "code", "words"), CREDENTIALS)
def test_faults_of_the_client_are_raised_for_a_retry_and_do_not_concern_the_object(s3, status, code, words, documented):
    with opened(s3) as opener:
        s3.chance(1.0, Status(status, code), seed=1)
        for act in requests_of(opener):
            with pytest.raises(CredentialsRefused, match=words) as caught:
                act()
            assert caught.value.retryable
            documented(caught.value.code)


@pytest.mark.failure(
    "row",
    "the object is archived, or encrypted with a customer's key",
    "`SOURCE_UNREADABLE`",
    "restore it, or store it without a customer's key",
)
@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (403, "InvalidObjectState", "archived"),
        (400, "InvalidRequest", "SSE-C"),
        (403, "KMS.DisabledException", "disabled"),
        (400, "KMS.DisabledException", "disabled"),
        (451, "UnavailableForLegalReasons", "legal"),
    ],
)
def test_an_object_that_the_store_does_not_return_is_requested_once(s3, status, code, words, documented):
    with opened(s3) as opener:
        s3.chance(1.0, Status(status, code), seed=1)
        with pytest.raises(ObjectUnreadable, match=words) as caught:
            opener.open("b", "a.exr").read(start=0, end=10)
        assert not caught.value.retryable
        documented(caught.value.code)
        assert s3.count() == 1
        with pytest.raises(ObjectUnreadable, match=words):
            opener.head("b", "a.exr")


@pytest.mark.parametrize(("status", "code"), [(400, "RequestTimeout"), (409, "OperationAborted"), (403, "SlowDown")])
def test_transient_codes_are_retried(s3, opener, status, code):
    s3.script(Status(status, code))
    assert opener.open("b", "a.exr").read(start=0, end=10) == DATA[:10]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_transient_statuses_without_an_error_code_are_retried(s3, opener, status):
    s3.script(Status(status, body=b""))
    assert opener.open("b", "a.exr").read(start=0, end=10) == DATA[:10]
    s3.script(Status(status, body=b""))
    assert [entry.key for entry in opener.list("b")] == ["a.exr"]


def test_a_page_of_a_listing_that_breaks_off_is_asked_for_again(s3):
    with opened(s3, S3_RETRIES="1") as opener:
        s3.script(Short(100))
        assert [entry.key for entry in opener.list("b")] == ["a.exr"]
        s3.script(Short(100), Short(100))
        with pytest.raises(SourceUnavailable, match="connection"):
            list(opener.list("b"))


def test_a_page_of_a_listing_that_has_no_end_is_refused(s3, monkeypatch):
    monkeypatch.setattr(listing, "MAX_PAGE_BYTES", 400)
    with opened(s3, S3_RETRIES="0") as opener:
        assert [entry.key for entry in opener.list("b")] == ["a.exr"]
        s3.put("b", f"{'x' * 400}.exr", DATA)
        with pytest.raises(SourceUnavailable):
            list(opener.list("b"))


@pytest.mark.failure(
    "raised",
    "a gateway answers 403 or 404 without an S3 error document",
    "`SOURCE_UNAVAILABLE`",
    "correct S3_ENDPOINT_URL, the proxy or the gateway",
)
@pytest.mark.parametrize("status", [403, 404])
def test_a_gateways_page_in_place_of_s3s_error_says_nothing_of_the_object(s3, status, documented):
    with opened(s3, S3_RETRIES="0") as opener:
        s3.chance(1.0, Status(status, body=b"<html><h1>Blocked</h1></html>"), seed=1)
        for act in requests_of(opener):
            with pytest.raises(SourceUnavailable, match="not S3's") as caught:
                act()
            documented(caught.value.code)


@pytest.mark.failure(
    "raised",
    "a gateway answers with a page in place of the object",
    "`SOURCE_UNAVAILABLE`",
    "correct S3_ENDPOINT_URL, the proxy or the gateway",
)
def test_a_page_in_place_of_an_object_says_nothing_of_it(s3, opener, documented):
    s3.chance(1.0, Status(200, body=b"<html><h1>Maintenance</h1></html>"), seed=1)
    for act in (lambda: opener.open("b", "a.exr").read(start=0, end=100), lambda: opener.head("b", "a.exr")):
        with pytest.raises(SourceUnavailable, match="not S3's") as caught:
            act()
        assert caught.value.retryable
        documented(caught.value.code)


@pytest.mark.parametrize("answer", ["bytes 5-14/20000", "bytes 0-9/*", "bytes 0-9/5", "bytes=0-9", None])
def test_an_answer_that_says_it_holds_other_bytes_is_refused(s3, answer):
    s3.content_range = answer
    with opened(s3) as opener, pytest.raises(SourceUnavailable, match="Content-Range"):
        opener.open("b", "a.exr").read(start=0, end=10)
    s3.content_range = "bytes {start}-{last}/{size}"
    with opened(s3) as opener:
        assert opener.open("b", "a.exr").read(start=0, end=10) == DATA[:10]


def test_a_missing_object_that_the_store_hides_is_not_there(s3, opener):
    s3.hides_absence = True
    with pytest.raises(ObjectNotFound):
        opener.open("b", "gone.exr").read(start=0, end=10)
    assert opener.head("b", "gone.exr") is None
    s3.by_key["denied.exr"] = Status(403)
    s3.put("b", "denied.exr", DATA)
    with pytest.raises(AccessDenied):
        opener.head("b", "denied.exr")
    s3.chance(1.0, Status(403), seed=1)  # listing is denied too, so the reason is unknown
    with pytest.raises(AccessDenied):
        opener.head("b", "gone.exr")


def test_retries_do_not_use_up_the_budget(s3, opener):
    s3.script(Status(503), Status(503))
    source = opener.open("b", "a.exr").limited(ReadBudget(requests=1, bytes=10))
    assert source.read(start=0, end=10) == DATA[:10]
    assert source.cost.requests == 3
    with pytest.raises(BudgetExceeded):
        source.read(start=10, end=11)


def test_a_server_that_is_not_running_is_unavailable():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    environ = {
        "S3_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "S3_ACCESS_KEY": "a",
        "S3_SECRET_KEY": "s",
        "S3_RETRIES": "1",
    }
    with contextlib.closing(SourceOpener(load_settings(environ, secrets_dir=None))) as opener:
        source = opener.open("b", "a.exr")
        with pytest.raises(SourceUnavailable, match="connect"):
            source.read(start=0, end=10)
        assert source.cost.requests == 2
        with pytest.raises(SourceUnavailable):
            opener.head("b", "a.exr")


@pytest.mark.parametrize("fault", [Stall(30), Trickle(1, 0.2)])
def test_the_deadline_ends_a_request_under_way(s3, opener, fault):
    s3.script(fault)
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        opener.open("b", "a.exr", deadline=Deadline.after(0.3)).read(start=0, end=1000)
    assert time.monotonic() - began < 10


def test_a_request_that_is_out_of_time_is_dropped_at_once(s3, opener):
    s3.script(Stall(30))
    with pytest.raises(DeadlineExceeded):
        opener.open("b", "a.exr", deadline=Deadline.after(0.2)).read(start=0, end=1000)
    until(lambda: not asyncio.all_tasks(opener._transport._loop), 10.0)


def test_an_object_that_grows_while_its_size_is_looked_up_is_refused(s3):
    s3.put("b", "empty.exr", b"")
    s3.hook = lambda request: s3.put("b", "empty.exr", DATA) if request.method == "HEAD" else None
    with opened(s3) as opener, pytest.raises(ObjectChanged):
        opener.open("b", "empty.exr").read(start=0, end=1000)


def test_a_body_that_stands_still_is_given_up(s3):
    with opened(s3, S3_RETRIES="0", S3_TIMEOUT_SECONDS="0.4") as opener:
        s3.script(Trickle(100, 30.0))
        began = time.monotonic()
        with pytest.raises(SourceUnavailable):
            opener.open("b", "a.exr").read(start=0, end=1000)
        assert time.monotonic() - began < 10


def test_nothing_is_asked_after_the_deadline(s3, opener):
    source = opener.open("b", "a.exr", deadline=Deadline.after(0))
    with pytest.raises(DeadlineExceeded):
        source.read(start=0, end=10)
    assert s3.count() == 0


def test_no_retry_is_started_that_the_deadline_would_cut():
    meter = Meter()
    call = Call(meter, Deadline.after(FIRST_PAUSE_SECONDS / 2), "b/a.exr")

    async def throttled():
        raise GenericError("Generic S3 error: Server returned non-2xx status code: 503 Slow Down: <Error/>")

    with pytest.raises(SourceUnavailable):
        asyncio.run(call_with_retries(throttled, call, retries=20))
    assert meter.cost.requests == 1


def test_retries_end_with_the_deadline(s3):
    with opened(s3, S3_RETRIES="20") as opener:
        s3.chance(1.0, Status(503), seed=1)
        began = time.monotonic()
        with pytest.raises((SourceUnavailable, DeadlineExceeded)):
            opener.open("b", "a.exr", deadline=Deadline.after(0.5)).read(start=0, end=10)
        assert time.monotonic() - began < 5


def test_a_slow_caller_does_not_hold_up_the_others(s3, opener):
    s3.script(Stall(2.0))
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(opener.open("b", "a.exr").read, start=0, end=10)
        until(s3.count)
        began = time.monotonic()
        assert opener.open("b", "a.exr").read(start=0, end=10) == DATA[:10]
        assert time.monotonic() - began < 1.7
        assert slow.result() == DATA[:10]


def test_ranges_are_asked_for_at_the_same_time_and_pinned(s3, opener):
    source = opener.open("b", "a.exr")
    source.read(start=0, end=10)
    s3.script(*[Stall(0.3)] * 8)
    ranges = [(index * 1000, index * 1000 + 10) for index in range(8)]
    began = time.monotonic()
    assert source.read_many(ranges, coalesce_bytes=100) == [DATA[start:end] for start, end in ranges]
    assert time.monotonic() - began < 2.2, "one after the other they would take 2.4 s"
    assert source.cost.requests == 9
    etag = s3.find("b", "a.exr").etag
    assert [request.headers.get("if-match") for request in s3.requests] == [None] + [etag] * 8


def test_the_first_of_many_ranges_pins_the_rest(s3, opener):
    s3.hook = lambda request: s3.put("b", "a.exr", DATA[::-1]) if s3.count() == 2 else None
    with pytest.raises(ObjectChanged):
        opener.open("b", "a.exr").read_many([(0, 10), (9000, 9010)], coalesce_bytes=0)


def test_one_fault_ends_all_ranges(s3, opener):
    source = opener.open("b", "a.exr")
    source.read(start=0, end=10)
    turn = itertools.count()
    # By chance, not scripted: a range that is cancelled before it is sent would leave its fault to the next request.
    s3.hook = lambda request: time.sleep(4) if "range" in request.headers and next(turn) else None
    s3.script(Status(403))
    began = time.monotonic()
    with pytest.raises(AccessDenied):
        source.read_many([(index * 1000, index * 1000 + 10) for index in range(4)], coalesce_bytes=0)
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("honoured", [True, False])
def test_an_object_overwritten_mid_read_is_refused_even_if_the_server_ignores_if_match(s3, opener, honoured):
    s3.honour_match = honoured
    source = opener.open("b", "a.exr")
    source.read(start=0, end=10)
    s3.put("b", "a.exr", DATA[::-1])
    with pytest.raises(ObjectChanged):
        source.read(start=10, end=20)


def test_a_retry_after_an_overwrite_is_refused(s3, opener):
    source = opener.open("b", "a.exr")
    source.read(start=0, end=10)
    s3.script(Short(5))
    s3.hook = lambda request: s3.put("b", "a.exr", DATA[::-1]) if s3.count() == 3 else None
    with pytest.raises(ObjectChanged):
        source.read(start=10, end=20)


def test_without_etags_size_and_time_tell_versions_apart(s3, opener):
    s3.send_etag = False
    source = opener.open("b", "a.exr")
    source.read(start=0, end=10)
    assert source.version.etag is None
    assert source.read(start=10, end=20) == DATA[10:20]
    s3.put("b", "a.exr", DATA + b"x")
    with pytest.raises(ObjectChanged):
        source.read(start=10, end=20)


class Circling(FaultyS3):
    """Answers listings with its pages in turn, each with a token that was never given before."""

    pages: tuple[tuple[str, ...], ...] = ()

    def listing(self, request):
        number = self.count() - 1
        keys = self.pages[number % len(self.pages)]
        rows = "".join(
            f"<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00Z</LastModified><Size>1</Size></Contents>"
            for key in keys
        )
        token = f"<NextContinuationToken>{number if self.has_fresh_tokens else 'same'}</NextContinuationToken>"
        return f"<ListBucketResult><IsTruncated>true</IsTruncated>{token}{rows}</ListBucketResult>".encode()

    has_fresh_tokens = True


@pytest.mark.parametrize(
    ("pages", "has_fresh_tokens", "most"),
    [
        ((("a.exr", "b.exr"),), True, 2),
        ((("a.exr", "b.exr"),), False, 2),
        ((("a.exr",), ("b.exr",), ("c.exr",)), True, 6),
        (((),), False, 3),
    ],
)
def test_a_listing_that_goes_in_circles_ends(pages, has_fresh_tokens, most):
    with Circling() as server:
        server.pages, server.has_fresh_tokens = pages, has_fresh_tokens
        with opened(server) as opener, pytest.raises(SourceUnavailable, match="does not end"):
            list(itertools.islice(opener.list("b"), 1000))
        assert server.count() <= most


def test_empty_pages_and_unsorted_pages_are_no_circle():
    class Sparse(Circling):
        def listing(self, request):
            body = super().listing(request)
            return body.replace(b"true", b"false") if self.count() == len(self.pages) else body

    with Sparse() as server:
        server.pages = ((), (), ("b.exr",), (), ("a.exr",), ("c.exr",))
        with opened(server) as opener:
            assert [entry.key for entry in opener.list("b")] == ["b.exr", "a.exr", "c.exr"]


def test_a_weak_etag_is_compared_and_not_sent(s3, opener):
    s3.put("b", "weak.exr", DATA, etag='W/"1"')
    source = opener.open("b", "weak.exr")
    assert source.read_many([(0, 5), (100, 105)], coalesce_bytes=0) == [DATA[:5], DATA[100:105]]
    s3.put("b", "weak.exr", DATA, etag='W/"2"')
    with pytest.raises(ObjectChanged):
        source.read(start=10, end=20)


def test_a_server_without_times(s3, opener):
    s3.send_modified = False
    assert opener.open("b", "a.exr").read(start=0, end=5) == DATA[:5]


@pytest.mark.parametrize("size", [0, 1, 5, 100])
def test_a_whole_object_in_answer_to_a_range_that_covers_it_is_taken(s3, size):
    s3.put("b", "small.exr", DATA[:size])
    for s3.whole_is_200, s3.honour_range in ((True, True), (True, False)):
        with opened(s3) as opener:
            source = opener.open("b", "small.exr")
            assert source.read(start=0, end=100) == DATA[:size]
            assert source.version.size_bytes == size
            assert source.cost.bytes_read == size


def test_an_object_that_is_overwritten_while_it_is_asked_for_as_a_whole_is_refused(s3, opener):
    s3.put("b", "small.exr", DATA[:50])
    source = opener.open("b", "small.exr")
    source.read(start=0, end=10)
    s3.honour_range = False
    s3.hook = lambda request: s3.put("b", "small.exr", DATA[50:100]) if request.method == "HEAD" else None
    with pytest.raises(ObjectChanged):
        source.read(start=0, end=50)


def test_an_answer_in_chunks_without_a_length_is_told_as_such(s3):
    s3.chunked = True
    with opened(s3) as opener, pytest.raises(SourceUnavailable, match="Content-Length"):
        opener.open("b", "a.exr").read(start=0, end=5)


def test_a_server_that_ignores_ranges_is_no_source(s3):
    s3.honour_range = False
    with opened(s3) as opener, pytest.raises(SourceUnavailable, match="byte ranges"):
        opener.open("b", "a.exr").read(start=0, end=5)


def test_no_error_tells_a_credential_or_the_servers_words():
    with FaultyS3(keys=("somebody-else",)) as s3, opened(s3, S3_RETRIES="0") as opener:
        s3.put("b", "a.exr", DATA)
        s3.put("b", "c.exr", DATA)
        faults = [None, Status(500), Status(404), Status(412), Status(400), Status(416), Status(401), Drop()]
        for fault in faults:
            for act in (lambda: opener.open("b", "a.exr").read(start=0, end=5), lambda: list(opener.list("b"))):
                s3.script(fault)
                with pytest.raises(ExrInspectorError) as caught:
                    act()
                text = "".join(traceback.format_exception(caught.value)) + repr(caught.value.__cause__)
                for secret in (ACCESS_KEY, SECRET_KEY, LEAK, "Signature"):
                    assert secret not in text, fault


def test_variables_of_aws_change_nothing(s3, monkeypatch):
    for name, value in {
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_SESSION_TOKEN": "of-the-environment",
        "AWS_ACCESS_KEY_ID": "of-the-environment",
        "AWS_SECRET_ACCESS_KEY": "of-the-environment",
        "AWS_SKIP_SIGNATURE": "true",
        "AWS_REQUEST_PAYER": "true",
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true",
        "AWS_REGION": "of-the-environment",
        "AWS_S3_EXPRESS": "true",
    }.items():
        monkeypatch.setenv(name, value)
    with opened(s3, S3_REGION="here-1") as opener:
        opener.open("b", "a.exr").read(start=0, end=5)
    (request,) = s3.requests
    assert f"Credential={ACCESS_KEY}/" in request.headers["authorization"]
    assert "/here-1/s3/" in request.headers["authorization"]
    assert "of-the-environment" not in str(request.headers)
    assert "x-amz-request-payer" not in request.headers
    assert (request.bucket, request.key) == ("b", "a.exr")


def test_a_listing_goes_on_where_it_failed(s3, opener):
    keys = [f"list/{index:04}.exr" for index in range(3500)]
    for key in keys:
        s3.put("b", key, b"x")
    s3.script(None, Status(503), None, Drop(), Short(1000), None, Status(500))
    assert [entry.key for entry in opener.list("b", "list/")] == keys
    assert s3.requests[-1].query["continuation-token"] >= "list/2999.exr"
    s3.chance(1.0, Status(503), seed=1)
    with pytest.raises(SourceUnavailable):
        next(opener.list("b", "list/"))


ODD_KEYS = ("list//b.exr", "list/tab\t.exr", "list/new\nline.exr", "list/../x.exr", "list/bell\x07.exr", "/list.exr")


def test_keys_that_cannot_be_addressed_are_listed_and_refused_when_they_are_read(s3, opener):
    good = ["list/a+b.exr", "list/a b.exr", "list/a%20b.exr", "list/ä&<.exr", "list/good/a.exr"]
    for key in (*good, *ODD_KEYS):
        s3.put("b", key, DATA)
    assert {entry.key for entry in opener.list("b")} == {"a.exr", *good, *ODD_KEYS}
    for key in ODD_KEYS:
        with pytest.raises(UnsupportedKey):
            opener.open("b", key)
    assert [entry.key for entry in opener.list("b", "list/good/")] == ["list/good/a.exr"]


def test_markers_of_folders_are_no_objects(s3, opener):
    for key in ("shot/", "shot/x.exr/", "shot/x.exr/a.exr"):
        s3.put("b", key, b"")
    assert [entry.key for entry in opener.list("b", "shot/")] == ["shot/x.exr/a.exr"]


@pytest.mark.failure(
    "raised",
    "the answer to a listing is not S3's",
    "`SOURCE_UNAVAILABLE`",
    "correct S3_ENDPOINT_URL, or the proxy",
)
@pytest.mark.parametrize(
    "page",
    [
        b"",
        b"<html><body>Sign in</body></html>",
        b"<!DOCTYPE html><p>not xml",
        b'{"keys": []}',
        b"<ListAllMyBucketsResult></ListAllMyBucketsResult>",
        b"<ListBucketResult><Contents><Key>a.exr</Key></Contents></ListBucketResult>",
    ],
)
def test_a_listing_that_something_else_answers_is_no_empty_bucket(s3, opener, page, documented):
    s3.script(Status(200, body=page))
    with pytest.raises(SourceUnavailable, match="S3_ENDPOINT_URL") as caught:
        list(opener.list("b"))
    documented(caught.value.code)


def test_a_listing_that_never_ends_is_ended(s3, opener):
    page = s3.listing(Request("GET", "b", "", {}, {})).replace(b"<IsTruncated>false", b"<IsTruncated>true")
    s3.chance(1.0, Status(200, body=page), seed=1)
    with pytest.raises(SourceUnavailable, match="twice"):
        list(opener.list("b"))


def test_a_listing_without_etags_and_with_fractions_of_seconds(s3, opener):
    s3.list_etag = False
    (entry,) = opener.list("b")
    assert (entry.key, entry.version.etag, entry.version.size_bytes) == ("a.exr", None, len(DATA))
    assert abs(entry.version.mtime - opener.head("b", "a.exr").mtime) < timedelta(seconds=1)


@pytest.mark.parametrize("name", ["my show", "HOST#", "..", "a@b", "[::1]", "a%b", "a?b", "-", "é", "x" * 300, "a\\b"])
def test_names_that_no_bucket_has_make_no_request_and_no_panic(s3, name):
    with opened(s3, S3_VIRTUAL_HOSTED="on") as opener:
        for act in (
            lambda: opener.open(name, "a.exr"),
            lambda: list(opener.list(name)),
            lambda: opener.head(name, "a"),
        ):
            with pytest.raises(SourceError) as caught:
                act()
            assert not caught.value.retryable
        assert s3.count() == 0


def test_clients_are_kept_for_a_bounded_number_of_buckets(s3):
    with opened(s3, S3_RETRIES="0") as opener:
        for index in range(MAX_CLIENTS + 10):
            opener.open(f"bucket-{index}", "a.exr")
            opener.open("kept", "a.exr")
        assert len(opener._clients) == MAX_CLIENTS
        assert list(opener._clients)[-2:] == [f"bucket-{MAX_CLIENTS + 9}", "kept"], "the latest ones"
        assert opener.open("b", "a.exr").read(start=0, end=5) == DATA[:5]


def test_the_scheme_of_an_endpoint_may_be_written_in_capitals(s3):
    environ = {**s3.environ, "S3_ENDPOINT_URL": s3.url.replace("http://", "HTTP://")}
    with contextlib.closing(SourceOpener(load_settings(environ, secrets_dir=None))) as opener:
        assert opener.open("b", "a.exr").read(start=0, end=5) == DATA[:5]
        assert [entry.key for entry in opener.list("b")] == ["a.exr"]


def test_a_listing_asks_only_for_the_pages_that_are_consumed(s3, opener):
    for index in range(5000):
        s3.put("b", f"list/{index:04}.exr", b"x")
    entries = opener.list("b", "list/")
    assert next(entries).key == "list/0000.exr"
    assert s3.count() <= 2
    assert sum(1 for _ in entries) == 4999
    assert s3.count() == 5


def test_head_is_one_request_and_retried(s3, opener):
    assert opener.head("b", "a.exr").size_bytes == len(DATA)
    assert s3.count("HEAD") == s3.count() == 1
    s3.script(Status(503))
    assert opener.head("b", "a.exr").size_bytes == len(DATA)
    s3.chance(1.0, Status(403), seed=1)
    with pytest.raises(AccessDenied):
        opener.head("b", "a.exr")


def test_many_threads_on_a_bad_network_get_right_bytes_or_an_error(s3):
    s3.chance(0.2, Status(500), Status(503), Drop(), Short(3), seed=3)
    wrong, done = [], []

    def work(number):
        with opened(s3, S3_RETRIES="6") as opener:
            source = opener.open("b", "a.exr", deadline=Deadline.after(20))
            for step in range(6):
                start = (number * 997 + step * 311) % 15_000
                ranges = [(start, start + 100), (start + 3000, start + 3100)]
                if source.read_many(ranges, coalesce_bytes=10) != [DATA[first:last] for first, last in ranges]:
                    wrong.append((number, step))
            done.append(source.cost.requests)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert wrong == []
    assert len(done) == 8
    assert sum(done) == s3.count()


def test_closing_ends_requests_under_way_and_a_later_one_starts_afresh(s3):
    with opened(s3) as opener, ThreadPoolExecutor(1) as pool:
        s3.script(Stall(30))
        waiting = pool.submit(opener.open("b", "a.exr").read, start=0, end=10)
        until(s3.count)
        began = time.monotonic()
        opener.close()
        with pytest.raises(SourceUnavailable):
            waiting.result()
        assert time.monotonic() - began < 10
        assert opener.open("b", "a.exr").read(start=0, end=10) == DATA[:10]
