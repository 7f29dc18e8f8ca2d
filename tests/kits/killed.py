"""A process that is killed at a chosen step of a call: before or after a request, or before a commit of the state.

On demand also before and after a commit of the mirror's file.

    with Killer() as killer:
        steps = killer.run("yard:back_again", project)              # to its end
        killer.run("yard:back_again", project, kill_at=17).killed   # killed at its 17th step

The calls run in forks of one process that has imported everything, so that each takes no longer than its work.
Run as a script, this module is that process.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

_CHANGES = re.compile("INSERT|UPDATE|DELETE")
_READ = re.compile(r" GET |/(query|count|query-referenced)(\?|$)")
_OF_THE_PACE = ("rate_limit", "api_calls")  # the rate limiter's, at every request: nothing depends on their moment
KITS = str(Path(__file__).parent)


class Ended(NamedTuple):
    """How a call ended. `steps`: in words; `result`: what it returned; `error`: the traceback of what it raised."""

    killed: bool
    steps: list[str]
    result: Any
    error: str | None


class Killer:
    """The process; `modules` are imported once. Each call sees the environment of its caller."""

    def __init__(self, *modules: str) -> None:
        command = [sys.executable, str(Path(__file__)), *modules]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()

    def run(self, call: str, *arguments: Any, kill_at: int | None = None, mirror: bool = False) -> Ended:
        """Call a function, "module:name"; its arguments and what it returns are JSON.

        `mirror`: the commits of the mirror's file are steps, too.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {
            "call": call,
            "arguments": arguments,
            "kill_at": kill_at,
            "mirror": mirror,
            "environment": dict(os.environ),
        }
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return Ended(**json.loads(self._process.stdout.readline()))


def moments(steps: list[str]) -> list[int]:
    """The steps (from 1) at which something may be left half done: of reads in a row, the first stands for all."""
    found, reading = [], False
    for number, step in enumerate(steps, 1):
        reads = bool(_READ.search(step))
        if not (reads and reading):
            found.append(number)
        reading = reads
    return found


def _serve() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            os.dup2(2, 1)  # what it prints is not an answer
            _run(order, writer)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            told = [json.loads(text) for text in pipe.read().splitlines()]
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        steps = [each["step"] for each in told if "step" in each]
        done = next((each for each in told if "result" in each), {"result": None, "error": None})
        ended = {"killed": killed, "steps": steps, **done}
        print(json.dumps(ended), flush=True)


def _run(order: dict[str, Any], writer: int) -> None:
    os.environ.clear()
    os.environ.update(order["environment"])
    count, kill_at = 0, order["kill_at"]

    def tell(payload: Any) -> None:
        os.write(writer, (json.dumps(payload) + "\n").encode())

    def step(what: str) -> None:
        nonlocal count
        count += 1
        tell({"step": what})
        if count == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    _watch(step)
    if order["mirror"]:
        _watch_mirror(step)
    module, _, name = order["call"].partition(":")
    try:
        result, error = getattr(importlib.import_module(module), name)(*order["arguments"]), None
    except BaseException:  # noqa: BLE001 - the caller judges
        result, error = None, traceback.format_exc()
    tell({"result": result, "error": error})
    os._exit(0)


def _watch(step: Callable[[str], None]) -> None:
    from requests.adapters import HTTPAdapter
    from sqlalchemy import Engine, event

    send = HTTPAdapter.send

    def watched(self: Any, request: Any, *rest: Any, **options: Any) -> Any:
        name = f"{request.method} {request.path_url}"
        step(f"before {name}")
        response = send(self, request, *rest, **options)
        step(f"after {name}")
        return response

    HTTPAdapter.send = watched  # type: ignore[method-assign]

    @event.listens_for(Engine, "before_cursor_execute")
    def _executing(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if _CHANGES.match(statement) and not any(name in statement for name in _OF_THE_PACE):
            connection.info["changed"] = statement.split("(")[0].strip()

    @event.listens_for(Engine, "commit")
    def _committing(connection: Any) -> None:
        changed = connection.info.pop("changed", None)
        if changed:
            step(f"before a commit of {changed}")


def _watch_mirror(step: Callable[[str], None]) -> None:
    from runbook.mirror.file import File

    transaction = File.transaction

    @contextmanager
    def watched(self: Any) -> Iterator[Any]:
        is_outer = not self.connection().in_transaction
        with transaction(self) as db:
            yield db
            if is_outer:
                step("before a commit of the mirror")
        if is_outer:
            step("after a commit of the mirror")

    File.transaction = watched  # type: ignore[method-assign]


if __name__ == "__main__":
    sys.path.insert(0, KITS)
    for name in sys.argv[1:]:
        importlib.import_module(name)
    _serve()
