"""What the tests of commands share: calling one as a terminal does, the files of a home, a chat service."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from runbook.cli import main


@dataclass(frozen=True)
class Called:
    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return self.out + self.err


@dataclass(frozen=True)
class Home:
    path: Path

    @property
    def runs(self) -> Path:
        return self.path / "runs"

    def files(self) -> dict[str, int]:
        """Every file of every run, by its time of change: what a refusal must leave as it was."""
        return {str(p.relative_to(self.runs)): p.stat().st_mtime_ns for p in self.runs.rglob("*")}

    def newest(self, end: str = "") -> Path:
        return max(path for path in self.runs.iterdir() if path.name.endswith(end))


def call(*arguments: str, code: int | None = 0) -> Called:
    """One command. Whatever a user does wrong, it ends with a message and an exit code, never a traceback."""
    done = CliRunner().invoke(main, arguments)
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    assert "Traceback" not in done.output
    assert code is None or done.exit_code == code, done.output
    return Called(done.exit_code, done.stdout, done.stderr)


class Webhook:
    """A chat service: keeps what is posted to it, with its path; answers `status`."""

    def __init__(self, status: int = 200) -> None:
        posted: list[tuple[str, dict[str, Any]]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                posted.append((self.path, json.loads(body)))
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.posted = posted
        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook/t0ken-of-the-webhook"

    def __enter__(self) -> Webhook:
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
