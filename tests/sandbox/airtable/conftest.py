"""A running sandbox, a fresh base in it for every test, and a plain HTTP client that says what it expects."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from sandbox.in_process import Sandbox

EVERYTHING = {
    "base": {"name": "Everything"},
    "collaborators": [
        {"id": "usrAnnAnnAnnAnnAn", "email": "ann@example.com", "name": "Ann"},
        {"id": "usrBobBobBobBobBo", "email": "bob@example.com", "name": "Bob"},
    ],
    "tables": [
        {
            "name": "Every",
            "views": ["Grid view", "Second"],
            "fields": [
                {"name": "Name", "type": "singleLineText"},
                {"name": "Notes", "type": "multilineText"},
                {"name": "Rich", "type": "richText"},
                {"name": "Mail", "type": "email"},
                {"name": "Site", "type": "url"},
                {"name": "Phone", "type": "phoneNumber"},
                {"name": "Number", "type": "number", "options": {"precision": 2}},
                {"name": "Price", "type": "currency", "options": {"precision": 2, "symbol": "$"}},
                {"name": "Share", "type": "percent", "options": {"precision": 1}},
                {"name": "Length", "type": "duration", "options": {"durationFormat": "h:mm:ss"}},
                {"name": "Stars", "type": "rating"},
                {"name": "Done", "type": "checkbox"},
                {"name": "Day", "type": "date", "options": {"dateFormat": {"name": "iso"}}},
                {"name": "Moment", "type": "dateTime"},
                {
                    "name": "Local",
                    "type": "dateTime",
                    "options": {
                        "dateFormat": {"name": "us"},
                        "timeFormat": {"name": "24hour"},
                        "timeZone": "America/New_York",
                    },
                },
                {
                    "name": "Status",
                    "type": "singleSelect",
                    "options": {"choices": [{"name": "Todo"}, {"name": "Doing"}, {"name": "Closed"}]},
                },
                {
                    "name": "Tags",
                    "type": "multipleSelects",
                    "options": {"choices": [{"name": "red"}, {"name": "green"}, {"name": "bl\u00fc"}]},
                },
                {"name": "Files", "type": "multipleAttachments"},
                {"name": "Owner", "type": "singleCollaborator"},
                {"name": "Team", "type": "multipleCollaborators"},
                {"name": "Code", "type": "barcode"},
                {
                    "name": "Others",
                    "type": "multipleRecordLinks",
                    "options": {"linkedTable": "Other"},
                    "inverseName": "Back",
                },
                {"name": "Self", "type": "multipleRecordLinks", "options": {"linkedTable": "Every"}},
                {"name": "Twice", "type": "formula", "options": {"formula": "{Number}*2"}},
                {"name": "Fails", "type": "formula", "options": {"formula": "ERROR()"}},
                {"name": "Ratio", "type": "formula", "options": {"formula": "{Number}/0"}},
                {
                    "name": "Titles",
                    "type": "multipleLookupValues",
                    "options": {"link": "Others", "target": "Title"},
                },
                {
                    "name": "Sum",
                    "type": "rollup",
                    "options": {"link": "Others", "target": "Amount", "formula": "SUM(values)"},
                },
                {"name": "How many", "type": "count", "options": {"link": "Others"}},
                {"name": "Auto", "type": "autoNumber"},
                {"name": "Created", "type": "createdTime"},
                {"name": "Changed", "type": "lastModifiedTime"},
                {"name": "Maker", "type": "createdBy"},
                {"name": "Changer", "type": "lastModifiedBy"},
                {"name": "Press", "type": "button", "options": {"label": "Open", "url": "'https://x.test/'&{Name}"}},
                {"name": "Ai", "type": "aiText"},
                {"name": "Synced", "type": "externalSyncSource"},
            ],
        },
        {
            "name": "Other",
            "fields": [
                {"name": "Title", "type": "singleLineText"},
                {"name": "Amount", "type": "number"},
                {"name": "Mirror", "type": "formula", "options": {"formula": "{Amount}/0"}},
            ],
        },
        {"name": "Odd / name + 100%", "fields": [{"name": "Name", "type": "singleLineText"}]},
    ],
}
COMPUTED = (
    "Twice Fails Ratio Titles Sum|How many|Auto Created Changed Maker Changer Press Ai Synced".replace(" ", "|")
    .replace("How|many", "How many")
    .split("|")
)


class Base:
    """A base of its own on a running sandbox. Paths are within the base; `/v0/...` and `/_sandbox/...` are taken as they are."""

    def __init__(self, box: Sandbox, session: requests.Session, base_id: str, tables: dict[str, str]) -> None:
        self.box = box
        self.id = base_id
        self.tables = tables
        self.session = session

    def url(self, path: str) -> str:
        return self.box.airtable_url + (path if path.startswith("/") else f"/v0/{self.id}/{path}")

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        if body is not None:
            options["json"] = body
        headers = {"Authorization": f"Bearer {self.box.token}", **options.pop("headers", {})}
        return self.session.request(method, self.url(path), headers=headers, timeout=60, **options)

    def ok(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        answer = self.call(method, path, body, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, str, str | None]:
        """(status, type, message) of a refusal; it must have changed nothing."""
        before = self.state()
        answer = self.call(method, path, body, **options)
        payload = refusal(answer)
        assert self.state() == before, "a refused request changed something"
        return payload

    def state(self) -> dict[str, Any]:
        """Everything the base shows: its schema and all records."""
        tables = self.ok("GET", f"/v0/meta/bases/{self.id}/tables")["tables"]
        return {"tables": tables, "records": {table["id"]: self.records(table["id"]) for table in tables}}

    def records(self, table: str = "Every", **params: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for _ in range(50):
            page = self.ok("GET", table, params=params)
            found += [_without_urls(record) for record in page["records"]]
            if "offset" not in page:
                return found
            params["offset"] = page["offset"]
        raise AssertionError("the list has no end")

    def make(self, table: str = "Every", **fields: Any) -> dict[str, Any]:
        """A new record."""
        return self.ok("POST", table, {"fields": fields})

    def write(self, field: str, value: Any, *, typecast: bool = False) -> Any:
        """What a new record shows in a field that was given a value; None where it is left out."""
        made = self.ok("POST", "Every", {"fields": {field: value}, "typecast": typecast})
        again = self.ok("GET", f"Every/{made['id']}")
        assert again["fields"].get(field) == made["fields"].get(field)
        return made["fields"].get(field)

    def refused_value(self, field: str, value: Any, *, typecast: bool = False) -> tuple[int, str, str | None]:
        return self.refused("POST", "Every", {"fields": {field: value}, "typecast": typecast})

    def field(self, name: str, table: str = "Every") -> dict[str, Any]:
        """A field's schema."""
        return next(field for field in self.table(table)["fields"] if field["name"] == name)

    def table(self, name: str = "Every") -> dict[str, Any]:
        """A table's schema."""
        tables = self.ok("GET", f"/v0/meta/bases/{self.id}/tables")["tables"]
        return next(table for table in tables if table["name"] == name)

    def choices(self, name: str) -> list[str]:
        return [choice["name"] for choice in self.field(name)["options"]["choices"]]


def refusal(answer: requests.Response) -> tuple[int, str, str | None]:
    """(status, type, message) of a 4xx in one of Airtable's envelopes."""
    assert 400 <= answer.status_code < 500, f"{answer.status_code}: {answer.text[:300]}"
    payload = answer.json()
    assert set(payload) == {"error"}, payload
    if isinstance(payload["error"], str):
        return answer.status_code, payload["error"], None
    assert set(payload["error"]) <= {"type", "message"}, payload
    return answer.status_code, payload["error"]["type"], payload["error"].get("message")


def _without_urls(record: dict[str, Any]) -> dict[str, Any]:
    # The URL of an attachment holds the second of its expiry.
    for value in record["fields"].values():
        if isinstance(value, list) and value and isinstance(value[0], dict) and "filename" in value[0]:
            for element in value:
                element.pop("url"), element.pop("thumbnails", None)
    return record


def eventually(seen: Callable[[], Any], seconds: float = 10) -> Any:
    """The first true thing `seen` returns; fails after `seconds`."""
    end = time.monotonic() + seconds
    while not (found := seen()):
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.01)
    return found


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    """One server without limits for every test of a module that does not ask about them."""
    with Sandbox(requests_per_second="off", fetch_loopback=True) as running:
        yield running


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as opened:
        opened.trust_env = False  # looking for proxies takes a third of a request
        yield opened


@pytest.fixture
def connect(session: requests.Session) -> Callable[..., Base]:
    """A new base of EVERYTHING (or of another seed) on any sandbox."""

    def plant(box: Sandbox, seed: dict[str, Any] | None = None) -> Base:
        made = box.seed(seed or EVERYTHING)
        return Base(box, session, made["id"], made["tables"])

    return plant


@pytest.fixture
def base(server: Sandbox, connect: Callable[..., Base]) -> Base:
    return connect(server)


@pytest.fixture
def computed() -> list[str]:
    return COMPUTED


@pytest.fixture
def payload() -> Callable[[requests.Response], tuple[int, str, str | None]]:
    return refusal


@pytest.fixture
def wait() -> Callable[..., Any]:
    return eventually


class Site:
    """A web site on loopback: serves files, redirects, and remembers what it was sent."""

    def __init__(self) -> None:
        self.files: dict[str, tuple[int, str, bytes]] = {}
        self.redirects: dict[str, str] = {}
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []  # method, path, headers, body
        self.answers: list[int] = []  # statuses for POSTs, in order; 200 when they are used up
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.seen.append(("GET", self.path, dict(self.headers), b""))
                if self.path in site.redirects:
                    self.send_response(302)
                    self.send_header("Location", site.redirects[self.path])
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                status, kind, content = site.files.get(self.path, (404, "text/html", b"<h1>Not found</h1>"))
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                site.seen.append(
                    ("POST", self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                )
                self.send_response(site.answers.pop(0) if site.answers else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()
