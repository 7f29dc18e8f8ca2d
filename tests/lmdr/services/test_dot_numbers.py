"""DOT numbers as numbers and as text."""

from __future__ import annotations

from typing import Any

import pytest

from lmdr.services.dot_numbers import dot_number, dot_text


@pytest.mark.parametrize(
    ("value", "text", "number"),
    [
        (1234567, "1234567", 1234567),
        (1234567.0, "1234567", 1234567),
        (" 1234567 ", "1234567", 1234567),
        ("0042", "0042", 42),
        ("12ab", "12ab", None),
        ("-5", "-5", None),
        ("١٢", "١٢", None),
        ("9" * 5000, "9" * 5000, None),
        (1.5, "", None),
        (float("nan"), "", None),
        (True, "", None),
        ("", "", None),
        (None, "", None),
        ({"dot": 1}, "", None),
    ],
    ids=lambda value: repr(value)[:12],
)
def test_a_dot_number_is_parsed_from_numbers_and_texts(value: Any, text: str, number: int | None) -> None:
    assert dot_text(value) == text
    assert dot_number(value) == number
