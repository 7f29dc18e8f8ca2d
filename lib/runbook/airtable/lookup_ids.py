"""Find records by a column that holds their id elsewhere: after a kill, after a loss of state, in an unknown base.

What the server did with a request whose response was lost is looked up here, never assumed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from runbook.airtable import formulas
from runbook.airtable.client import PER_PAGE, Airtable
from runbook.errors import AmbiguousKey
from runbook.json_types import Json

_SHOWN = 5


def look_up(airtable: Airtable, base: str, table: str, column: str, ids: Sequence[str]) -> dict[str, list[str]]:
    """The records that have each of these ids in a column; an id that no record has is left out."""
    found: dict[str, list[str]] = {}
    for start in range(0, len(ids), PER_PAGE):
        wanted = formulas.any_of(formulas.eq(column, id_) for id_ in ids[start : start + PER_PAGE])
        _gather(airtable.records(base, table, fields=[column], formula=wanted), column, found)
    return found


def find_all(airtable: Airtable, base: str, table: str, column: str) -> dict[str, list[str]]:
    """The records of a table by the id in a column; records without one are left out."""
    found: dict[str, list[str]] = {}
    _gather(airtable.records(base, table, fields=[column]), column, found)
    return found


def fetch_records(
    airtable: Airtable, base: str, table: str, records: Sequence[str], *, fields: Sequence[str] = ()
) -> list[dict[str, Json]]:
    """Records by their record ids, without those that are deleted; `fields` as in `Airtable.records`.

    One request per 100.
    """
    found: list[dict[str, Json]] = []
    for start in range(0, len(records), PER_PAGE):
        terms = (f"RECORD_ID()={formulas.text(record)}" for record in records[start : start + PER_PAGE])
        found += airtable.records(base, table, fields=fields, formula=formulas.any_of(terms))
    return found


def require_unique(collection: str, column: str, found: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The record of each id. Raises AmbiguousKey where several records have the same."""
    duplicates = {id_: records for id_, records in found.items() if len(records) > 1}
    if not duplicates:
        return {id_: records[0] for id_, records in found.items()}
    shown = [f"{id_}: {', '.join(records)}" for id_, records in list(duplicates.items())[:_SHOWN]]
    more = f"\n  and {len(duplicates) - _SHOWN:,} more" if len(duplicates) > _SHOWN else ""
    raise AmbiguousKey(
        f"{collection}: several records have the same {column}, so it is not known which of them is the row. These "
        f"rows were not written; other collections can go on. Delete all but one of each in Airtable and "
        f"load again:\n  " + "\n  ".join(shown) + more
    )


def _gather(records: Iterable[dict[str, Json]], column: str, found: dict[str, list[str]]) -> None:
    for record in records:
        id_ = record["fields"].get(column)
        if isinstance(id_, str):
            found.setdefault(id_, []).append(record["id"])
