"""`Sandbox`: a running server in a thread of this process, for tests and notebooks."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from sandbox.admin_api import AdminApi
from sandbox.app import App
from sandbox.app_state import WORKSPACE, AppState
from sandbox.server import HOST, Server, bind, make_server
from sandbox.settings import Settings

if TYPE_CHECKING:
    import uvicorn


class SeedFileError(ValueError):
    """A seed that cannot be read or loaded; the message names the file."""


def assemble(state: AppState, seeds: Iterable[Path | str | dict[str, Any]] = (), site: Path | None = None) -> App:
    """The whole application on a state, with its seeds and its site loaded.

    What this data folder has loaded before is left as it is now: a restart with the same flags changes
    nothing. Raises SeedFileError, SeedError or SiteError.
    """
    from sandbox.airtable import AirtableService
    from sandbox.airtable.seed import SeedError, load_seed
    from sandbox.wix import WixService

    airtable, wix = AirtableService(state), WixService(state)
    for seed in seeds:
        payload = seed if isinstance(seed, dict) else read_seed(Path(seed))
        mark = "seed " + hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
        if not state.store.setting(mark):
            try:
                with state.store.transaction():
                    load_seed(airtable.engine, payload)
                    state.store.set_setting(mark, 1)
            except SeedError as problem:
                raise SeedFileError(f"seed {seed}: {problem}" if not isinstance(seed, dict) else str(problem)) from None
    if site is not None and not state.store.setting(f"site {site.resolve()}"):
        with state.store.transaction():
            wix.load_site(site)
            state.store.set_setting(f"site {site.resolve()}", 1)
    return App(state, [airtable, wix], AdminApi(state, airtable.engine))


def read_seed(path: Path) -> Any:
    """A seed file's JSON. Raises SeedFileError."""
    try:
        return json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SeedFileError(f"seed {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise SeedFileError(f"seed {path} is not JSON: {error}") from None


class Sandbox:
    """A Wix Data and an Airtable on 127.0.0.1, as long as the `with` block lasts.

        with Sandbox(seed=["base.json"], requests_per_second="off") as box:
            api = pyairtable.Api(box.token, endpoint_url=box.airtable_url)

    | argument            | default | meaning                                                             |
    |---------------------|---------|---------------------------------------------------------------------|
    | port                | 0       | 0 takes any free one                                                |
    | data                | None    | a folder for the state; None keeps it in memory                     |
    | seed                | ()      | seed files or their JSON, one or several                            |
    | site                | None    | a folder of `<Collection>.jsonl`                                    |
    | requests_per_second | 5       | per base; "off" (or None) turns off every limit that counts requests|
    | penalty             | 30      | seconds of lock-out after a 429                                     |
    | plan                | "team"  | free, team, business, enterprise: records per base, calls per month |
    | latency             | 0       | milliseconds added to each answer: mean, or (mean, jitter)          |
    | stale_reads         | 0       | milliseconds of Wix writes that a read may miss                     |
    | fetch_loopback      | False   | attachments and pings may reach this machine                        |
    | token, tokens       | none    | the credentials that are accepted; none accepts any                 |

    Further keywords are those of `Settings`. Raises ValueError for an invalid setting.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        data: Path | str | None = None,
        seed: Path | str | dict[str, Any] | Iterable[Path | str | dict[str, Any]] = (),
        site: Path | str | None = None,
        requests_per_second: float | str | None = 5,
        latency: float | tuple[float, float] = 0,
        token: str | None = None,
        tokens: Iterable[str] = (),
        **settings: Any,
    ) -> None:
        rate = None if requests_per_second in ("off", None, 0) else float(requests_per_second)
        self._settings = Settings(
            data=Path(data) if data is not None else None,
            requests_per_second=rate,
            latency=latency if isinstance(latency, tuple) else (latency, 0),
            tokens=frozenset([*tokens, *([token] if token else [])]),
            **settings,
        )
        self._port = port
        self._seeds = [seed] if isinstance(seed, str | Path | dict) else list(seed)
        self._site = Path(site) if site is not None else None
        self._state: AppState | None = None
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    # ------------------------------------------------------------------ life

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Serve; returns when the port answers. Raises PortTaken, StoreError, SeedFileError, SiteError."""
        listener = bind(self._port)
        try:
            state = AppState(self._settings)
            state.base_url = f"http://{HOST}:{listener.getsockname()[1]}"
            try:
                app = assemble(state, self._seeds, self._site)
            except BaseException:
                state.store.close()
                raise
        except BaseException:
            listener.close()
            raise
        server = make_server(app)
        self._state, self._server = state, server
        self._thread = threading.Thread(target=_run, args=(server, listener), name="sandbox", daemon=True)
        self._thread.start()
        while not server.started:
            time.sleep(0.001)

    def stop(self) -> None:
        """Stop serving; with `data` the state stays on disk."""
        if self._server is not None and self._thread is not None and self._state is not None:
            self._server.stop()
            self._thread.join()
            self._state.store.close()
        self._server = self._thread = None

    # ------------------------------------------------------------------ addresses and credentials

    @property
    def _running(self) -> AppState:
        if self._state is None:
            raise RuntimeError("the sandbox is not running: use it in a `with` block, or call start()")
        return self._state

    @property
    def airtable_url(self) -> str:
        """What pyairtable takes as `endpoint_url`, without `/v0`."""
        return self._running.base_url

    @property
    def wix_url(self) -> str:
        """What stands for `https://www.wixapis.com`."""
        return self._running.base_url

    @property
    def workspace_id(self) -> str:
        """The Airtable workspace that bases can be created in."""
        return WORKSPACE

    @property
    def token(self) -> str:
        """A personal access token that is accepted."""
        return self._running.token

    @property
    def wix_key(self) -> str:
        """A Wix API key that is accepted."""
        return self._running.wix_key

    @property
    def site_id(self) -> str:
        """The Wix site's id, for the `wix-site-id` header."""
        return self._running.site_id

    # ------------------------------------------------------------------ the admin API

    def stats(self) -> dict[str, Any]:
        """Counts per base or site and endpoint, as `GET /_sandbox/stats` gives them."""
        return self._call("GET", "stats")

    def faults(self, *rules: dict[str, Any] | list[dict[str, Any]], clear: bool = False) -> list[dict[str, Any]]:
        """Add fault rules and return those in force; `faults(clear=True)` drops them first. Raises ValueError."""
        if clear:
            self._call("DELETE", "faults")
        wanted = [rule for element in rules for rule in (element if isinstance(element, list) else [element])]
        shown = self._call("POST", "faults", {"rules": wanted}) if wanted else self._call("GET", "faults")
        return list(shown["rules"])

    def clock(self, *, advance: float | None = None, now: str | None = None) -> str:
        """Move the server's clock by seconds or to an ISO time; the time it shows. Raises ValueError."""
        if advance is not None:
            return str(self._call("POST", "clock", {"advance": advance})["now"])
        return str((self._call("POST", "clock", {"now": now}) if now else self._call("GET", "clock"))["now"])

    def seed(self, seed: dict[str, Any]) -> dict[str, Any]:
        """Plant a base: `{"id", "name", "tables": {name: id}}`. Raises ValueError."""
        return self._call("POST", "seed", seed)

    def grid(self, base: str, table: str, **change: Any) -> None:
        """What a person does in the grid and the API cannot do; see `sandbox.airtable.grid`. Raises ValueError."""
        self._call("POST", "grid", {"base": base, "table": table, **change})

    def wix_rights(self, *, data: bool) -> None:
        """Give the Wix key its data rights, or refuse them."""
        self._call("POST", "rights", {"data": data})

    def _call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        import requests

        # Through HTTP like everyone else: the state belongs to the server's thread.
        with requests.Session() as session:
            session.trust_env = False  # no proxy stands before this machine
            response = session.request(method, f"{self._running.base_url}/_sandbox/{path}", json=body, timeout=60)
        payload: dict[str, Any] = response.json()
        if response.status_code != 200:
            raise ValueError(payload["error"])
        return payload


def _run(server: uvicorn.Server, listener: socket.socket) -> None:
    try:
        server.run(sockets=[listener])
    finally:
        listener.close()
