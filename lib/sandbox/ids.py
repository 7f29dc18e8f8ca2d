"""Identifiers as the services make them."""

from __future__ import annotations

import random
import re
import secrets
import string

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_random = random.SystemRandom()

AIRTABLE_ID = re.compile(r"(app|tbl|fld|viw|rec|usr|com|ach|att|sel|wsp|itr|ent)[0-9A-Za-z]{14}")


def airtable_id(prefix: str) -> str:
    """`prefix` + 14 of [0-9A-Za-z], 17 characters: `app tbl fld viw rec usr com ach att sel wsp itr`."""
    return prefix + "".join(_random.choices(_ALPHABET, k=14))


def is_airtable_id(text: str, prefix: str) -> bool:
    """Whether `text` has the form of an id of that kind."""
    return text.startswith(prefix) and AIRTABLE_ID.fullmatch(text) is not None


def access_token() -> str:
    """A personal access token: `pat` + 14 characters + `.` + 64 hex digits."""
    return f"{airtable_id('pat')}.{secrets.token_hex(32)}"


def wix_key() -> str:
    """An API key in Wix's form (`IST.` and a token); opaque to every client."""
    return f"IST.{secrets.token_urlsafe(48)}"
