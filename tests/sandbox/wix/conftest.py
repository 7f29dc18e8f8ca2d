"""A real server on a free port, and a small client that speaks to it as any HTTP client would."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from sandbox.app import App
from sandbox.app_state import AppState
from sandbox.server import HOST, bind, make_server
from sandbox.settings import Settings
from sandbox.web import json_response
from sandbox.wix import WixService

PREFIX = "/wix-data/v2"


class NoAdminApi:
    """In place of the sandbox's own endpoints."""

    async def respond(self, request):
        return json_response({}, 404)


class Client:
    """Requests against one running sandbox."""

    def __init__(self, base: str, state: AppState, service: WixService) -> None:
        self.base, self.state, self.service = base, state, service
        self.session = requests.Session()
        self.session.trust_env = False  # looking for proxies takes a third of a request
        self.session.headers.update({"Authorization": state.wix_key, "wix-site-id": state.site_id})

    def send(self, method: str, path: str, json: Any = None, prefix: str = PREFIX, **more: Any) -> requests.Response:
        return self.session.request(method, self.base + prefix + path, json=json, timeout=30, **more)

    def ok(self, method: str, path: str, json: Any = None, **more: Any) -> Any:
        answer = self.send(method, path, json, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, status: int, code: str, method: str, path: str, json: Any = None, **more: Any) -> Any:
        answer = self.send(method, path, json, **more)
        assert answer.status_code == status, answer.text
        details = answer.json()["details"]
        found = details.get("applicationError", {}).get("code", "validationError")
        assert found == code, answer.text
        return details

    def make(self, collection: str, *items: dict[str, Any], fields: list[Any] | None = None, **more: Any) -> None:
        fields = fields or [{"key": "name", "type": "TEXT"}]
        body = {"id": collection, "fields": fields, "permissions": {"read": "ANYONE"}, **more}
        self.ok("POST", "/collections", {"collection": body})
        if items:
            self.fill(collection, *items)

    def fill(self, collection: str, *items: dict[str, Any]) -> list[str]:
        entries = [{"data": item} for item in items]
        answer = self.ok("POST", "/bulk/items/insert", {"dataCollectionId": collection, "dataItems": entries})
        assert answer["bulkActionMetadata"]["totalFailures"] == 0, answer
        return [result["itemMetadata"]["id"] for result in answer["results"]]

    def query(self, collection: str, query: dict[str, Any] | None = None, **more: Any) -> Any:
        body = {"dataCollectionId": collection, "query": query or {}, **more}
        return self.ok("POST", "/items/query", body)

    def ids(self, collection: str, query: dict[str, Any] | None = None, **more: Any) -> list[str]:
        return [item["id"] for item in self.query(collection, query, **more)["dataItems"]]

    def get(self, collection: str, item_id: str, **more: Any) -> Any:
        body = {"dataCollectionId": collection, "dataItemId": item_id, **more}
        return self.ok("POST", "/items/get", body)["dataItem"]["data"]


class Server:
    """The App on a free port. Each test gives it a state and a service of its own."""

    def __init__(self) -> None:
        listener = bind(0)
        self.base = f"http://{HOST}:{listener.getsockname()[1]}"
        self.app = App(None, [], NoAdminApi())
        self.server = make_server(self.app)
        self.listener = listener
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [listener]})
        self.thread.start()
        while not self.server.started:
            time.sleep(0.005)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join()
        self.listener.close()

    @contextmanager
    def running(self, **settings: Any):
        """A fresh sandbox; settings as for `Settings`, without limits unless they are given."""
        state = AppState(Settings(**{"requests_per_second": None, **settings}))
        service = WixService(state)
        self.app.state, self.app.services = state, [service]
        client = Client(self.base, state, service)
        try:
            yield client
        finally:
            client.session.close()
            state.store.close()


@pytest.fixture(scope="session")
def server():
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def wix(server):
    with server.running() as client:
        yield client


@pytest.fixture
def start(server):
    return server.running
