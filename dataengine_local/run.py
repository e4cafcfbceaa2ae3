"""`python -m dataengine_local run`: serve a function over the DataEngine's HTTP contract until it is stopped."""

from __future__ import annotations

import logging
import os
import signal
import threading
from pathlib import Path

import click

from dataengine_local.config import FunctionConfig, RuntimeConfig, load_config, read_secrets_folder
from dataengine_local.function import load_function
from dataengine_local.runtime import LocalRuntime

_READABLE_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_READABLE_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("run")
@click.argument("directory", metavar="[DIR]", type=_READABLE_FOLDER, default=Path())
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 takes any free port.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; other machines can reach any but a loopback address.",
)
@click.option(
    "-c", "--config", "config_file", type=_READABLE_FILE, help="YAML with envs and secrets, as vastde takes it."
)
@click.option("--secrets", "secrets_folder", type=_READABLE_FOLDER, help="Folder laid out as /secrets of a container.")
@click.option(
    "--timeout", type=click.FloatRange(0, min_open=True), help="Seconds one call may take; beyond it is a 500."
)
@click.option("--sink", help="Where return values are posted; without it, the variable K_SINK.")
@click.option("--batch-size", type=click.IntRange(1), default=10, show_default=True, help="For a batching handler.")
@click.option("--batch-wait-ms", type=click.IntRange(0), default=100, show_default=True, help="For a batching handler.")
@click.option("--envelope", is_flag=True, help="event.get_data() answers the whole event, as some runtimes do.")
@click.option(
    "--log-level", type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"]), default="INFO", show_default=True
)
def command(
    *,
    directory: Path,
    port: int,
    host: str,
    config_file: Path | None,
    secrets_folder: Path | None,
    timeout: float | None,
    sink: str | None,
    batch_size: int,
    batch_wait_ms: int,
    envelope: bool,
    log_level: str,
) -> None:
    """Run the function in DIR (default: the current folder) as the platform does: POST / takes events.

    The environment variables of the config file override those already set. Secrets of --secrets override those of the
    config file. SIGTERM and Ctrl-C wait for running calls; a second signal ends the process at once.

    \b
    Examples:
      python -m dataengine_local run -c config.yaml
      python -m dataengine_local run path/to/function --port 9000 --timeout 120 --sink http://localhost:9001/
    """
    logging.basicConfig(level=log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    config = load_config(config_file) if config_file else FunctionConfig()
    os.environ.update(config.envs)
    secrets = {**config.secrets, **(read_secrets_folder(secrets_folder) if secrets_folder else {})}
    function = load_function(directory)
    for warning in function.warnings:
        logging.getLogger(function.name).warning("%s", warning)
    runtime = LocalRuntime(
        function.init,
        function.handler,
        config=RuntimeConfig(
            function_name=function.name,
            host=host,
            timeout_seconds=timeout,
            sink_url=sink or os.environ.get("K_SINK"),
            batch_size=batch_size,
            batch_wait_seconds=batch_wait_ms / 1000,
            get_data_returns_envelope=envelope,
            secrets=secrets,
        ),
        port=port,
    )
    stopping = _stop_on_signal()
    with runtime:
        click.echo(f"{function.name}: taking events at {runtime.url} (Ctrl-C stops)")
        stopping.wait()
        click.echo(f"{function.name}: stopping")


def _stop_on_signal() -> threading.Event:
    """An event that SIGTERM and SIGINT set; a second signal has its default effect and ends the process."""
    stopping = threading.Event()

    def stop(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return stopping
