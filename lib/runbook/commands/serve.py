"""`runbook serve`: the platform's HTTP endpoints, over the data as the flags route it."""

from __future__ import annotations

import os
from collections.abc import Callable

from runbook.errors import SettingError
from runbook.platform import Platform
from runbook.records.opening import open_records


def serve(platform: Platform, environment: str, host: str, port: int, *, say: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM; what is under way is answered first. Raises SettingError."""
    import socket

    import uvicorn  # 0.1 s

    if platform.app is None:
        raise SettingError(f"the platform {platform.name} has no HTTP endpoints to serve")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(128)  # who is told of it below may connect at once
        except OSError as error:
            words = f"--host {host} --port {port}: {error.strerror}; another port or address is right"
            raise SettingError(words) from None
        with open_records(platform, environment) as opened:
            app = platform.app(opened.records, os.environ)
            server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, server_header=False))
            where = f"http://{host}:{listener.getsockname()[1]}"
            say(f"serving {platform.name} on {where} ({environment}); Ctrl-C stops it")
            server.run(sockets=[listener])
