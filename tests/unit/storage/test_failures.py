"""Answers of stores by S3's error codes: which are retried, and which error the others become."""

from __future__ import annotations

import pytest

from exr_inspector.errors import (
    AccessDenied,
    BucketMissing,
    CredentialsRefused,
    ExrInspectorError,
    ObjectNotFound,
    ObjectUnreadable,
    SourceUnavailable,
)
from exr_inspector.storage.failures import Next, classify_answer


# The codes and statuses are those of Amazon's table of S3 error responses.
@pytest.mark.parametrize(
    ("status", "codes", "error", "then"),
    [
        (400, "RequestTimeout", SourceUnavailable, Next.AGAIN),
        (409, "OperationAborted", SourceUnavailable, Next.AGAIN),
        (503, "SlowDown ServiceUnavailable Throttling", SourceUnavailable, Next.AGAIN),
        (400, "SlowDown Throttling", SourceUnavailable, Next.AGAIN),  # as some gateways return them
        (500, "InternalError", SourceUnavailable, Next.AGAIN),
        (
            400,
            "AuthorizationHeaderMalformed ExpiredToken InvalidToken TokenRefreshRequired",
            CredentialsRefused,
            Next.STOP,
        ),
        (
            403,
            "InvalidAccessKeyId SignatureDoesNotMatch RequestTimeTooSkewed RequestExpired",
            CredentialsRefused,
            Next.STOP,
        ),
        (403, "InvalidSecurity AccountProblem NotSignedUp", CredentialsRefused, Next.STOP),
        (
            403,
            "AuthFailure InvalidClientTokenId SignatureVersionNotSupported TokenCodeInvalid",
            CredentialsRefused,
            Next.STOP,
        ),
        (403, "RequestLimitExceeded", SourceUnavailable, Next.AGAIN),
        (403, "QuotaExceeded KMS.ThrottlingException SomethingNew", SourceUnavailable, Next.STOP),
        (401, "Unauthorized SomethingNew", CredentialsRefused, Next.STOP),
        (429, "SomethingNew", SourceUnavailable, Next.AGAIN),
        (502, "SomethingNew", SourceUnavailable, Next.AGAIN),
        (403, "AccessDenied AllAccessDisabled", AccessDenied, Next.STOP),
        (403, "InvalidObjectState", ObjectUnreadable, Next.STOP),
        (400, "InvalidRequest KMS.DisabledException KMS.NotFoundException", ObjectUnreadable, Next.STOP),
        (400, "KMS.KMSInvalidStateException KMS.InvalidStateException", ObjectUnreadable, Next.STOP),
        (400, "KMS.InvalidKeyUsageException KMS.AccessDeniedException", ObjectUnreadable, Next.STOP),
        (404, "NoSuchBucket", BucketMissing, Next.STOP),
        (404, "NoSuchKey NoSuchVersion NotFound", ObjectNotFound, Next.STOP),
        (404, "NoSuchUpload", SourceUnavailable, Next.STOP),
        (400, "InvalidArgument", SourceUnavailable, Next.STOP),
    ],
)
def test_the_code_of_an_answer_decides(status: int, codes: str, error: type[ExrInspectorError], then: Next) -> None:
    for code in codes.split():
        found = classify_answer(status, f"<Error><Code>{code}</Code></Error>", "b/a.exr")
        assert (type(found.error), found.next) == (error, then), code
