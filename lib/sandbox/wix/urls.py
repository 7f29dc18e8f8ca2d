"""`$urlized` and `$matches`: does a string make this part of a URL?"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sandbox.wix.errors import WixError

_NOT_IN_URLS = re.compile(r"[^\w]+")


def urlize(text: str) -> str:
    """`Hello, World!` -> `hello-world` [ASSUME: the service's own rule is not published]."""
    return _NOT_IN_URLS.sub("-", text.lower()).strip("-")


def read_urlized(operand: Any) -> Callable[[str], bool]:
    """`[slug, number]`; the number is not documented and not used. Raises WDE0061."""
    good = isinstance(operand, list) and len(operand) == 2 and isinstance(operand[0], str)
    if not good or isinstance(operand[1], bool) or not isinstance(operand[1], (int, float)):
        raise WixError("WDE0061", "`$urlized` Array should have length 2, and match { String, Number }.")
    slug = urlize(operand[0])
    return lambda text: urlize(text) == slug


def read_matches(operand: Any) -> Callable[[str], bool]:
    """`{"ignoreCase": true, "spec": [{"type": "literal", "value": "a"}, {"type": "anyOf", "value": " -"}]}`.

    The whole string must be made of the parts in their order; `anyOf` is one blank or one hyphen.
    Raises WDE0062, WDE0063, WDE0064.
    """
    if not isinstance(operand, dict):
        raise WixError("WDE0056", "$matches should be an Object.")
    for name in ("ignoreCase", "spec"):
        if name not in operand:
            raise WixError("WDE0062", f"`$matches` value does not have property {name}")
    if operand["ignoreCase"] is not True:
        raise WixError("WDE0063", "`$matches.ignoreCase` should equal true.")
    if not isinstance(operand["spec"], list):
        raise WixError("WDE0057", "$matches.spec should be an Array.")
    parts: list[str | None] = []
    for part in operand["spec"]:
        kind, value = (part.get("type"), part.get("value")) if isinstance(part, dict) else (None, None)
        if kind == "literal" and isinstance(value, str):
            parts.append(value.lower())
        elif kind == "anyOf" and value == " -":
            parts.append(None)
        else:
            raise WixError(
                "WDE0064",
                '`$matches.spec` array values should be either {"type":"anyOf","value":" -"} or '
                '{"type":"literal","value":String}.',
            )
    return lambda text: _is_made_of(parts, text.lower())


def _is_made_of(parts: list[str | None], text: str) -> bool:
    """Whether a text is its parts in their order and no more; None is one blank or one hyphen."""
    at = 0
    for part in parts:
        if not text.startswith((" ", "-") if part is None else part, at):
            return False
        at += 1 if part is None else len(part)
    return at == len(text)
