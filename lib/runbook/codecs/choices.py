"""Selects. Airtable accepts only a choice's exact name (422 otherwise); loading may add choices to an `open` field."""

from __future__ import annotations

import re

from runbook.catalog import Field
from runbook.codecs.base import Codec
from runbook.codecs.values import Refused, cell_text, text_of
from runbook.json_types import MISSING, Json, Missing


class Choice(Codec):
    """The name of one choice, compared exactly.

    | Wix              | cell, choices [Active, 2]                              |
    |------------------|--------------------------------------------------------|
    | "Active"         | the same                                               |
    | 2                | "2"; the original is kept                              |
    | ""  "  "  null   | empty                                                  |
    | "Closed" " Active" | open: "Closed", "Active", surrounding blanks removed; else Refused |
    | ["Active"]  {}   | Refused                                                |
    """

    difference = "choice written differently (surrounding blanks, or not text)"

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self._known = frozenset(field.choices)

    def encode(self, value: Json) -> Json:
        """See the class."""
        if value.__class__ is str and value in self._known:
            return value
        return self._choice(value, value)

    def decode(self, cell: Json) -> Json | Missing:
        """The name."""
        return MISSING if cell is None else cell

    def _choice(self, name: Json, value: Json) -> str | None:
        """The choice for `name`, which is `value` or an element of it; None where it is blank."""
        if name.__class__ in (list, dict):
            raise self.refuse("not the name of a choice", value)
        try:
            text = text_of(name)
            bare = text.strip()
            if text in self._known or not bare:
                return text if bare else None
            title = self._title(bare)
            if title is None or title in self._known:
                return title
            if self.field.open:
                return cell_text(title)
        except Refused as refused:
            raise self.refuse(refused.reason, value) from None
        raise self.refuse(f"not one of the choices ({', '.join(self.field.choices)})", value)

    def _title(self, name: str) -> str | None:
        # A closed select does not guess: a name with surrounding blanks is a different name.
        return name if self.field.open else ""


class EnumTitle(Choice):
    """A code in Wix, its title in Airtable: words separated by `_` or blanks, each capitalized.

    | Wix         | cell        | back        |
    |-------------|-------------|-------------|
    | "active"    | "Active"    | "active"    |
    | "in_review" | "In Review" | "in_review" |
    | "Active"  "ACTIVE" | "Active" | the original is kept |
    | "otr", where the choices list OTR | "OTR" | "otr" |
    | "gone"      | open: "Gone"; else Refused | |
    """

    difference = "code written differently (capitals, blanks)"

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self._titles = {_code(title): title for title in reversed(field.choices)}

    def encode(self, value: Json) -> Json:
        """See the class."""
        if value.__class__ is str and value in self._titles:
            return self._titles[value]
        return self._choice(value, value)

    def decode(self, cell: Json) -> Json | Missing:
        """The code."""
        if cell is None:
            return MISSING
        return _code(cell) if cell.__class__ is str else cell

    def _title(self, name: str) -> str | None:
        words = [word[:1].upper() + word[1:] for word in re.split(r"[_\s]+", name) if word]
        return self._titles.get(_code(name)) or " ".join(words) or None


def _code(title: str) -> str:
    return re.sub(r"\s+", "_", title).lower()


class Choices(Choice):
    """The names of several choices, each once.

    | Wix                  | cell, choices [A, B]                            |
    |----------------------|-------------------------------------------------|
    | ["A", "B"]           | the same                                        |
    | ["A", "A", "", null] | ["A"]; the original is kept                     |
    | "A"                  | ["A"]; the original is kept                     |
    | []  null  ""         | empty, which stands for []                      |
    | ["C"]                | open: ["C"]; else Refused                       |
    | [["A"]]  [{}]  {}    | Refused                                         |
    """

    default: Json | Missing = []  # noqa: RUF012
    difference = "duplicates, blanks or values that are not text among the choices, or not a list"

    def encode(self, value: Json) -> Json:
        """See the class."""
        names: dict[str, None] = {}
        for part in value if value.__class__ is list else [value]:
            name = part if part.__class__ is str and part in self._known else self._choice(part, value)
            if name is not None:
                names[name] = None
        return list(names) or None

    def decode(self, cell: Json) -> Json | Missing:
        """The names."""
        if cell is None:
            return []
        return list(cell) if cell.__class__ is list else cell


class ScalarOrList(Choices):
    """One text in Wix, a multiple select in Airtable: wrapped on writing, a single choice is unwrapped on reading.

    | Wix        | cell       | back  |
    |------------|------------|-------|
    | "A"        | ["A"]      | "A"   |
    | ["A", "B"] | ["A", "B"] | ["A", "B"] |
    | ["A"]  []  | ["A"]  empty | the original is kept |
    """

    default: Json | Missing = MISSING
    difference = "list of one element or none, or choice written differently"

    def decode(self, cell: Json) -> Json | Missing:
        """The name, or the names."""
        if cell is None:
            return MISSING
        if cell.__class__ is list:
            return cell[0] if len(cell) == 1 else list(cell)
        return cell
