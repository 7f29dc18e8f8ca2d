"""Faults on order: what a client must survive, made to happen at a chosen request.

    {"match": {"service": "airtable", "method": "POST", "path": "/v0/*/Carriers", "nth": 3},
     "kind": "drop_after_commit", "times": 1}

| kind              | what happens                                    | its own keys                            |
|-------------------|-------------------------------------------------|-----------------------------------------|
| status            | nothing is done, this is answered               | status, body?, headers?                 |
| drop_before       | nothing is done, the connection is closed       |                                         |
| drop_after_commit | it is done, the connection is closed, no answer |                                         |
| delay             | it is done and answered, later                  | seconds (or ms)                         |
| truncate          | it is done, half the body is sent, then closed  |                                         |

`match` may be left out, or any part of it. `path` is a glob over the decoded path (`*` spans slashes); without a
`*` or `?` it matches where the path contains it. `nth` (from 1) is the first matching request that is hit, and
`times` (default 1, null for ever) how many are hit from there on.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

KINDS = ("status", "drop_before", "drop_after_commit", "delay", "truncate")
_KEYS = {"match", "kind", "times", "status", "body", "headers", "seconds", "ms"}
_MATCH_KEYS = {"service", "method", "path", "nth"}


class BadFault(ValueError):
    """A fault rule that cannot be; the message names the part and what is valid."""


@dataclass
class Fault:
    """One rule, and how often it has matched and hit."""

    kind: str
    service: str | None = None
    method: str | None = None
    path: str | None = None
    nth: int = 1
    times: int | None = 1
    status: int = 500
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    seen: int = 0
    hits: int = 0

    def matches(self, service: str, method: str, path: str) -> bool:
        """Whether the rule speaks of this request (its count is not looked at)."""
        if self.service not in (None, service) or self.method not in (None, method):
            return False
        if self.path is None:
            return True
        if "*" in self.path or "?" in self.path:
            return fnmatch.fnmatchcase(path, self.path)
        return self.path in path

    def show(self) -> dict[str, Any]:
        """The rule as `GET /_sandbox/faults` lists it."""
        match = {"service": self.service, "method": self.method, "path": self.path, "nth": self.nth}
        return {
            "match": {name: value for name, value in match.items() if value is not None},
            "kind": self.kind,
            "times": self.times,
            "seen": self.seen,
            "hits": self.hits,
        }


def read_fault(rule: Any) -> Fault:
    """A rule from its JSON; raises BadFault."""
    if not isinstance(rule, dict):
        raise BadFault("a fault rule is an object {match, kind, times}")
    match = {} if rule.get("match") is None else rule["match"]
    if not isinstance(match, dict):
        raise BadFault("match is an object {service, method, path, nth}")
    for unknown in [*(set(rule) - _KEYS), *(set(match) - _MATCH_KEYS)]:
        raise BadFault(f"unknown key {unknown!r}; a rule has {sorted(_KEYS)}, its match {sorted(_MATCH_KEYS)}")
    kind = rule.get("kind")
    if kind not in KINDS:
        raise BadFault(f"kind is {kind!r}; valid are {', '.join(KINDS)}")
    if match.get("service") not in (None, "airtable", "wix"):
        raise BadFault(f"service is {match['service']!r}; valid are airtable, wix")
    body = rule.get("body", b"")
    if not isinstance(body, (bytes, str)):
        body = json.dumps(body)
    try:
        return Fault(
            kind=kind,
            service=match.get("service"),
            method=_text("method", match.get("method"), str.upper),
            path=_text("path", match.get("path"), str),
            nth=_count("nth", match.get("nth", 1)),
            times=None if rule.get("times", 1) is None else _count("times", rule.get("times", 1)),
            status=_status(rule.get("status", 500)),
            body=body.encode() if isinstance(body, str) else body,
            headers={_header(name).lower(): _header(value) for name, value in (rule.get("headers") or {}).items()},
            seconds=_seconds(rule.get("seconds", float(rule.get("ms", 0)) / 1000)),
        )
    except (TypeError, ValueError, AttributeError) as error:
        if isinstance(error, BadFault):
            raise
        raise BadFault(f"a value of the rule has the wrong type: {error}") from None


def _text(name: str, value: Any, form: Callable[[str], str]) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value:
        raise BadFault(f"{name} is {value!r}; it is a text")
    return form(value)


def _status(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 200 <= value <= 599:
        raise BadFault(f"status is {value!r}; it is a whole number from 200 to 599")
    return value


def _header(value: Any) -> str:
    text = str(value)
    if not text.isascii() or not text.isprintable():
        raise BadFault("a header's name or value has characters that no header can hold")
    return text


def _seconds(value: Any) -> float:
    seconds = float(value)
    if not 0 <= seconds <= 86_400:
        raise BadFault(f"the delay is {seconds} seconds; it is from 0 to 86,400")
    return seconds


def _count(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise BadFault(f"{name} is {value!r}; it is a whole number from 1")
    return value


class Faults:
    """The rules in force, in the order they were given; at most one hits a request."""

    def __init__(self) -> None:
        self.rules: list[Fault] = []

    def add(self, rules: list[Any]) -> None:
        """Add rules; all or none. Raises BadFault."""
        self.rules += [read_fault(rule) for rule in rules]

    def clear(self) -> None:
        """Drop every rule."""
        self.rules = []

    def next_fault(self, service: str, method: str, path: str) -> Fault | None:
        """The fault that hits this request, counted."""
        struck: Fault | None = None
        for fault in self.rules:
            if not fault.matches(service, method, path):
                continue
            fault.seen += 1
            spent = fault.times is not None and fault.hits >= fault.times
            if struck is None and fault.seen >= fault.nth and not spent:
                fault.hits += 1
                struck = fault
        return struck
