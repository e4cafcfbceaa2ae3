"""Fixtures of the contract tests."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest


@pytest.fixture
def serve() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start a database server as a process; if it still runs at the end of the test, it is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(
        *arguments: str, module: tuple[str, ...] = ("exr_inspector.cli", "localdb"), **variables: str
    ) -> "subprocess.Popen[str]":
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment["PYTHONPATH"] = os.pathsep.join(sys.path)
        command = [sys.executable, "-m", *module, "serve", *arguments]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment | variables
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()
