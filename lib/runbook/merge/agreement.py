"""What both sides of a row last agreed on: a short hash a value, kept in state as JSON.

    {"keys":{"dot":"5f1c…","bio":["77aa…","09b1…"]},"links":{"Carrier":["rec…"]}}

A key has one hash where Airtable answered with the value that was sent, else Wix's and Airtable's: Airtable rewrites
some texts. Airtable's may be several, "09b1…|5f1c…": what was sent there, and may have arrived or not, of a value that
Wix was given as well. A third element says that a person preferred Airtable's value. Links are the record ids
themselves: a record that was deleted leaves every cell that linked to it, and that is not an edit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from runbook.json_types import Json

_BYTES = 6
_EITHER = "|"
_NONE = "?"  # no value has this hash


class Agreed(NamedTuple):
    """Hashes of one value, "" where there was none. `preferred`: a person chose Airtable's value over Wix's."""

    wix: str
    airtable: str
    preferred: bool = False

    def is_airtable(self, now: str) -> bool:
        """Whether Airtable holds what was agreed on, or one of the values that it may hold."""
        return now in self.airtable.split(_EITHER)

    @property
    def is_open(self) -> bool:
        """Whether it is not known which of several values Airtable holds; Wix has the last of them, or a newer one."""
        return _EITHER in self.airtable


NOTHING = Agreed("", "")


@dataclass(frozen=True)
class Agreement:
    """By Wix key and by link; what is not in it was empty on both sides."""

    keys: dict[str, Agreed] = field(default_factory=dict)
    links: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def has_preferred(self) -> bool:
        """Whether Airtable holds a value that a person preferred to Wix's."""
        return any(agreed.preferred for agreed in self.keys.values())

    def with_unsent(self, values: Mapping[str, Sequence[str]]) -> Agreement:
        """The same, once Wix was given what Airtable may hold or not: by key, hashes in the order of writing.

        The way forth finds that Wix has changed them, and Airtable has not.
        """
        keys = dict(self.keys)
        for key, hashes in values.items():
            before = self.keys.get(key, NOTHING).airtable.split(_EITHER)
            keys[key] = Agreed(_NONE, _EITHER.join(dict.fromkeys([*before, *hashes])))
        return Agreement(keys, dict(self.links))

    def dumps(self) -> str:
        """The text for the state."""
        keys: dict[str, Json] = {}
        for key, (wix, airtable, preferred) in self.keys.items():
            if preferred:
                keys[key] = [wix, airtable, True]
            elif wix != airtable:
                keys[key] = [wix, airtable]
            elif wix:
                keys[key] = wix
        links = {name: list(records) for name, records in self.links.items() if records}
        return json.dumps({"keys": keys, "links": links}, separators=(",", ":"))

    @classmethod
    def loads(cls, text: str) -> Agreement:
        """From the state's text."""
        known = json.loads(text)
        keys = {k: Agreed(v, v) if isinstance(v, str) else Agreed(*v) for k, v in known["keys"].items()}
        return cls(keys, {name: tuple(records) for name, records in known["links"].items()})


def digest(value: Json) -> str:
    """A short hash of a value in normal form; "" of None."""
    if value is None:
        return ""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=_BYTES).hexdigest()
