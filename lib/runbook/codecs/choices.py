"""Selects. Airtable takes a choice's exact name (422 otherwise); the loader may add choices to an `open` one."""

from __future__ import annotations

import re

from runbook.catalog import Field
from runbook.codecs.base import Codec
from runbook.codecs.values import Refused, cell_text, text_of
from runbook.json_types import MISSING, Json, Missing


class Choice(Codec):
    """One name among the choices, compared exactly.

    | Wix              | cell, choices [Active, 2]                              |
    |------------------|--------------------------------------------------------|
    | "Active"         | the same                                               |
    | 2                | "2"; the original is kept                              |
    | ""  "  "  null   | empty                                                  |
    | "Closed" " Active" | open: "Closed", "Active", blanks around it taken off; else Refused |
    | ["Active"]  {}   | Refused                                                |
    """

    another_way = "a choice written another way (blanks around it, no text)"

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
        """The choice that `name`, the whole of `value` or a part of it, is; None for one of blanks."""
        if name.__class__ in (list, dict):
            raise self.refuse("no name of a choice", value)
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
            raise self.refuse(refused.why, value) from None
        raise self.refuse(f"none of the choices ({', '.join(self.field.choices)})", value)

    def _title(self, name: str) -> str | None:
        # A closed select is not to guess: there a name with blanks around it is another name.
        return name if self.field.open else ""


class EnumTitle(Choice):
    """A code in Wix, its title in Airtable: words between `_` or blanks, each with a capital.

    | Wix         | cell        | back        |
    |-------------|-------------|-------------|
    | "active"    | "Active"    | "active"    |
    | "in_review" | "In Review" | "in_review" |
    | "Active"  "ACTIVE" | "Active" | the original is kept |
    | "otr", where the choices list OTR | "OTR" | "otr" |
    | "gone"      | open: "Gone"; else Refused | |
    """

    another_way = "a code written another way (capitals, blanks)"

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
    return re.sub(r"\s+", "_", title.strip()).lower()


class Choices(Choice):
    """Several names among the choices, each once.

    | Wix                  | cell, choices [A, B]                            |
    |----------------------|-------------------------------------------------|
    | ["A", "B"]           | the same                                        |
    | ["A", "A", "", null] | ["A"]; the original is kept                     |
    | "A"                  | ["A"]; the original is kept                     |
    | []  null  ""         | empty, which says []                            |
    | ["C"]                | open: ["C"]; else Refused                       |
    | [["A"]]  [{}]  {}    | Refused                                         |
    """

    default: Json | Missing = []  # noqa: RUF012
    another_way = "doubles, blanks or no texts among the choices, or no list"

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
    """One text in Wix, a select of several in Airtable: wrapped on writing, one alone unwrapped on reading.

    | Wix        | cell       | back  |
    |------------|------------|-------|
    | "A"        | ["A"]      | "A"   |
    | ["A", "B"] | ["A", "B"] | ["A", "B"] |
    | ["A"]  []  | ["A"]  empty | the original is kept |
    """

    default: Json | Missing = MISSING
    another_way = "a list of one or none, or a choice written another way"

    def decode(self, cell: Json) -> Json | Missing:
        """The name, or the names."""
        if cell is None:
            return MISSING
        if cell.__class__ is list:
            return cell[0] if len(cell) == 1 else list(cell)
        return cell
