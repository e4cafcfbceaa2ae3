"""The DataEngine's HTTP contract on this machine: `POST /` to the handler, 204 or 500, `/readiness` and `/liveness`.

It builds no image, reads from no broker and retries nothing. Each runtime serves one function on one port.

    with LocalRuntime(init, handler) as runtime:
        post_event(runtime.url, element_event("samples", "scanline_zip.exr"))
"""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from dataengine_local.access import refusal
from dataengine_local.config import RuntimeConfig
from dataengine_local.context import LocalContext
from dataengine_local.errors import EventError, LocalRuntimeError, has_code
from dataengine_local.http_events import event_from_http
from dataengine_local.invoker import Invocation, Invoker
from dataengine_local.sdk import sdk_modules

if TYPE_CHECKING:
    from typing_extensions import Self

_BACKLOG = 2048
_INIT_SECONDS = 120


class LocalRuntime:
    """Runs one function behind HTTP.

    Attributes:
        ctx: The context of `init` and the handler; tests read its telemetry and attributes.
    """

    def __init__(
        self,
        init: Callable[..., Any],
        handler: Callable[..., Any],
        *,
        config: RuntimeConfig | None = None,
        port: int = 0,
    ) -> None:
        self._init = init
        self._config = config or RuntimeConfig()
        self.ctx = LocalContext(
            self._config.function_name,
            secrets=self._config.secrets,
            pipeline_triggers_map=self._config.pipeline_triggers_map,
        )
        self._invoker = Invoker(handler, self.ctx, self._config)
        self._port = port
        self._socket: socket.socket | None = None
        self._init_ended = threading.Event()
        self._init_error: BaseException | None = None
        routes = [
            Route("/", self._receive, methods=["POST"]),
            Route("/readiness", self._readiness),
            Route("/liveness", self._liveness),
        ]
        self._server = uvicorn.Server(
            uvicorn.Config(
                Starlette(routes=routes),
                http="h11",
                ws="none",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=round(self._config.stop_seconds),
            )
        )
        self._server_thread: threading.Thread | None = None
        self._while_running = ExitStack()

    @property
    def url(self) -> str:
        """The URL for events, with a slash at its end.

        Raises:
            LocalRuntimeError: The runtime has not been started.
        """
        if self._socket is None:
            raise LocalRuntimeError("the runtime has not been started")
        host = f"[{self._config.host}]" if ":" in self._config.host else self._config.host
        return f"http://{host}:{self._port}/"

    @property
    def invocations(self) -> tuple[Invocation, ...]:
        """The latest events that reached the handler, the first answered first."""
        return self._invoker.invocations

    def start(self) -> None:
        """Listen, and run `init(ctx)` once on a thread of its own; until it has returned, events are answered 503.

        Raises:
            LocalRuntimeError: The address cannot be listened on.
        """
        self._socket = _listen(self._config.host, self._port)
        self._port = self._socket.getsockname()[1]
        self._while_running.enter_context(sdk_modules())
        sockets = [self._socket]
        self._server_thread = threading.Thread(target=self._server.run, args=(sockets,), name="runtime", daemon=True)
        self._server_thread.start()
        threading.Thread(target=self._run_init, name="init", daemon=True).start()

    def wait_ready(self, timeout_seconds: float = _INIT_SECONDS) -> None:
        """Wait until `init` has returned.

        Raises:
            Exception: The error of `init` if it has a `code`; LocalRuntimeError for any other exception, and if `init`
                takes too long.
        """
        if not self._init_ended.wait(timeout_seconds):
            raise LocalRuntimeError(f"init(ctx) did not return within {timeout_seconds:g} s")
        error = self._init_error
        if error is not None and has_code(error):
            raise error
        if error is not None:
            raise LocalRuntimeError(f"init(ctx) raised {type(error).__name__}: {error}") from error

    def stop(self) -> None:
        """Stop listening; calls that run are waited for, up to `RuntimeConfig.stop_seconds`."""
        self._server.should_exit = True
        if self._server_thread is not None:
            self._server_thread.join()
        self._invoker.close()
        self._while_running.close()

    def __enter__(self) -> Self:
        try:
            self.start()
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run_init(self) -> None:
        try:
            self._init(self.ctx)
        except BaseException as error:
            if not has_code(error):  # `wait_ready` raises an error with a code, whose text is enough
                self.ctx.logger.exception("init(ctx) failed")
            self._init_error = error
        self._init_ended.set()

    def _unready(self) -> str | None:
        """Why no event is accepted now; None if events are accepted."""
        if not self._init_ended.is_set():
            return "init(ctx) has not returned yet"
        return f"init(ctx) raised {type(self._init_error).__name__}" if self._init_error else None

    async def _receive(self, request: Request) -> Response:
        refused = refusal(request.headers, self._config.host)
        if refused is not None:
            self.ctx.logger.error("[REFUSED] %s", refused)
            return _answer(403, refused)
        unready = self._unready()
        if unready is not None:
            return _answer(503, unready)
        try:
            body = await _body_within(request, self._config.max_body_bytes)
        except ClientDisconnect:
            self.ctx.logger.error("[REFUSED] the sender disconnected before its event was complete")  # noqa: TRY400 - not an error of this server
            return _answer(400, "incomplete request")  # the client has closed the connection
        if body is None:
            return _answer(413, f"the request's body is larger than {self._config.max_body_bytes} bytes")
        try:
            event = event_from_http(
                request.headers, body, get_data_returns_envelope=self._config.get_data_returns_envelope
            )
        except EventError as error:
            self.ctx.logger.error("[REFUSED] %s", error)  # noqa: TRY400 - the sender's mistake, the text says it all
            return _answer(500, str(error))
        invocation = await self._invoker.invoke(event)
        return Response(status_code=204) if invocation.status == 204 else _answer(500, invocation.error)

    async def _readiness(self, _request: Request) -> Response:
        unready = self._unready()
        return _answer(200, "ready") if unready is None else _answer(503, unready)

    async def _liveness(self, _request: Request) -> Response:
        return _answer(200, "alive")


async def _body_within(request: Request, most_bytes: int) -> bytes | None:
    """The body; None if it exceeds the limit, by its announced length or, if that is not true or missing, by what arrives."""
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and float(announced) > most_bytes:
        return None
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > most_bytes:
            return None
    return bytes(body)


def _answer(status: int, text: str) -> Response:
    return PlainTextResponse(text.encode("utf-8", "replace"), status_code=status)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise LocalRuntimeError(
                f"port {port} on {host} is in use: stop what listens there, or choose another with --port"
            ) from error
        raise LocalRuntimeError(f"cannot listen on {host} port {port}: {error.strerror or error}") from error
    except OverflowError as error:
        raise LocalRuntimeError(f"port {port} is not between 0 and 65535") from error
