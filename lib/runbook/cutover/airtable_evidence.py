"""Whether Airtable still holds what validation read: what was edited, added or deleted there by hand since.

    evidence = AirtableEvidence(airtable, base, catalog, state, look)
    evidence.look([collection], held=False)
    evidence.reasons(collection)            # [] where nothing changed

With a look that began before validation read the tables, one request says what changed, and one per 100 records reads
it. Without one, the tables are read in full while service calls go on, and looked at once more while they are held.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from runbook.airtable.client import Airtable
from runbook.catalog import LEGACY_ID, Catalog, Collection
from runbook.cutover.last_look import LastLook
from runbook.display import plural
from runbook.errors import TargetError
from runbook.grid_rows import empty_cells, legacy_id
from runbook.json_types import Json
from runbook.merge import RowMerge
from runbook.state import State

_LISTED = 3
EDITED, ADDED, DELETED = "edited", "added", "deleted"


class AirtableEvidence:
    """Of one base. `last_look`: one that began before validation read these tables, `of`; None where none did."""

    def __init__(
        self,
        airtable: Airtable,
        base: str,
        catalog: Catalog,
        state: State,
        last_look: LastLook | None = None,
        of: Iterable[str] = (),
    ) -> None:
        self._airtable, self._base, self._catalog, self._state = airtable, base, catalog, state
        # Without a webhook it does not show deletions, so all is read once more.
        self._look = last_look if last_look is not None and last_look.is_watched else None
        self._read = set(of) if self._look is not None else set()  # since the look began
        self._found: dict[str, dict[str, str]] = {}  # collection -> row -> what happened to it
        self._unknown: dict[str, str] = {}  # collection -> why it is not known what happened

    def forget(self, collections: Iterable[str]) -> None:
        """Validation reads these tables from now on: what was reported of them before does not matter."""
        names = list(collections)
        if self._look is None or not names:
            return
        try:
            lost = not self._look.poll()
        except TargetError:
            lost = True
        if lost:
            self._look, self._read = None, set()
        else:
            self._look.forget(names)

    def look(self, collections: Sequence[Collection], *, held: bool) -> None:
        """Look at what changed since the last look. `held`: service calls wait, so no table is read in full."""
        self._unknown = {}
        try:
            self._poll()
        except TargetError as error:
            self._unknown = {c.wix: str(error) for c in collections}
            return
        for c in collections:
            whole = c.wix not in self._read
            if whole and held:
                self._unknown[c.wix] = "the base's webhook was lost; try again"
                continue
            try:
                self._look_at(c, whole=whole)
                self._read.add(c.wix)
            except TargetError as error:
                self._unknown[c.wix] = str(error)

    def reasons(self, c: Collection) -> list[str]:
        """What changed in Airtable since the collection was validated, and what to do."""
        done = self._state.facts.progress(self._base).get(c.wix)
        run = f"run {done.run_id}" if done is not None else "it was validated"
        if (why := self._unknown.get(c.wix)) is not None:
            return [f"{c.wix}: not known what changed in Airtable since {run}: {why}"]
        found = self._found.get(c.wix, {})
        rows, seen = self._state.rows(self._base, c.wix).count(), self._state.facts.validated(self._base, c.wix)
        if not found and seen is not None and rows != seen.rows:  # a mirror was faster, and has forgotten rows
            return [
                f"{c.wix} has changed in Airtable since {run}, which has seen {plural(seen.rows, 'row')}; it has "
                f"{rows:,} now. Run phase {c.phase} again"
            ]
        if not found:
            return []
        listed = [f"{row} ({what})" for row, what in list(found.items())[:_LISTED]]
        more = f" and {len(found) - _LISTED:,} more" if len(found) > _LISTED else ""
        return [
            f"{c.wix} has changed in Airtable since {run}: {plural(len(found), 'row')}, {', '.join(listed)}{more}. "
            f"Run phase {c.phase} again"
        ]

    def _poll(self) -> None:
        """Go on with the look, or begin a new one, after which all is read once more."""
        if self._look is None or not self._look.poll():
            self._read = set()
            self._look = LastLook.begin(self._airtable, self._base, self._catalog, self._state)

    def _look_at(self, c: Collection, *, whole: bool) -> None:
        assert self._look is not None
        found = {} if whole else dict(self._found.get(c.wix, {}))
        records, reported = (self._look.whole(c), set()) if whole else self._look.take(c)
        if not (whole or records or reported):
            return
        known = {row.record_id: row for row in self._state.rows(self._base, c.wix).all().values()}
        deleted = known.keys() - {record["id"] for record in records} if whole else known.keys() & reported
        seen = self._state.facts.validated(self._base, c.wix)
        agreed = {record: row.answer for record, row in known.items()}
        names = {record: row.legacy_id for record, row in known.items()}
        changed = self._changed(c, records, {**agreed, **(seen.answers if seen else {})}, names)
        for record in records:
            found.pop(names.get(record["id"], str(record["id"])), None)
        found |= {names.get(record, record): what for record, what in changed.items()}
        found |= {names[record]: DELETED for record in sorted(deleted)}
        self._found[c.wix] = found

    def _changed(
        self,
        c: Collection,
        records: Iterable[dict[str, Json]],
        answers: Mapping[str, str | None],
        names: Mapping[str, str],
    ) -> dict[str, str]:
        merge = RowMerge(c, [link.name for link in c.links], lambda record: True)
        found = {}
        for record in records:
            fields, id_ = record["fields"], record["id"]
            if id_ not in names:
                if fields.get(LEGACY_ID) or empty_cells(c, fields) is None:  # else it is no row yet
                    found[id_] = ADDED
            elif legacy_id(record) != names[id_] or merge.answer(fields) != answers[id_]:
                found[id_] = EDITED
        return found
