"""uvicorn on a loopback socket, with the one thing a fault needs besides: the connection itself."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sandbox.app import App

HOST = "127.0.0.1"


LONGEST_URL = 60_000  # bytes kept of a URL: above any service's own bound, below what httptools can split


class _Protocol(HttpToolsProtocol):
    """Puts the transport into the scope, so that a fault can close it without an answer.

    Of an endless URL it keeps so much that the service sees that it is too long, and says so in its own envelope.
    """

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["transport"] = self.transport  # type: ignore[typeddict-unknown-key]

    def on_url(self, url: bytes) -> None:
        super().on_url(url[: LONGEST_URL - len(self.url)])


class PortTaken(RuntimeError):
    """Another program listens on the port."""


def bind(port: int) -> socket.socket:
    """A socket on 127.0.0.1, listening; port 0 takes a free one. Raises PortTaken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError:
        listener.close()
        raise PortTaken(f"port {port} is taken; give another with --port (0 takes any free one)") from None
    listener.listen(512)
    return listener


class Server(uvicorn.Server):
    """A server that can be stopped within a millisecond: tests start and stop hundreds.

    uvicorn's own notices `should_exit` ten times a second, and then waits a tenth of a second more.
    """

    _loop: asyncio.AbstractEventLoop | None = None
    _stopping: asyncio.Event

    def stop(self) -> None:
        """Stop serving, from any thread; requests under way are answered first."""
        self.should_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)

    async def main_loop(self) -> None:
        """Tick until told to stop."""
        self._stopping = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        ticks = 0
        while not await self.on_tick(ticks):
            ticks += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), 0.1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close what listens and what is idle; wait as uvicorn does only for requests under way."""
        for closing in (*self.servers, *(sockets or ())):
            closing.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        for _ in range(10):
            if not self.server_state.connections and not self.server_state.tasks:
                return
            await asyncio.sleep(0.001)
        await super().shutdown(sockets)


def make_server(app: App) -> Server:
    """A server for `app`; run it with `.run(sockets=[bind(port)])`."""
    config = uvicorn.Config(
        app,
        http=_Protocol,
        loop="auto",
        lifespan="off",
        ws="none",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )
    return Server(config)


def stop_when_idle(server: uvicorn.Server, app: App, seconds: float) -> None:
    """End `server` once no request has come for so long: a server that a notebook left behind goes by itself."""

    def watch() -> None:
        while not server.should_exit:
            rest = app.last_request + seconds - time.monotonic()
            if rest <= 0:
                server.should_exit = True
            else:
                time.sleep(min(rest, 1))

    threading.Thread(target=watch, name="idle", daemon=True).start()
