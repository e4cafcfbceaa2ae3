"""All exceptions of this package, each with a stable `code` and whether a retry may help.

Permanent errors about one file become its row (`status = 'failed'`, code and message). Retryable errors leave the
handler, so that the platform delivers the event again. No message contains a credential.
"""

from __future__ import annotations

from typing import ClassVar


class ExrInspectorError(Exception):
    """Base of all errors of this package.

    Attributes:
        code: Stable, upper-case name for tests, rows and dashboards; messages may change, codes do not.
        retryable: Whether the same call may succeed later.
    """

    code: ClassVar[str] = "INTERNAL"
    retryable: ClassVar[bool] = False


# --- configuration and events ----------------------------------------------------------------------------


class SettingsError(ExrInspectorError):
    """A setting is missing or wrong; the message names the variable."""

    code = "SETTINGS"


class ArgumentError(ExrInspectorError, ValueError):
    """A function or a command was called with a wrong argument; the message names it, or what was found and expected."""

    code = "ARGUMENT"


class PolicyError(ExrInspectorError):
    """A validation policy cannot be used; the message names file, line and key."""

    code = "POLICY"


class PatternError(ExrInspectorError):
    """A pattern of file names cannot be used; the message says what was found and what was expected."""

    code = "PATTERN"


class NothingMatches(ExrInspectorError):
    """A target names no file: it does not exist, the folder is empty, or nothing matches the pattern."""

    code = "NO_FILES"


class EventError(ExrInspectorError):
    """An event has an unknown form; the message says what was found."""

    code = "EVENT"


# --- faults of a file: permanent, stored as a row ---------------------------------------------------------


def fault_text(message: str, offset: int | None, found: str, expected: str) -> str:
    """Return one line that says what is wrong, at which byte, what was found and what was expected."""
    text = message if offset is None else f"{message} at byte {offset}"
    if found:
        text += f": found {found}"
    if expected:
        text += f", expected {expected}" if found else f": expected {expected}"
    return text


class FormatError(ExrInspectorError):
    """The bytes are not a readable OpenEXR file.

    Attributes:
        offset: Byte offset of the fault in the file; None if it has none.
        found: What was found, in a few words.
        expected: What the format requires, in a few words.
        partial: What was read before the fault (an `exr.header.Header`); None if nothing was.
    """

    code = "EXR_DAMAGED"
    partial: object | None = None

    def __init__(self, message: str, *, offset: int | None = None, found: str = "", expected: str = "") -> None:
        self.offset = offset
        self.found = found
        self.expected = expected
        super().__init__(fault_text(message, offset, found, expected))


class NotAnExr(FormatError):
    """The first four bytes are not OpenEXR's magic number."""

    code = "EXR_MAGIC"


class EmptyFile(FormatError):
    """The object is empty."""

    code = "EXR_EMPTY"


class UnsupportedVersion(FormatError):
    """The version number is not 2, or an unknown flag is set."""

    code = "EXR_VERSION"


class TruncatedHeader(FormatError):
    """The file ends inside the header."""

    code = "EXR_HEADER_TRUNCATED"


class DamagedHeader(FormatError):
    """The header's structure is broken, so that nothing after this point can be read."""

    code = "EXR_HEADER_DAMAGED"


class UnknownLayout(FormatError):
    """A header lacks, or contradicts, how a part's pixels are divided into chunks."""

    code = "EXR_LAYOUT"


class LimitExceeded(FormatError):
    """The file exceeds a limit of this installation.

    Attributes:
        limit: Name of the limit: a field of `exr.limits.Limits`, or a setting.
    """

    code = "LIMIT_EXCEEDED"

    def __init__(
        self, message: str, *, limit: str, offset: int | None = None, found: str = "", expected: str = ""
    ) -> None:
        self.limit = limit
        super().__init__(message, offset=offset, found=found, expected=expected)


class DecodeError(FormatError):
    """A chunk's compressed bytes do not decode to the pixels that the header declares."""

    code = "EXR_DECODE"


class DecoderCrashed(FormatError):
    """The decoding process crashed, and crashed again when it read this file alone: a fault of a native library."""

    code = "DECODER_CRASHED"


class DecoderKilled(ExrInspectorError):
    """The decoding process was killed, by the kernel for its memory or by an operator; not a fault of the file."""

    code = "DECODER_KILLED"
    retryable = True


# --- sources of bytes ------------------------------------------------------------------------------------


class SourceError(ExrInspectorError):
    """Reading an object failed."""

    code = "SOURCE"


def is_store_fault(code: str | None) -> bool:
    """Whether an error code means that the store did not return the file, so that nothing is known of its content."""
    return (code or "").startswith(SourceError.code)


class ObjectNotFound(SourceError):
    """The object does not exist, or was deleted."""

    code = "SOURCE_NOT_FOUND"


class UnsupportedKey(SourceError):
    """The client library cannot request the object's key; the message says why."""

    code = "SOURCE_KEY"


class BucketUnavailable(SourceError):
    """The whole bucket does not exist: a wrong endpoint, a deleted bucket, a folder that is no longer mounted.

    Retryable: nothing is known of the object, so its rows must be neither removed nor replaced.
    """

    code = "SOURCE_BUCKET"
    retryable = True


class BucketMissing(BucketUnavailable):
    """A bucket or folder that certainly holds no OpenEXR file: there is no such bucket or folder, or none of its files is one.

    It was deleted, or its share is not mounted.
    """


class CredentialsRefused(SourceError):
    """The store does not accept the credentials: rotated or expired keys, or a wrong clock.

    Retryable: nothing is known of the object, and the next delivery succeeds once the credentials are right.
    """

    code = "SOURCE_CREDENTIALS"
    retryable = True


class ObjectUnreadable(SourceError):
    """The store has the object but does not return it: it is archived, or encrypted with an unknown key."""

    code = "SOURCE_UNREADABLE"


class AccessDenied(SourceError):
    """The store refuses these credentials, or the bucket is not among those allowed."""

    code = "SOURCE_ACCESS_DENIED"


class ObjectChanged(SourceError):
    """The object was overwritten while it was read; the next delivery reads the new version."""

    code = "SOURCE_CHANGED"
    retryable = True


class SourceUnavailable(SourceError):
    """The object store is down, throttling, or too slow."""

    code = "SOURCE_UNAVAILABLE"
    retryable = True


class BudgetExceeded(SourceError):
    """The inspection needs more requests or bytes than it may use."""

    code = "SOURCE_BUDGET"


class DeadlineExceeded(ExrInspectorError):
    """The time for one invocation is used up."""

    code = "DEADLINE"
    retryable = True


class MemoryBusy(ExrInspectorError):
    """Other files use the memory that this one needs, and the caller may not wait for it."""

    code = "MEMORY_BUSY"
    retryable = True


class CpuTimeExceeded(ExrInspectorError):
    """A version of a file used up the time of several invocations, at least half of it as its own CPU time."""

    code = "CPU_TIME"


# --- VAST DataBase ---------------------------------------------------------------------------------------


class CatalogError(ExrInspectorError):
    """Writing to or reading from VAST DataBase failed."""

    code = "CATALOG"


class CatalogConflict(CatalogError):
    """The conflicts with other writers did not end within the time for retries."""

    code = "CATALOG_CONFLICT"
    retryable = True


class CatalogUnavailable(CatalogError):
    """The database is down, throttling, or too slow."""

    code = "CATALOG_UNAVAILABLE"
    retryable = True


class CatalogDenied(CatalogError):
    """The keys lack a right; the message names the operation and the table.

    Retryable: the row cannot be stored, so the platform must deliver the event again.
    """

    code = "CATALOG_DENIED"
    retryable = True


class SchemaMissing(CatalogError):
    """A bucket, schema or table does not exist: `./run db setup` creates it. Retryable as CatalogDenied is."""

    code = "CATALOG_SCHEMA_MISSING"
    retryable = True


class SchemaExists(CatalogError):
    """A schema, table or column of this name already exists, because another setup has just created it."""

    code = "CATALOG_SCHEMA_EXISTS"


class SchemaDrift(CatalogError):
    """A stored table has other columns than this version writes; the message lists them."""

    code = "CATALOG_SCHEMA_DRIFT"
    retryable = True


# --- ingest and sweep -------------------------------------------------------------------------------------------


class WorkerDied(ExrInspectorError):
    """A worker process of `ingest` ended unexpectedly, or none could start; the message says how."""

    code = "INGEST_WORKER"
    retryable = True


class PathWithoutView(ExrInspectorError):
    """A path on the cluster is not in any view of EXR_VIEWS, so that its bucket and key are unknown."""

    code = "SWEEP_NO_VIEW"


# --- faults of this program -------------------------------------------------------------------------------


def our_error(error: Exception) -> ExrInspectorError:
    """Return the error itself if it is one of ours; otherwise one that names only its type, since its text may contain data."""
    if isinstance(error, ExrInspectorError):
        return error
    fault = ExrInspectorError(f"unexpected {type(error).__name__}: a fault of exr-inspector, please report it")
    fault.__cause__ = error
    return fault
