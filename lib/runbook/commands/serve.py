"""`runbook serve`: the platform's HTTP endpoints, on the side that each flag selects."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import ExitStack

from runbook.commands.alerts import watching_journal
from runbook.commands.follow import following, stopped_by
from runbook.errors import SettingError
from runbook.platform import Platform
from runbook.records.opening import open_records


def serve(
    platform: Platform,
    environment: str,
    host: str,
    port: int,
    *,
    follow: bool = True,
    report: Callable[[str], None],
) -> None:
    """Serve until Ctrl-C or SIGTERM; requests in flight are finished first. Raises SettingError.

    `follow`: carry what is written in Airtable back to Wix meanwhile.
    """
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
        with ExitStack() as stack:
            opened = stack.enter_context(open_records(platform, environment))
            app = platform.app(opened.records, os.environ)
            server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, server_header=False))
            url = f"http://{host}:{listener.getsockname()[1]}"
            report(f"serving {platform.name} on {url} ({environment}); Ctrl-C stops it")
            for note in opened.hold.notes if opened.hold is not None else ():
                report(note)
            stack.enter_context(watching_journal(opened, report=report))
            if follow:
                stack.enter_context(following(opened, report=report))
            with stopped_by(signal.SIGTERM):  # uvicorn sends it again at its end, which is not yet ours
                server.run(sockets=[listener])
