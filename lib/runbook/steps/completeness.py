"""Whether a source shows what it showed before: what it leaves out is no reason to delete or empty anything.

history = SourceHistory(rows=12, keys=frozenset({"answer"}))    # what Airtable holds that came from this source
require_rows(source, collection, history, shown=0)              # raises SourceError
unshown_keys(source, collection, history, empty=frozenset())    # keys whose cells stay, keys whose cells are emptied
"""

from __future__ import annotations

from collections.abc import Collection as Ids
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from runbook.catalog import Collection
from runbook.display import plural
from runbook.errors import SourceError
from runbook.wix.source import Source


@dataclass(frozen=True)
class SourceHistory:
    """What the base holds of a collection that came from its source: rows, and the keys that have had values."""

    rows: int = 0
    keys: frozenset[str] = frozenset()


def require_rows(source: Source, collection: Collection, history: SourceHistory, *, shown: int) -> None:
    """Raises SourceError where a source shows no row of a collection of which Airtable holds some."""
    if why := none_shown(source, collection, history, shown=shown):
        raise SourceError(f"{collection.wix}: {why}")


def none_shown(source: Source, collection: Collection, history: SourceHistory, *, shown: int) -> str | None:
    """Why a collection stops whose source shows no rows; None where it shows some, or there is nothing to lose."""
    if shown or not history.rows:
        return None
    return (
        f"{source.place(collection)} shows no rows, and Airtable holds {plural(history.rows, 'row')} that came from "
        f"there; nothing was written or deleted. {_advice(source)}. If all its rows are really gone, set "
        f"RUNBOOK_REMOVE_MANY={collection.wix} and run it again"
    )


class Unshown(NamedTuple):
    """Keys that a source does not show: `untold`, whose cells stay, and `emptied`, whose cells an operator gives up."""

    untold: tuple[str, ...] = ()
    emptied: tuple[str, ...] = ()


def unshown_keys(source: Source, collection: Collection, history: SourceHistory, *, empty: Ids[str]) -> Unshown:
    """What a source does not show. Raises SourceError where every row needs one of the keys."""
    untold = source.untold(collection, history.keys)
    required = [key for key in untold if key in collection.by_key and collection.by_key[key].required]
    if required:
        names = column_names(collection, required)
        raise SourceError(
            f"{collection.wix}: {source.place(collection)} does not show {names}, which every row needs; nothing was "
            f"written or deleted. Show {names} and export again"
        )
    return Unshown(
        tuple(key for key in untold if key not in empty),
        tuple(key for key in untold if key in empty),
    )


def unshown_notes(source: Source, collection: Collection, unshown: Unshown) -> list[str]:
    """What a reader must know of what a source does not show."""
    notes, place = [], source.place(collection)
    if unshown.untold:
        names = column_names(collection, unshown.untold)
        word = ",".join(f"{collection.wix}.{key}" for key in unshown.untold)
        notes.append(
            f"{place} does not show {names}: what Airtable holds there stays. To carry it over, show {names} and "
            f"export again; to empty it, set RUNBOOK_EMPTY_COLUMNS={word}"
        )
    if unshown.emptied:
        names = column_names(collection, unshown.emptied)
        notes.append(f"{place} does not show {names}: emptied in Airtable, as RUNBOOK_EMPTY_COLUMNS says")
    return notes


def column_names(collection: Collection, keys: Iterable[str]) -> str:
    """The columns of some keys, as they are called in Airtable; a key that the catalog does not know, as it is."""
    known = collection.by_key
    return ", ".join(known[key].name if key in known else key for key in keys)


def _advice(source: Source) -> str:
    if source.label != "wix":
        return "Export it again"
    return (
        "A key without the right to read sees an empty collection: check the permissions of WIX_API_KEY, and in the "
        "CMS who may read it"
    )
