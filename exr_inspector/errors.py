"""Every exception this project raises, each with a stable `code` and whether a retry may help.

An outcome is data, a failure is an exception: errors with `retryable = False` that speak of one file become that
file's row (`status = 'failed'`, code and message); retryable ones leave the handler, so that the platform delivers the
event again.
No message ever holds a credential: whoever builds one passes what was found, never what was configured.
"""

from __future__ import annotations

from typing import ClassVar


class ExrInspectorError(Exception):
    """Base of all our errors.

    Attributes:
        code: Stable, upper-case name that tests, rows and dashboards match on; messages may change, codes do not.
        retryable: True when the same call may succeed later without anybody changing anything.
    """

    code: ClassVar[str] = "INTERNAL"
    retryable: ClassVar[bool] = False


# --- configuration and events ----------------------------------------------------------------------------


class SettingsError(ExrInspectorError):
    """A setting is missing or unusable; raised in `init`, names the variable."""

    code = "SETTINGS"


def missing_package(what: str, package: str, extra: str) -> SettingsError:
    """What to raise where `what` needs a package that only an extra of ours installs."""
    return SettingsError(f"{what} needs the package {package.partition('.')[0]}: pip install 'exr-inspector[{extra}]'")


class ArgumentError(ExrInspectorError, ValueError):
    """A function was called with a wrong argument; the message names it, what was found and what was expected."""

    code = "ARGUMENT"


class PolicyError(ExrInspectorError):
    """A validation policy cannot be used; the message names file, line and key."""

    code = "POLICY"


class PatternError(ExrInspectorError):
    """A pattern of file names cannot be used; the message says what was found and what was expected."""

    code = "PATTERN"


class NothingMatches(ExrInspectorError):
    """A target names no file: no such file or folder, an empty one, or a pattern that nothing fits."""

    code = "NO_FILES"


class EventError(ExrInspectorError):
    """An event has no shape we know; the message says what was found."""

    code = "EVENT"


# --- what is wrong with a file: permanent, becomes a row -------------------------------------------------


def fault_text(message: str, offset: int | None, found: str, expected: str) -> str:
    """What is wrong, at which byte, what was found and what was expected, in one line."""
    text = message if offset is None else f"{message} at byte {offset}"
    if found:
        text += f": found {found}"
    if expected:
        text += f", expected {expected}" if found else f": expected {expected}"
    return text


class FormatError(ExrInspectorError):
    """The bytes are not an OpenEXR file that can be read, and where they stop being one.

    Attributes:
        offset: Byte offset in the file at which the fault shows, None where it has no place.
        found: What the bytes say, short.
        expected: What the format asks for there, short.
        partial: What could be read before the fault (an `exr.header.Header`), None where nothing could.
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
    """The object has no bytes at all."""

    code = "EXR_EMPTY"


class UnsupportedVersion(FormatError):
    """The version number is not 2, or a flag announces a layout no reader knows."""

    code = "EXR_VERSION"


class TruncatedHeader(FormatError):
    """The file ends inside the header."""

    code = "EXR_HEADER_TRUNCATED"


class DamagedHeader(FormatError):
    """The header's structure is broken: nothing after this point can be trusted."""

    code = "EXR_HEADER_DAMAGED"


class UnknownLayout(FormatError):
    """A header does not say, or contradicts itself about, how a part's pixels are cut into chunks."""

    code = "EXR_LAYOUT"


class LimitExceeded(FormatError):
    """The file asks for more than a limit allows.

    Attributes:
        limit: Name of the limit: a field of `exr.limits.Limits`, or a setting's name.
    """

    code = "LIMIT_EXCEEDED"

    def __init__(
        self, message: str, *, limit: str, offset: int | None = None, found: str = "", expected: str = ""
    ) -> None:
        self.limit = limit
        super().__init__(message, offset=offset, found=found, expected=expected)


class DecodeError(FormatError):
    """A chunk's compressed bytes do not decode to what the header promises."""

    code = "EXR_DECODE"


class DecoderCrashed(FormatError):
    """A process that read the file ended by itself, again when it read nothing else: a fault of a native library."""

    code = "DECODER_CRASHED"


class DecoderKilled(ExrInspectorError):
    """A process that decoded was killed from outside (by the kernel for memory, by an operator): no fault of the file."""

    code = "DECODER_KILLED"
    retryable = True


# --- where bytes come from -------------------------------------------------------------------------------


class SourceError(ExrInspectorError):
    """Reading an object failed."""

    code = "SOURCE"


def is_store_fault(code: str | None) -> bool:
    """Whether an error code says that the store did not give a file, which says nothing of what the file holds."""
    return (code or "").startswith(SourceError.code)


class ObjectNotFound(SourceError):
    """There is no such object (any more)."""

    code = "SOURCE_NOT_FOUND"


class UnsupportedKey(SourceError):
    """The object's key cannot be addressed through the client library; the message says what is in the way."""

    code = "SOURCE_KEY"


class BucketUnavailable(SourceError):
    """The whole bucket is not there: a wrong endpoint, a deleted bucket, a folder that is no longer mounted.

    Retryable: it says nothing of the object, whose rows must neither be removed nor replaced because of it.
    """

    code = "SOURCE_BUCKET"
    retryable = True


class CredentialsRefused(SourceError):
    """The store does not accept who asks: a wrong clock, rotated or expired keys.

    Retryable: it says nothing of the object, and the next delivery succeeds once somebody has fixed it.
    """

    code = "SOURCE_CREDENTIALS"
    retryable = True


class ObjectUnreadable(SourceError):
    """The store holds the object but does not hand it out: archived, or encrypted with a key that we do not have."""

    code = "SOURCE_UNREADABLE"


class AccessDenied(SourceError):
    """The store refuses these credentials, or the bucket is not among those allowed."""

    code = "SOURCE_ACCESS_DENIED"


class ObjectChanged(SourceError):
    """The object was overwritten while it was being read; the next delivery reads the new one whole."""

    code = "SOURCE_CHANGED"
    retryable = True


class SourceUnavailable(SourceError):
    """The object store is down, throttling, or too slow."""

    code = "SOURCE_UNAVAILABLE"
    retryable = True


class BudgetExceeded(SourceError):
    """Reading on would cost more requests or bytes than one inspection may."""

    code = "SOURCE_BUDGET"


class DeadlineExceeded(ExrInspectorError):
    """The time for one invocation is used up."""

    code = "DEADLINE"
    retryable = True


class MemoryBusy(ExrInspectorError):
    """Other files have the memory that this one needs, and the caller may not wait for it now."""

    code = "MEMORY_BUSY"
    retryable = True


class CpuTimeExceeded(ExrInspectorError):
    """Inspecting a version of a file used up an invocation's time by itself, again and again."""

    code = "CPU_TIME"


# --- VAST DataBase ---------------------------------------------------------------------------------------


class CatalogError(ExrInspectorError):
    """Writing to or reading from VAST DataBase failed."""

    code = "CATALOG"


class CatalogConflict(CatalogError):
    """Other writers kept winning until the time budget for this write ran out."""

    code = "CATALOG_CONFLICT"
    retryable = True


class CatalogUnavailable(CatalogError):
    """The database is down, throttling, or too slow."""

    code = "CATALOG_UNAVAILABLE"
    retryable = True


class CatalogDenied(CatalogError):
    """The keys lack a right; the message names the operation and the table.

    Retryable, since the row cannot be stored anywhere: the event must go back to the platform, not be lost.
    """

    code = "CATALOG_DENIED"
    retryable = True


class SchemaMissing(CatalogError):
    """A bucket, schema or table is not there: `./run db setup` makes it. Retryable for the reason of CatalogDenied."""

    code = "CATALOG_SCHEMA_MISSING"
    retryable = True


class SchemaExists(CatalogError):
    """A schema, table or column of that name is there already, made by another set-up meanwhile; another attempt fails, too."""

    code = "CATALOG_SCHEMA_EXISTS"


class SchemaDrift(CatalogError):
    """A stored table has other columns than this version writes; the message lists them."""

    code = "CATALOG_SCHEMA_DRIFT"
    retryable = True


# --- whole prefixes -----------------------------------------------------------------------------------------


class WorkerDied(ExrInspectorError):
    """A worker process of `ingest` ended by itself; the message says how, or that none starts."""

    code = "INGEST_WORKER"
    retryable = True


class PathWithoutView(ExrInspectorError):
    """A path on the cluster belongs to no view of EXR_VIEWS, so that nobody knows its bucket and key."""

    code = "SWEEP_NO_VIEW"


# --- faults of this program -------------------------------------------------------------------------------


def our_error(error: Exception) -> ExrInspectorError:
    """The error itself if it is one of ours; otherwise one that names its type only, since its text may hold data."""
    if isinstance(error, ExrInspectorError):
        return error
    fault = ExrInspectorError(f"unexpected {type(error).__name__}: a fault of exr-inspector, please report it")
    fault.__cause__ = error
    return fault
