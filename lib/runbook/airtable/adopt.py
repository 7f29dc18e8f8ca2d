"""Finding rows in Airtable by their legacy id: after a kill, after a loss of state, in a base filled by someone else.

What the server did with a request whose answer never came is looked up here, never assumed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runbook.airtable import formulas
from runbook.catalog import LEGACY_ID
from runbook.errors import AmbiguousKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from runbook.airtable.client import Airtable
    from runbook.json_types import Json

_TERMS = 100  # legacy ids a look-up: a page of records
_SHOWN = 5


def look_up(airtable: Airtable, base: str, table: str, legacy_ids: Sequence[str]) -> dict[str, list[str]]:
    """The records that carry each of these legacy ids; an id that none carries is left out."""
    found: dict[str, list[str]] = {}
    for start in range(0, len(legacy_ids), _TERMS):
        wanted = formulas.any_of(formulas.eq(LEGACY_ID, legacy) for legacy in legacy_ids[start : start + _TERMS])
        _gather(airtable.records(base, table, fields=[LEGACY_ID], formula=wanted), found)
    return found


def all_there(airtable: Airtable, base: str, table: str) -> dict[str, list[str]]:
    """The records of a table by the legacy id they carry; those without one are left out."""
    found: dict[str, list[str]] = {}
    _gather(airtable.records(base, table, fields=[LEGACY_ID]), found)
    return found


def only_ones(collection: str, found: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The record of each legacy id. Raises AmbiguousKey where several records carry one."""
    doubles = {legacy: records for legacy, records in found.items() if len(records) > 1}
    if not doubles:
        return {legacy: records[0] for legacy, records in found.items()}
    shown = [f"{legacy}: {', '.join(records)}" for legacy, records in list(doubles.items())[:_SHOWN]]
    more = f"\n  and {len(doubles) - _SHOWN:,} more" if len(doubles) > _SHOWN else ""
    raise AmbiguousKey(
        f"{collection}: several records carry one {LEGACY_ID}, so it is not known which of them is the row; nothing of "
        f"the rows concerned was written, other collections can go on. Delete all but one of each in Airtable and load "
        f"again:\n  " + "\n  ".join(shown) + more
    )


def _gather(records: Iterable[dict[str, Json]], found: dict[str, list[str]]) -> None:
    for record in records:
        legacy = record["fields"].get(LEGACY_ID)
        if isinstance(legacy, str):
            found.setdefault(legacy, []).append(record["id"])
