"""Redaction: find the values of secret environment variables in executed notebooks, and replace them."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

REDACTED = "‹secret›"
_NAMED = re.compile(r"(^|_)(KEY|TOKEN|SECRET|PASSWORD|PASSPHRASE|CREDENTIALS?)$", re.IGNORECASE)
_URLS = ("RUNBOOK_STATE_URL", "RUNBOOK_ALERT_URL")  # they may contain a password or a token
_MIN_LENGTH = 8  # a shorter value occurs in texts by chance


def without_home(text: str, home: str) -> str:
    """The text with `~` for the user's own folder, whose path names a person or a machine."""
    return text.replace(f"{home.rstrip('/')}/", "~/") if len(home) > 1 else text


class Redactor:
    """Replaces the secrets of an environment. `found`: the names of the variables whose values were found."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._forms: list[tuple[str, str]] = []  # (text to search for, name of the variable), longest first
        for name, value in environment.items():
            if _NAMED.search(name):
                self._add(name, value.strip())
            elif name in _URLS:
                self._add_url(name, value.strip())
        self._home = environment.get("HOME", "")
        self._forms.sort(key=lambda form: -len(form[0]))
        self.found: dict[str, None] = {}

    def _add(self, name: str, value: str, min_length: int = _MIN_LENGTH) -> None:
        if len(value) < min_length:
            return
        forms = (value, json.dumps(value)[1:-1], quote(value, safe=""), html.escape(value), repr(value)[1:-1])
        self._forms += [(form, name) for form in dict.fromkeys(forms)]

    def _add_url(self, name: str, value: str) -> None:
        try:
            url = urlsplit(value)
            password = url.password
        except ValueError:
            return
        if name == "RUNBOOK_ALERT_URL" and url.netloc:
            self._add(name, value)  # chat services put the token into the path
        if password:
            if password != url.username:
                self._add(name, password)
                self._add(name, unquote(password))
            self._add(name, f":{password}@", min_length=3)

    def redact(self, text: str) -> str:
        """The text without secrets."""
        for form, name in self._forms:
            if form in text:
                self.found[name] = None
                text = text.replace(form, REDACTED)
        return without_home(text, self._home)

    def secrets_in(self, value: Any) -> list[str]:
        """Names of the variables whose values occur in a JSON-like value."""
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        return list(dict.fromkeys(name for form, name in self._forms if form in text))

    def redact_tree(self, value: Any) -> Any:
        """A JSON-like value without secrets; lists and dicts are changed in place."""
        match value:
            case str():
                return self.redact(value)
            case list():
                for index, part in enumerate(value):
                    value[index] = self.redact_tree(part)
            case dict():
                for key in list(value):
                    value[key] = self.redact_tree(value[key])
        return value

    def redact_outputs(self, notebook: Any) -> None:
        """Redact the outputs of every cell of a notebook, in place."""
        for cell in notebook.cells:
            for output in cell.get("outputs", ()):
                self.redact_tree(output)
