"""`python -m dataengine_local invoke`: post one event to a runtime and print the answer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, cast

import click
import yaml

from dataengine_local.client import ContentMode, post_event
from dataengine_local.errors import EventError, LocalRuntimeError
from dataengine_local.events import EVERY_FIVE_MINUTES, generated_event, schedule_event
from dataengine_local.objects import event_of_object

# YAML's resolvers give plain scalars a type. A CloudEvent's attributes are text, so they are loaded without resolvers; its
# data is JSON, which has no dates, so it is loaded without the resolver for dates.
_AS_TEXT: dict[str, Any] = {}
_AS_JSON: dict[str, Any] = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}

_MEANINGS = {
    204: "the function handled the event; the answer has no body, the runtime's log says what was done",
    403: "the runtime refused the request",
    500: "the function failed, or this is no event",
    503: "the function is not ready",
}


def _run_command() -> str:
    """The command line that starts a runtime, with the name of the present program."""
    group = click.get_current_context().parent
    if group is None or not isinstance(group.command, click.Group):
        return "python -m dataengine_local run"
    known = group.command.list_commands(group)
    return f"{group.info_name} {'localrun' if 'localrun' in known else 'run'}"


@click.command("invoke")
@click.option(
    "--event", "event_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="YAML or JSON."
)
@click.option(
    "--object", "object_name", metavar="PATH|S3-URL", help="Post that this object was created, with its size and ETag."
)
@click.option(
    "--bucket-folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder that is the bucket of --object, by its name. Default: the folder of the file.",
)
@click.option(
    "--schedule",
    metavar="[CRON]",
    is_flag=False,
    flag_value=EVERY_FIVE_MINUTES,
    help="Post that a schedule came due.",
)
@click.option("--generate-event", is_flag=True, help="Post the event that vastde generates; it names no object.")
@click.option("--url", default="http://localhost:8080/", show_default=True, help="Where the runtime listens.")
@click.option("--mode", type=click.Choice(["structured", "binary"]), default="structured", show_default=True)
@click.option(
    "--timeout", type=click.FloatRange(0, min_open=True), default=150, show_default=True, help="Seconds to wait."
)
def command(
    *,
    event_file: Path | None,
    object_name: str | None,
    bucket_folder: Path | None,
    schedule: str | None,
    generate_event: bool,
    url: str,
    mode: str,
    timeout: float,
) -> None:
    """Post one event and print status and body of the answer. Exit code 0 for 204, 1 for another status, 2 without an answer.

    The file of --event is a mapping with the event's attributes and `data`, or with `attributes` and `data`. An s3:// URL of
    --object is looked up with the endpoint and the keys in AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or
    S3_ENDPOINT_URL, S3_ACCESS_KEY and S3_SECRET_KEY.

    \b
    Examples:
      python -m dataengine_local invoke --event event.yaml
      python -m dataengine_local invoke --object samples/layers.exr
      python -m dataengine_local invoke --object s3://renders/shot/beauty.1001.exr
      python -m dataengine_local invoke --schedule "0 0 * ? * * *"
      python -m dataengine_local invoke --generate-event --url http://localhost:9000/ --mode binary
    """
    if sum((event_file is not None, object_name is not None, schedule is not None, generate_event)) != 1:
        raise click.UsageError("name exactly one of --event FILE, --object NAME, --schedule and --generate-event")
    if bucket_folder is not None and object_name is None:
        raise click.UsageError("--bucket-folder says which bucket the file of --object is in: name the file too")
    if event_file is not None:
        event = read_event(event_file)
    elif object_name is not None:
        event = event_of_object(object_name, bucket_folder=bucket_folder)
    else:
        event = schedule_event(schedule) if schedule is not None else generated_event()
    try:
        answer = post_event(url, event, mode=cast("ContentMode", mode), timeout_seconds=timeout)
    except LocalRuntimeError as error:
        raise LocalRuntimeError(f"{error}; start a runtime with `{_run_command()}`") from error
    click.echo(f"{answer.status}: {_MEANINGS.get(answer.status, 'the event was not handled')}")
    if answer.body:
        click.echo(answer.body)
    sys.exit(0 if answer.status == 204 else 1)


def read_event(path: Path) -> dict[str, Any]:
    """An event from a YAML or JSON file, as `post_event` takes it.

    Attributes of a CloudEvent are text and are taken literally: `id: 0012` is not a number.

    Raises:
        EventError: The file is not YAML, or has no event.
    """
    try:
        text = path.read_text(encoding="utf-8")
        spelled, typed = _load(text, _AS_TEXT), _load(text, _AS_JSON)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise EventError(f"{path}: not YAML" + (f", line {mark.line + 1}" if mark else "")) from error
    if not isinstance(spelled, dict) or not isinstance(typed, dict):
        raise EventError(f"{path}: expected a mapping with an event's attributes and its data")
    nested = spelled.get("attributes")
    attributes = nested if isinstance(nested, dict) else {name: spelled[name] for name in spelled if name != "data"}
    for name, value in attributes.items():
        if not isinstance(value, str):
            raise EventError(f"{path}: the attribute {name} is no text")
    return {**attributes, "data": typed.get("data")}


def _load(text: str, resolvers: dict[str, Any]) -> object:
    loader = yaml.SafeLoader(text)
    loader.yaml_implicit_resolvers = resolvers
    try:
        return cast("object", loader.get_single_data())
    finally:
        loader.dispose()
