"""Random values, items and conditions, near the edges where the mirror's index must take care."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from runbook.mirror.sort_keys import MAX_BYTES
from runbook.query.query import And, Not, Or, Test

KEYS = ("name", "trucks", "tags")
LONG = "x" * (MAX_BYTES - 2)

texts = st.one_of(
    st.sampled_from(["", "a", "A", "ab", "1", "é", "\x00", "\ue000", "\U0001f600"]),
    st.builds(lambda end: LONG + end, st.text("xyé", max_size=4)),
)
numbers = st.one_of(
    st.sampled_from(
        [0, -0.0, 1, 1.0, -1, 0.1, 1e300, -1e300, 2**53, 2**53 + 1, -(2**53) - 1, 10**400, 1e16, 10**16 + 1]
    ),
    st.integers(-3, 3),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
)
dates = st.sampled_from(
    [
        {"$date": text}
        for text in ("2026-01-21T00:00:00.000Z", "2026-01-21T01:00:00+01:00", "1969-01-01T00:00:00Z", "never")
    ]
)
ordered = st.one_of(texts, numbers, dates)
scalars = st.one_of(st.none(), st.booleans(), ordered)
lists = st.lists(st.one_of(scalars, st.lists(scalars, max_size=2)), max_size=3)
values = st.one_of(scalars, lists, st.just({"a": 1}))
items = st.dictionaries(st.sampled_from(KEYS), values)


def collected(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Items with ids and times, of which some are equal."""
    return [
        {"_id": f"i{number}", "_createdDate": {"$date": f"2026-01-21T00:00:0{number % 3}.000Z"}, **item}
        for number, item in enumerate(found)
    ]


tests = st.one_of(
    st.builds(Test, st.sampled_from(KEYS), st.sampled_from(["eq", "ne"]), values),
    st.builds(Test, st.sampled_from(KEYS), st.sampled_from(["gt", "ge", "lt", "le"]), ordered),
    st.builds(Test, st.sampled_from(KEYS), st.just("in"), st.lists(values, max_size=3)),
    st.builds(Test, st.sampled_from(KEYS), st.sampled_from(["has_some", "has_all"]), st.lists(ordered, max_size=3)),
    st.builds(Test, st.sampled_from(KEYS), st.sampled_from(["contains", "starts_with", "ends_with"]), st.text("aAx1")),
    st.builds(Test, st.just("_id"), st.sampled_from(["eq", "ne", "gt"]), st.sampled_from(["i0", "i3", "j"])),
    st.builds(Test, st.just("insured"), st.just("eq"), st.booleans()),  # has no places
)
conditions = st.recursive(
    tests,
    lambda parts: st.one_of(
        st.builds(Not, parts),
        st.builds(lambda some: And(tuple(some)), st.lists(parts, max_size=3)),
        st.builds(lambda some: Or(tuple(some)), st.lists(parts, max_size=3)),
    ),
    max_leaves=5,
)
