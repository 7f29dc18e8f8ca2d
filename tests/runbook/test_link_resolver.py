"""Where keys lead, as a table: the first key that leads to exactly one row decides, and no row is guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from runbook.link_resolver import KnownRows, LinkCell, resolve
from runbook.state import AMBIGUOUS, Ambiguous, State

ROWS: dict[tuple[str, str, str], str | Ambiguous] = {
    ("People", "_id", "a"): "recA",
    ("People", "_id", "b"): "recB",
    ("People", "badge", "1"): "recA",
    ("People", "badge", "2"): "recB",
    ("People", "badge", "twins"): AMBIGUOUS,
    ("Firms", "_id", "a"): "recFirm",
}


def by(key: str, *values: str, collection: str = "People") -> list[tuple[str, str, str]]:
    return [(collection, key, value) for value in values]


TABLE: list[tuple[str, list[tuple[str, str, str]], LinkCell]] = [
    ("no key", [], LinkCell("empty")),
    ("one value, one row", by("_id", "a"), LinkCell("resolved", ("recA",))),
    ("no row", by("_id", "z"), LinkCell("dangling")),
    ("several rows", by("badge", "twins"), LinkCell("ambiguous")),
    ("of its own collection only", by("_id", "b", collection="Firms"), LinkCell("dangling")),
    ("of its own key only", by("_id", "1"), LinkCell("dangling")),
    # Keys are tried in their order.
    ("the first key decides", by("badge", "2") + by("_id", "a"), LinkCell("resolved", ("recB",))),
    ("the second, where the first leads nowhere", by("badge", "9") + by("_id", "a"), LinkCell("resolved", ("recA",))),
    ("the second, after several rows", by("badge", "twins") + by("_id", "a"), LinkCell("resolved", ("recA",))),
    ("a later key does not spoil it", by("_id", "a") + by("badge", "twins"), LinkCell("resolved", ("recA",))),
    ("nor one that leads nowhere", by("_id", "a") + by("badge", "9"), LinkCell("resolved", ("recA",))),
    ("neither leads anywhere", by("badge", "9") + by("_id", "z"), LinkCell("dangling")),
    ("ambiguous, then nowhere", by("badge", "twins") + by("_id", "z"), LinkCell("ambiguous")),
    ("nowhere, then ambiguous", by("_id", "z") + by("badge", "twins"), LinkCell("ambiguous")),
    # A list of references.
    ("all, in their order", by("_id", "b", "a"), LinkCell("resolved", ("recB", "recA"))),
    ("each record once", by("_id", "a", "a"), LinkCell("resolved", ("recA",))),
    ("all but one that leads nowhere", by("_id", "a", "z", "b"), LinkCell("dangling", ("recA", "recB"))),
    ("all but one of several rows", by("badge", "twins", "2"), LinkCell("ambiguous", ("recB",))),
    ("several rows outweigh none", by("badge", "9", "twins", "2"), LinkCell("ambiguous", ("recB",))),
    ("keys are not mixed", by("badge", "1", "9") + by("_id", "b"), LinkCell("dangling", ("recA",))),
    ("nor where they alternate", by("badge", "1") + by("_id", "b") + by("badge", "2"), LinkCell("resolved", ("recA", "recB"))),
    ("the second key as a list", by("badge", "9") + by("_id", "a", "z"), LinkCell("dangling", ("recA",))),
]  # fmt: skip


@pytest.mark.parametrize(("candidates", "cell"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_where_keys_lead(candidates: list[tuple[str, str, str]], cell: LinkCell) -> None:
    assert resolve(candidates, lambda *at: ROWS.get(at)) == cell


def test_rows_are_found_by_what_state_knows(tmp_path: Path) -> None:
    with State(f"sqlite:///{tmp_path / 'state.db'}") as state:
        state.rows("app1", "People").put({legacy: f"rec{legacy}" for legacy in "abc"})
        state.rows("app1", "People").replace_key("badge", {"a": "1", "b": "2", "c": "2", "gone": "3"})
        state.rows("app2", "Firms").put({"f": "recF"})
        rows = KnownRows(state, "app1")
        assert rows.find("People", "_id", "a") == rows.find("People", "badge", "1") == "reca"
        assert rows.find("People", "badge", "2") is AMBIGUOUS
        assert rows.find("People", "badge", "3") is rows.find("People", "_id", "z") is None
        assert rows.has_rows("People")
        assert not rows.has_rows("Firms")
        assert [rows.legacy_id(record) for record in ("recb", "recF", "rec?")] == ["b", None, None]
        assert KnownRows(state, "app2").find("Firms", "_id", "f") == "recF"
