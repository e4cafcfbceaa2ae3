"""`./run localrun`: a function behind the DataEngine's HTTP contract on this machine, until it is told to stop."""

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

_PROJECT = Path.cwd()
_READABLE_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_READABLE_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("localrun")
@click.argument("directory", metavar="[DIR]", type=_READABLE_FOLDER, default=_PROJECT)
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 takes any free port.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
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
    """Run the function in DIR (this project's without one) as the platform does: POST / takes events.

    Variables and secrets of the config file are the function's environment, over what is set already. Secrets of --secrets
    go over those of the config file. SIGTERM and Ctrl-C let calls that run finish; a second one does not.

    \b
    Examples:
      ./run localrun -c config.yaml
      ./run localrun --port 9000 --timeout 120 --sink http://localhost:9001/
    """
    logging.basicConfig(level=log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    config = load_config(config_file) if config_file else FunctionConfig()
    os.environ.update(config.envs)
    secrets = {**config.secrets, **(read_secrets_folder(secrets_folder) if secrets_folder else {})}
    function = load_function(directory)
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
        click.echo(f"localrun: {function.name} takes events at {runtime.url} (Ctrl-C stops)")
        stopping.wait()
        click.echo("localrun: stopping")


def _stop_on_signal() -> threading.Event:
    """An event that SIGTERM and SIGINT set; the second signal ends the process as it would have without us."""
    stopping = threading.Event()

    def stop(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return stopping
