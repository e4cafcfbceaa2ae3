"""Signatures of the SDK and of botocore are accepted; a request that was changed afterwards is refused."""

import datetime as dt

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
import requests
from aws_requests_auth.aws_auth import AWSRequestsAuth

from vastdb_local.refusals import Refusal
from vastdb_local.signature import SignatureCheck

CHECK = SignatureCheck({"key": "secret"})
QUERY = "table&tabular-new-table-name=a%2Fb"
PATH = "/vastdb/two%20words/t"


def signed_by_sdk(secret="secret", body=b"body"):
    auth = AWSRequestsAuth("key", secret, "host:9090", "", "s3")
    request = requests.Request("PUT", f"http://host:9090{PATH}?{QUERY}", data=body, auth=auth).prepare()
    headers = {name.lower(): value for name, value in request.headers.items()} | {"host": "host:9090"}
    return {"method": "PUT", "path": PATH, "query": QUERY, "headers": headers, "body": body}


def signed_by_botocore():
    credentials = botocore.credentials.Credentials("key", "secret")
    request = botocore.awsrequest.AWSRequest(
        "GET", "http://host:9090/vastdb/a%20b?list-type=2", headers={"X-Amz-Extra": "1  2"}
    )
    botocore.auth.S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
    headers = {name.lower(): value for name, value in request.headers.items()} | {"host": "host:9090"}
    return {"method": "GET", "path": "/vastdb/a%20b", "query": "list-type=2", "headers": headers, "body": b""}


@pytest.mark.parametrize("request_", [signed_by_sdk(), signed_by_sdk(body=b""), signed_by_botocore()])
def test_right_signatures_pass(request_):
    CHECK.check(**request_)


@pytest.mark.parametrize(
    "change",
    [
        {"method": "POST"},
        {"path": "/vastdb/other/t"},
        {"query": "table"},
        {"body": b"other"},
        {"headers": signed_by_sdk(secret="other")["headers"]},
        {"headers": {**signed_by_sdk()["headers"], "host": "elsewhere"}},
    ],
)
def test_what_was_changed_does_not_pass(change):
    with pytest.raises(Refusal) as caught:
        CHECK.check(**{**signed_by_sdk(), **change})
    assert (caught.value.status, caught.value.code) == (403, "SignatureDoesNotMatch")


def test_other_keys_old_requests_and_unsigned_ones_do_not_pass():
    def code(**headers):
        request = signed_by_sdk()
        request["headers"] |= headers
        with pytest.raises(Refusal) as caught:
            CHECK.check(**request)
        assert caught.value.status == 403
        return caught.value.code

    authorization = signed_by_sdk()["headers"]["authorization"]
    old = dt.datetime.now(dt.timezone.utc) - dt.timedelta(minutes=16)
    assert code(authorization="") == "AccessDenied"
    assert code(authorization="AWS4-HMAC-SHA256 " + "x" * 5000) == "AccessDenied"
    assert code(authorization=authorization.replace("key/", "other/")) == "InvalidAccessKeyId"
    assert code(**{"x-amz-date": old.strftime("%Y%m%dT%H%M%SZ")}) == "RequestTimeTooSkewed"
    assert code(**{"x-amz-date": "yesterday"}) == "AccessDenied"


def test_a_body_that_is_not_the_signed_one_is_refused():
    request = signed_by_botocore()
    CHECK.check(**request)
    with pytest.raises(Refusal) as caught:
        CHECK.check(**{**request, "body": request["body"] + b"x"})
    assert caught.value.code == "SignatureDoesNotMatch"
