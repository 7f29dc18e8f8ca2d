"""Secrets kept out of executed notebooks: each value a secret environment variable holds is looked for and replaced."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

HIDDEN = "‹secret›"
_NAMED = re.compile(r"(^|_)(KEY|TOKEN|SECRET|PASSWORD|PASSPHRASE|CREDENTIALS?)$", re.IGNORECASE)
_ADDRESSES = ("RUNBOOK_STATE_URL", "RUNBOOK_ALERT_URL")  # they may hold a password or a token
_SHORTEST = 8  # a shorter value stands in texts by chance, and is no secret worth the name


class Guard:
    """Knows the secrets of an environment by variable name; `found` says which have been seen, never their values."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._forms: list[tuple[str, str]] = []  # (text to look for, name of the variable), longest first
        for name, value in environment.items():
            if _NAMED.search(name):
                self._add(name, value.strip())
            elif name in _ADDRESSES:
                self._add_address(name, value.strip())
        self._forms.sort(key=lambda form: -len(form[0]))
        self.found: dict[str, None] = {}

    def _add(self, name: str, value: str, shortest: int = _SHORTEST) -> None:
        if len(value) < shortest:
            return
        forms = (value, json.dumps(value)[1:-1], quote(value, safe=""), html.escape(value), repr(value)[1:-1])
        self._forms += [(form, name) for form in dict.fromkeys(forms)]

    def _add_address(self, name: str, value: str) -> None:
        try:
            address = urlsplit(value)
            password = address.password
        except ValueError:
            return
        if name == "RUNBOOK_ALERT_URL" and address.netloc:
            self._add(name, value)  # chat services put the token into the path
        if password:
            if password != address.username:
                self._add(name, password)
                self._add(name, unquote(password))
            self._add(name, f":{password}@", shortest=3)

    def clean(self, text: str) -> str:
        """The text without secrets."""
        for form, name in self._forms:
            if form in text:
                self.found[name] = None
                text = text.replace(form, HIDDEN)
        return text

    def holds(self, value: Any) -> list[str]:
        """Names of the variables whose values stand in a JSON-like value."""
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
        return list(dict.fromkeys(name for form, name in self._forms if form in text))

    def clean_tree(self, value: Any) -> Any:
        """A JSON-like value without secrets; lists and dicts are changed in place."""
        match value:
            case str():
                return self.clean(value)
            case list():
                for index, part in enumerate(value):
                    value[index] = self.clean_tree(part)
            case dict():
                for key in list(value):
                    value[key] = self.clean_tree(value[key])
        return value

    def clean_outputs(self, notebook: Any) -> None:
        """Clean what every cell of a notebook printed, showed or raised, in place."""
        if not self._forms:
            return
        for cell in notebook.cells:
            for output in cell.get("outputs", ()):
                self.clean_tree(output)
