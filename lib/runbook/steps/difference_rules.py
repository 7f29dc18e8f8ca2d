"""Why a cell may differ from what was staged: the declared rules, one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from runbook.catalog import Field
from runbook.json_types import Fields, Json
from runbook.link_resolver import LinkCell

Kept = Literal["edited", "served", "carried", "settled", "untold", "conflict"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell that differs. `column` is None for a link, and `link` is what it should hold.

    `reads_back`: decoded, it equals the value in the snapshot. `kept`: why it stays as it is in Airtable.
    """

    name: str
    column: Field | None
    expected: Json
    actual: Json
    reads_back: bool
    record: Fields
    link: LinkCell | None = None
    kept: Kept | None = None


@dataclass(frozen=True)
class Rule:
    """Why a cell may differ. `applies`: whether it explains a cell; `explanation`: for people."""

    name: str
    explanation: str
    applies: Callable[[Cell], bool]


def declared_rules(*, turned_at: str | None = None) -> tuple[Rule, ...]:
    """All rules, the narrowest first. `turned_at`: when the flag was set to 'airtable', ISO time in UTC."""
    rules = [
        Rule("dangling link", "a key leads to no row; its text is kept in a column", _dangling),
        Rule("ambiguous link", "a key leads to several rows, and none is guessed", _ambiguous),
        Rule("reads back the same", "written differently, but the same value in Wix", lambda cell: cell.reads_back),
        Rule("line feed at the end", "Airtable's rich text ends with a line feed", _line_feed),
        Rule("lossy field", "declared in the catalog, with its reason", _lossy),
    ]
    if turned_at is not None:
        rules.append(
            Rule("changed since cutover", f"changed after {turned_at}, the cutover to Airtable", _since(turned_at))
        )
    rules += [
        Rule("edited in Airtable", "changed there since it was last written; kept", _is_kept("edited")),
        Rule("changed by a service", "changed in Airtable since it was last written; kept", _is_kept("served")),
        Rule("set by Wix", "Wix set it when the row was carried back; Airtable keeps its own", _is_kept("carried")),
        Rule("settled for Airtable", "both sides changed it, and a person chose Airtable's value", _is_kept("settled")),
        Rule("not shown by the source", "the source has no such column or key; kept", _is_kept("untold")),
        Rule("in conflict", "nothing of the row is written until a person decides", _is_kept("conflict")),
    ]
    return tuple(rules)


def holds_links(held: Json, link: LinkCell) -> bool:
    """Whether a cell holds the records of a link, in any order."""
    if not held:
        return not link.records
    return isinstance(held, list) and sorted(held) == sorted(link.records)


def is_later(timestamp: Json, than: str) -> bool:
    """Whether a cell is a time after another one."""
    try:
        return datetime.fromisoformat(timestamp) > datetime.fromisoformat(than)
    except (TypeError, ValueError):
        return False


def _dangling(cell: Cell) -> bool:
    return cell.link is not None and cell.link.state == "dangling" and holds_links(cell.actual, cell.link)


def _ambiguous(cell: Cell) -> bool:
    return cell.link is not None and cell.link.state == "ambiguous" and holds_links(cell.actual, cell.link)


def _line_feed(cell: Cell) -> bool:
    a, b = cell.expected, cell.actual
    if cell.column is None or not cell.column.column_kind.adds_line_break:
        return False
    if not isinstance(a, str) or not isinstance(b, str):
        return False
    return a.rstrip("\n") == b.rstrip("\n")


def _is_kept(reason: Kept) -> Callable[[Cell], bool]:
    return lambda cell: cell.kept == reason


def _lossy(cell: Cell) -> bool:
    return cell.column is not None and cell.column.lossy is not None


def _since(turned_at: str) -> Callable[[Cell], bool]:
    return lambda cell: is_later(cell.record.get("Wix Updated"), turned_at)
