"""Finding records by their id elsewhere, kept in a column: after a kill, after a loss of state, in a foreign base.

What the server did with a request whose answer never came is looked up here, never assumed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from runbook.airtable import formulas
from runbook.airtable.client import PER_PAGE, Airtable
from runbook.errors import AmbiguousKey
from runbook.json_types import Json

_SHOWN = 5


def look_up(airtable: Airtable, base: str, table: str, column: str, ids: Sequence[str]) -> dict[str, list[str]]:
    """The records that hold each of these ids in a column; an id that none holds is left out."""
    found: dict[str, list[str]] = {}
    for start in range(0, len(ids), PER_PAGE):
        wanted = formulas.any_of(formulas.eq(column, id_) for id_ in ids[start : start + PER_PAGE])
        _gather(airtable.records(base, table, fields=[column], formula=wanted), column, found)
    return found


def find_all(airtable: Airtable, base: str, table: str, column: str) -> dict[str, list[str]]:
    """The records of a table by the id that a column holds; those without one are left out."""
    found: dict[str, list[str]] = {}
    _gather(airtable.records(base, table, fields=[column]), column, found)
    return found


def fetch_records(airtable: Airtable, base: str, table: str, records: Sequence[str]) -> list[dict[str, Json]]:
    """Records by their record ids, without those that are deleted. One request per 100."""
    found: list[dict[str, Json]] = []
    for start in range(0, len(records), PER_PAGE):
        terms = (f"RECORD_ID()={formulas.text(record)}" for record in records[start : start + PER_PAGE])
        found += airtable.records(base, table, formula=formulas.any_of(terms))
    return found


def require_unique(collection: str, column: str, found: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The record of each id. Raises AmbiguousKey where several records hold one."""
    doubles = {id_: records for id_, records in found.items() if len(records) > 1}
    if not doubles:
        return {id_: records[0] for id_, records in found.items()}
    shown = [f"{id_}: {', '.join(records)}" for id_, records in list(doubles.items())[:_SHOWN]]
    more = f"\n  and {len(doubles) - _SHOWN:,} more" if len(doubles) > _SHOWN else ""
    raise AmbiguousKey(
        f"{collection}: several records have the same {column}, so it is not known which of them is the row; nothing "
        f"of the rows concerned was written, other collections can go on. Delete all but one of each in Airtable and "
        f"load again:\n  " + "\n  ".join(shown) + more
    )


def _gather(records: Iterable[dict[str, Json]], column: str, found: dict[str, list[str]]) -> None:
    for record in records:
        id_ = record["fields"].get(column)
        if isinstance(id_, str):
            found.setdefault(id_, []).append(record["id"])
