"""The progress of long commands: a progress bar, on a terminal only, and results until Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Result = TypeVar("Result")


class UntilInterrupt(Generic[Result]):
    """Iterates over results until Ctrl-C, which sets `is_interrupted`."""

    def __init__(self, results: Iterable[Result]) -> None:
        self._results = results
        self.is_interrupted = False

    def __iter__(self) -> Iterator[Result]:
        try:
            yield from self._results
        except KeyboardInterrupt:
            self.is_interrupted = True


@contextmanager
def progress_bar(doing: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar for a block, on standard error; call the result with the number of done files and of all files."""
    console = Console(stderr=True)
    columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(doing, total=None)

        def show(count: int, total: int) -> None:
            bar.update(task, completed=count, total=total)

        yield show
