"""What both clients share: which failures are safe to repeat, strict JSON, proxies, the key and the log."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import requests

from runbook.http import HttpClient, Repeat, Response
from runbook.request_log import RequestLog

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"


@contextlib.contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port where each connection is given to `serve`."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, contextlib.suppress(OSError):
                        serve(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


def answering(data: bytes) -> Callable[[socket.socket], None]:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(data)

    return serve


def body(text: bytes) -> bytes:
    return OK % (len(text), text)


def client_of(url: str, *, timeout: float = 5.0, log: RequestLog | None = None) -> HttpClient:
    session = requests.Session()
    session.headers["Authorization"] = "Bearer secret"
    return HttpClient(session, url, "secret", timeout=(timeout, timeout), log=log)


def send(data: bytes) -> Response:
    with listening(answering(data)) as port:
        client = client_of(f"http://127.0.0.1:{port}")
        response = client._send("GET", "/x", "read x")
        client.close()
    return response


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize(
    ("repeat", "idempotent", "other"),
    [
        (Repeat.NEVER, False, False),
        (Repeat.PAUSE, False, False),
        (Repeat.SAFE, True, True),
        (Repeat.IF_IDEMPOTENT, True, False),
    ],
)
def test_what_may_be_sent_again_at_once(repeat: Repeat, idempotent: bool, other: bool) -> None:
    assert (repeat.allows(True), repeat.allows(False)) == (idempotent, other)


def test_a_refused_connection_carried_nothing() -> None:
    client = client_of(f"http://127.0.0.1:{free_port()}")
    response = client._send("POST", "/x", "write x", json={})
    assert (response.status, response.repeat) == (0, Repeat.SAFE)
    words = client._describe("write x", response, idempotent=False, attempts=1)
    assert words.startswith(f"write x: {client.url} cannot be reached (ConnectionError); nothing was sent")


def test_a_proxy_that_is_down_carried_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    response = client_of("http://service.invalid")._send("POST", "/x", "write x")
    assert isinstance(response.error, requests.exceptions.ProxyError)
    assert response.repeat is Repeat.SAFE


@pytest.mark.parametrize("data", [b"", OK % (50, b'{"half": ')], ids=["nothing", "half a body"])
def test_a_connection_that_breaks_later_may_have_carried_all(data: bytes) -> None:
    response = send(data)
    assert (response.status, response.payload, response.repeat) == (0, None, Repeat.IF_IDEMPOTENT)
    client = client_of("http://x")
    assert client._describe("w", response, idempotent=False, attempts=1).endswith("; whether it was done is not known")
    again = client._describe("w", response, idempotent=True, attempts=6)
    assert "broke the connection" in again
    assert again.endswith(
        ", 6 times; whether it was done is not known; check that this machine can reach it, then run it again"
    )


def test_a_body_that_cannot_be_unpacked_may_have_been_done() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd"
    assert send(head).repeat is Repeat.IF_IDEMPOTENT


def test_a_late_response_may_have_been_done() -> None:
    released = threading.Event()
    with listening(lambda connection: bool(released.wait(5)) and None) as port:
        client = client_of(f"http://127.0.0.1:{port}", timeout=0.1)
        response = client._send("GET", "/x", "read x")
        released.set()
    assert response.repeat is Repeat.IF_IDEMPOTENT
    assert 0.1 <= response.seconds < 60
    assert "did not respond within 0.1 s (ReadTimeout), 2 times;" in client._describe(
        "read x", response, idempotent=True, attempts=2
    )


def test_a_tls_connection_that_ends_may_have_carried_all() -> None:
    with listening(answering(b"")) as port:
        response = client_of(f"https://127.0.0.1:{port}")._send("GET", "/x", "read x")
    assert response.repeat is Repeat.IF_IDEMPOTENT


def test_a_certificate_that_is_not_trusted_is_refused_again() -> None:
    error = requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
    response = Response(0, None, {}, 0.0, error)
    assert response.repeat is Repeat.NEVER
    words = client_of("https://x")._describe("read x", response, idempotent=True, attempts=1)
    assert words.startswith("read x: https://x cannot be reached (SSLError); nothing was sent")


def test_a_url_that_cannot_be_one_is_refused_again() -> None:
    response = client_of("nonsense://x")._send("GET", "/x", "read x")
    assert response.repeat is Repeat.NEVER


@pytest.mark.parametrize("text", [b"", b"<html>", b'{"n": NaN}', b'{"n": -Infinity}', b"[" * 100_000])
def test_a_success_that_is_not_json_is_an_error(text: bytes) -> None:
    response = send(body(text))
    assert (response.status, response.payload, response.repeat) == (200, None, Repeat.IF_IDEMPOTENT)
    assert response.error is not None
    words = client_of("http://x")._describe("read x", response, idempotent=True, attempts=1)
    assert words.startswith("read x: http://x sent a response that is not JSON; ")


def test_a_body_is_sent_as_compact_json_and_the_time_is_measured() -> None:
    received: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        received.append(connection.recv(65536))
        while received[-1].startswith(b"PATCH") and not received[-1].endswith(b"}"):  # the body may come by itself
            received[-1] += connection.recv(65536)
        time.sleep(0.05)
        connection.sendall(body(b"[1]"))

    with listening(serve) as port:
        client = client_of(f"http://127.0.0.1:{port}")
        response = client._send("PATCH", "/x", "write x", json={"n": [1, None]})
        client.close()  # the server has closed its end; whether the client has noticed is a race
        assert client._send("GET", "/x", "read x").payload == [1]
        client.close()
    assert response.payload == [1]
    assert 0.05 <= response.seconds < 60
    head, _, text = received[0].partition(b"\r\n\r\n")
    assert b"Content-Type: application/json" in head
    assert text == b'{"n":[1,null]}'
    assert b"Content-Type" not in received[1]


@pytest.mark.parametrize("status", [300, 404, 502])
def test_an_error_response_need_not_be_json(status: int) -> None:
    response = send(b"HTTP/1.1 %d Odd\r\nContent-Length: 6\r\n\r\n<html>" % status)
    assert (response.status, response.payload, response.error) == (status, None, None)


def test_an_empty_response_has_no_payload() -> None:
    response = send(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert (response.status, response.payload, response.error) == (204, None, None)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_json_cannot_say_is_not_sent(number: float) -> None:
    log = RequestLog()
    with pytest.raises(ValueError, match="not JSON compliant"):
        client_of("http://x", log=log)._send("POST", "/x", "write x", json={"n": number})
    assert len(log) == 0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("-3", 0.0),
        ("1.5", 1.5),
        ("86400", 600.0),
        ("inf", 600.0),
        ("nan", 0.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
        (None, None),
    ],
)
def test_retry_after_is_read_in_seconds(value: str | None, seconds: float | None) -> None:
    headers = {} if value is None else {"Retry-After": value}
    assert Response(429, None, headers, 0.0).retry_after == seconds


class Proxy(BaseHTTPRequestHandler):
    seen: list[tuple[str, str | None]]

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers["Authorization"]))
        self.send_response(302)
        self.send_header("Location", "http://elsewhere.invalid/")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


def test_the_proxy_of_the_environment_is_used_and_netrc_and_redirects_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (netrc := tmp_path / "netrc").write_text("default login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    Proxy.seen = []
    with HTTPServer(("127.0.0.1", 0), Proxy) as server:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        client = client_of("http://service.invalid/")
        monkeypatch.delenv("http_proxy")  # what was read once holds
        response = client._send("GET", "/x", "read x", params=[("a[]", "1 2"), ("a[]", "3")])
        client.close()
        server.shutdown()
        thread.join()
    assert response.status == 302
    assert Proxy.seen == [("http://service.invalid/x?a%5B%5D=1+2&a%5B%5D=3", "Bearer secret")]


def test_every_attempt_is_logged_and_the_key_is_redacted() -> None:
    log = RequestLog()
    with listening(answering(body(b"{}"))) as port:
        client = client_of(f"http://127.0.0.1:{port}", log=log)
        assert client._send("GET", "/x", "read x").payload == {}
        client.close()
    client._send("POST", "/x", "write x")
    assert [(row.method, row.what, row.status) for row in log.rows()] == [
        ("GET", "read x", 200),
        ("POST", "write x", 0),
    ]
    assert client._redact("no secret here") == "no … here"
