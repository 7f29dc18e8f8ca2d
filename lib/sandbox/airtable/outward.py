"""Requests the sandbox makes itself: attachments by URL and webhook pings.

Only http and https, only to public addresses; to loopback with `--fetch-loopback` alone. The address that was
checked is the address that is dialled, so a name cannot resolve to something else in between.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

_TIMEOUT = 20.0  # seconds, for connecting and for each read
_REDIRECTS = 3


class OutwardError(OSError):
    """The request was not made, or not answered well; the message says why."""


@dataclass(frozen=True)
class Answer:
    """What came back: the body, at most the bound, and its type."""

    status: int
    content: bytes
    content_type: str
    url: str


def request(
    method: str,
    url: str,
    *,
    loopback: bool,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    limit: int = 100_000_000,
) -> Answer:
    """One request, following up to 3 redirects of a GET; blocks, so call it in a thread. Raises OutwardError."""
    for _ in range(_REDIRECTS + 1):
        response, location = _once(method, url, loopback, body, headers or {}, limit)
        if location is None or method != "GET":
            return response
        try:
            url = urljoin(url, location)
        except ValueError:
            raise OutwardError("the redirect's URL cannot be read") from None
    raise OutwardError("too many redirects")


def _once(
    method: str, url: str, loopback: bool, body: bytes | None, headers: dict[str, str], limit: int
) -> tuple[Answer, str | None]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise OutwardError("the URL cannot be read") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise OutwardError("only http and https URLs are fetched")
    address = _allowed_address(parts.hostname, port or (443 if parts.scheme == "https" else 80), loopback)
    connection = _Pinned(parts.hostname, address, secure=parts.scheme == "https")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(method, target.encode("utf-8", "replace").decode("latin-1"), body, headers)
        response = connection.getresponse()
        location = response.getheader("location") if response.status in (301, 302, 303, 307, 308) else None
        content = b"" if location else response.read(limit + 1)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise OutwardError(f"the server did not answer: {type(error).__name__}") from None
    finally:
        connection.close()
    if len(content) > limit:
        raise OutwardError(f"the file is larger than {limit:,} bytes")
    content_type = (response.getheader("content-type") or "application/octet-stream").split(";")[0].strip()
    return Answer(response.status, content, content_type, url), location


def _allowed_address(host: str, port: int, loopback: bool) -> tuple[str, int]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise OutwardError("the host's name does not resolve") from None
    for _, _, _, _, address in found:
        ip = ipaddress.ip_address(str(address[0]).split("%")[0])
        if _is_public(ip) or (loopback and ip.is_loopback):
            return str(address[0]), port
    raise OutwardError("the host is not on the public internet")


_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def _is_public(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    # 6to4 and NAT64 addresses are public by their form and carry any IPv4 address, 127.0.0.1 too.
    carries = ip.version == 6 and (ip.sixtofour is not None or ip in _NAT64)
    return ip.is_global and not ip.is_multicast and not carries


class _Pinned(http.client.HTTPConnection):
    """A connection to a checked address, which still names its host."""

    def __init__(self, host: str, address: tuple[str, int], *, secure: bool) -> None:
        super().__init__(host, address[1], timeout=_TIMEOUT)
        self._address = address
        self._secure = secure

    def connect(self) -> None:
        self.sock = socket.create_connection(self._address, self.timeout)
        if self._secure:
            self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)
