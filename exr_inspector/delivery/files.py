"""Which files a target stands for, and their inspections, some at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from exr_inspector.delivery.naming import Recognition, is_pattern, match_pattern, parse_pattern, recognise
from exr_inspector.errors import ExrInspectorError, ObjectNotFound
from exr_inspector.model import Inspection
from exr_inspector.storage import SourceOpener
from exr_inspector.storage.keys import split_url

_WORKERS = 8
_AHEAD = 32  # files that are read or waiting; their headers are in memory


@dataclass(frozen=True, slots=True)
class Expansion:
    """What a target stands for.

    Attributes:
        target: As the user wrote it.
        recognition: Its files by what their names say.
        bounds: Frames that the target itself asks for (`[1001-1060]`), None without.
    """

    target: str
    recognition: Recognition
    bounds: tuple[int, int] | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """All files, sequences first."""
        known = self.recognition
        inside = [frame.path for sequence in known.sequences for frame in sequence.members]
        return (*inside, *known.singles, *(path for group in known.ambiguous for path in group))


def expand(opener: SourceOpener, target: str) -> Expansion:
    """The files that a target stands for.

    A folder, or a URL that ends in a slash, stands for every .exr below it; a name with `####`, `%04d`, `@@@@`, `$F4`,
    `<UDIM>`, `*` or `[1001-1060]` for the files of its folder that match; anything else for itself.

    Raises:
        PatternError: The pattern makes no sense.
        ObjectNotFound: Nothing matches, or there is no such file or folder.
        SourceError: What listing raises.
    """
    folder = Path(target).expanduser()
    exists = split_url(target) is None and folder.exists()
    if is_pattern(target) and not exists:
        pattern = parse_pattern(target)
        found = match_pattern(pattern, _names_in(opener, pattern.folder))
        expansion = Expansion(target, found, pattern.bounds)
    else:
        paths = list(_below(opener, target))
        # A single file that was named is judged as a file, and as a frame where its name leaves no doubt.
        expansion = Expansion(target, recognise(paths))
    if not expansion.paths:
        raise ObjectNotFound(f"no .exr files match {target}")
    return expansion


def _names_in(opener: SourceOpener, folder: str) -> Iterable[str]:
    """Paths of the .exr files of one folder, not those below it."""
    named = split_url(folder) if folder else None
    if named is None:
        root = Path(folder or ".").expanduser()
        names = sorted(path.name for path in root.iterdir() if path.is_file()) if root.is_dir() else []
        return [folder + name for name in names if name.lower().endswith(".exr")]
    bucket, prefix = named
    keys = (entry.key for entry in opener.list(bucket, prefix))
    return [f"s3://{bucket}/{key}" for key in keys if "/" not in key[len(prefix) :] and key.lower().endswith(".exr")]


def _below(opener: SourceOpener, target: str) -> Iterable[str]:
    named = split_url(target)
    if named is not None:
        bucket, key = named
        if key and not key.endswith("/"):
            return [target]
        keys = (entry.key for entry in opener.list(bucket, key))
        return (f"s3://{bucket}/{key}" for key in keys if key.lower().endswith(".exr"))
    folder = Path(target).expanduser()
    if folder.is_dir():
        return (str(path) for path in sorted(folder.rglob("*")) if path.suffix.lower() == ".exr" and path.is_file())
    if not folder.exists():
        raise ObjectNotFound(f"there is no file or folder {target}")
    return [target]


def inspect_all(
    names: Iterable[str], inspect: Callable[[str], Inspection], *, workers: int = _WORKERS
) -> Generator[tuple[str, Inspection | ExrInspectorError], None, None]:
    """Every file's inspection, or what was raised, in their order; some files at once, since reading is mostly waiting."""

    def one(name: str) -> Inspection | ExrInspectorError:
        try:
            return inspect(name)
        except ExrInspectorError as error:
            return error

    ahead: deque[tuple[str, Future[Inspection | ExrInspectorError]]] = deque()
    pool = ThreadPoolExecutor(workers, "inspect")
    try:
        for name in names:
            ahead.append((name, pool.submit(one, name)))
            if len(ahead) == _AHEAD:
                first, coming = ahead.popleft()
                yield first, coming.result()
        while ahead:
            first, coming = ahead.popleft()
            yield first, coming.result()
    finally:
        pool.shutdown(cancel_futures=True)
