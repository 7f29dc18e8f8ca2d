"""`runbook serve`: the platform's HTTP endpoints, on the side that each flag selects."""

from __future__ import annotations

import os
from collections.abc import Callable

from runbook.errors import SettingError
from runbook.platform import Platform
from runbook.records.opening import open_records


def serve(platform: Platform, environment: str, host: str, port: int, *, report: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM; requests in flight are finished first. Raises SettingError."""
    import socket

    import uvicorn  # 0.1 s

    if platform.app is None:
        raise SettingError(f"the platform {platform.name} has no HTTP endpoints to serve")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(128)  # clients may connect as soon as the URL is reported
        except OSError as error:
            message = f"--host {host} --port {port}: {error.strerror}; use another port or address"
            raise SettingError(message) from None
        with open_records(platform, environment) as opened:
            app = platform.app(opened.records, os.environ)
            server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, server_header=False))
            url = f"http://{host}:{listener.getsockname()[1]}"
            report(f"serving {platform.name} on {url} ({environment}); Ctrl-C stops it")
            server.run(sockets=[listener])
