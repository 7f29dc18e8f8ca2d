"""Whether a source shows what it showed before: what it leaves out is no reason to delete or empty anything.

history = SourceHistory(rows=12, keys=frozenset({"answer"}))    # what Airtable holds that came from this source
require_rows(source, collection, history, shown=0)              # raises SourceError
untold_keys(source, collection, history, empty=frozenset())     # keys whose cells stay
"""

from __future__ import annotations

from collections.abc import Collection as Ids
from collections.abc import Iterable
from dataclasses import dataclass

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


def untold_keys(source: Source, collection: Collection, history: SourceHistory, *, empty: Ids[str]) -> tuple[str, ...]:
    """Keys that the source does not show, so that their cells stay; without those in `empty`, which are emptied.

    Raises SourceError where every row needs one of them.
    """
    untold = source.untold(collection, history.keys)
    required = [key for key in untold if key in collection.by_key and collection.by_key[key].required]
    if required:
        names = column_names(collection, required)
        raise SourceError(
            f"{collection.wix}: {source.place(collection)} does not show {names}, which every row needs; nothing was "
            f"written or deleted. Show {names} and export again"
        )
    return tuple(key for key in untold if key not in empty)


def untold_note(source: Source, collection: Collection, untold: Ids[str]) -> str:
    """What a reader must know of keys that are not told; empty where there are none."""
    if not untold:
        return ""
    names = column_names(collection, untold)
    word = ",".join(f"{collection.wix}.{key}" for key in untold)
    return (
        f"{source.place(collection)} does not show {names}: what Airtable holds there stays. To carry it over, show "
        f"{names} and export again; to empty it, set RUNBOOK_EMPTY_COLUMNS={word}"
    )


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
