"""Text, numbers, booleans."""

from __future__ import annotations

from runbook.catalog import Field
from runbook.codecs.base import Codec
from runbook.codecs.values import Refused, cell_text, exact_int, exact_number, number_text, text_of
from runbook.json_types import MISSING, Json, Missing


class Text(Codec):
    r"""Text, unchanged. A text cell accepts nothing else (an int is a 422 even with typecast): the rest becomes text.

        | Wix            | cell       |
        |----------------|------------|
        | "a\nb", " a "  | the same   |
        | ""  null       | empty      |
        | 2121  2.0  0.1 | "2121" "2" "0.1", as in JavaScript |
        | true           | "true"     |
        | ["a", {"b":1}] | '["a",{"b":1}]' |
        | "a\0b"          | "ab"; the original is kept: no cell can hold U+0000 |

    A rich text cell ends with a line break, which Airtable adds; decoding removes it.
    Refused: over 100,000 characters, an unpaired surrogate.
    """

    difference = "not text, shown as text, or text with U+0000"

    def __init__(self, field: Field) -> None:
        super().__init__(field)
        self._rich = field.column_kind.adds_line_break

    def encode(self, value: Json) -> str | None:
        """See the class."""
        text = text_of(value).replace("\0", "")
        if self._rich and text and not text.endswith("\n"):
            text += "\n"
        return cell_text(text)

    def decode(self, cell: Json) -> Json | Missing:
        """The text."""
        if cell is None:
            return MISSING
        if self._rich and cell.__class__ is str and cell.endswith("\n"):
            return cell[:-1]
        return cell


class JsonTextAsString(Text):
    """JSON text that stays text: consumers parse it themselves. A list or object becomes compact JSON."""


class Number(Codec):
    """A number at full precision: a column's precision only affects display (nocodb #3638). A percent is a fraction.

    | Wix                  | cell    |
    |----------------------|---------|
    | 0.55  -3  2022.0     | the same |
    | "12"  " 0.55 "       | 12  0.55 |
    | ""  "  "  null       | empty   |
    | 2**53 + 1  "1e999"   | Refused: Airtable stores doubles, which cannot represent them |
    | "twelve"  "1,200"  true  [1] | Refused |
    """

    difference = "not a number, shown as a number"

    def encode(self, value: Json) -> float | None:
        """See the class."""
        if value.__class__ is float:
            if value - value == 0:
                return value
        elif value is None:
            return None
        elif value.__class__ is int or value.__class__ is str:
            try:
                return self._exact(value)
            except Refused as refused:
                raise self.refuse(refused.reason, value) from None
        raise self.refuse(self.not_a_number, value)

    not_a_number = "not a number"

    def _exact(self, value: int | str) -> float | None:
        if isinstance(value, int):
            return exact_int(value)
        number = exact_number(value)
        if number is None and value.strip():
            raise Refused(self.not_a_number)
        return number

    def decode(self, cell: Json) -> Json | Missing:
        """The number."""
        return MISSING if cell is None else cell


class TextInt(Number):
    """Digits as text in Wix, a number in Airtable, text again on reading (such as DOT numbers).

    | Wix           | cell  | back  |
    |---------------|-------|-------|
    | "123"         | 123   | "123" |
    | "0123"  123   | 123   | the original is kept |
    | ""  " "  null | empty |       |
    | "12.5"  "A12" | Refused |     |
    """

    difference = "digits written differently (leading zeros, blanks, or a number)"
    not_a_number = "not an integer"

    def encode(self, value: Json) -> float | None:
        """See the class."""
        number = super().encode(value)
        if number.__class__ is float and not number.is_integer():
            raise self.refuse(self.not_a_number, value)
        return number

    def _exact(self, value: int | str) -> float | None:
        if isinstance(value, str):
            bare = value.strip()
            digits = bare.removeprefix("-")
            if digits.isascii() and digits.isdigit():
                return exact_int(int(bare)) if len(digits) < 400 else super()._exact("1e999")
        return super()._exact(value)

    def decode(self, cell: Json) -> Json | Missing:
        """The number as text."""
        if cell.__class__ is int or cell.__class__ is float:
            return number_text(cell)
        return MISSING if cell is None else cell


class Boolean(Codec):
    """A checkbox: ticked or empty. False, null and a missing key look alike; `mapping` keeps which of them it was.

    | Wix                      | cell  |
    |--------------------------|-------|
    | true  "true"  1  "1"     | ticked |
    | false  "false"  0  "0"  ""  null | empty |
    | "yes"  2  []             | Refused |
    """

    default = False
    difference = "not a boolean, shown as one"
    _words = {"true": True, "1": True, "false": None, "0": None, "": None}  # noqa: RUF012

    def encode(self, value: Json) -> bool | None:
        """See the class."""
        if value is None:
            return None
        if value.__class__ is str:
            word = value.strip().lower()
            if word in self._words:
                return self._words[word]
        elif value in (0, 1):
            return True if value == 1 else None
        raise self.refuse("not a boolean", value)

    def decode(self, cell: Json) -> Json:
        """True or False."""
        return False if cell is None else cell
