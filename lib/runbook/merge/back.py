"""One row on the way back: what Wix is to be given so that it holds what was written in Airtable, and what stays.

merge = BackMerge(collection, links=["Carrier"], exists=records_of_targets.__contains__)
row = merge.merge(item, fields, past)
row.action, row.values              # "patch", {"status": "active", "note": MISSING}; MISSING removes a key
row.kept, row.conflicts
merge.agreement(row, after, fields) # once Wix has answered: what both sides agree on now

The decision is that of the way forth with the sides exchanged. The same tables stand in docs/way_back.md.

| Airtable            | Wix                           | what happens                                       |
|---------------------|-------------------------------|----------------------------------------------------|
| a row               | an item                       | merged, value by value                             |
| a row never in Wix  | no item                       | insert                                             |
| unchanged           | no item, it was there         | nothing: deleted in Wix alone                      |
| changed             | no item, it was there         | conflict: gone in Wix                              |
| no row              | as both last agreed           | remove                                             |
| no row              | changed                       | conflict: gone in Airtable                         |
| no row              | it is not known what was      | conflict: gone in Airtable                         |
| no row              | no item                       | nothing                                            |
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from runbook.catalog import Collection as CatalogCollection
from runbook.catalog import Field
from runbook.json_types import MISSING, Fields, Item, Json
from runbook.mapping import Mapping as RowMapping
from runbook.merge.agreement import NOTHING, Agreed, Agreement, digest
from runbook.merge.decision import Decision, decide
from runbook.merge.row import STAMPS, Difference, Past, Prefer, difference_of, link_differs, row_answer, settled_side
from runbook.merge.values import RowValues

Action = Literal["insert", "patch", "remove", "nothing"]
RowConflict = Literal["gone in Wix", "gone in Airtable"]
_EITHER = "|"
_NO_SENT: Mapping[str, str] = {}
_WHOLE = ""  # the key of a conflict about a whole row


@dataclass
class BackRow:
    """The decisions on a row. With `conflicts`, nothing of it is sent.

    `values`: what to set, by Wix key; MISSING removes a key. Of a row to insert, the whole item. `references`: of
    these, multi-references. `kept`: keys that were changed in Wix alone, "" for the whole item; they stay.
    `kept_deleted`: the item was deleted in Wix alone. `gone`: Airtable has the row no more. `row_conflict`: what a
    conflict about the whole row is.
    """

    action: Action = "nothing"
    values: dict[str, Any] = field(default_factory=dict)
    references: dict[str, list[str]] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    kept_deleted: bool = False
    gone: bool = False
    settled: list[Difference] = field(default_factory=list)
    conflicts: list[Difference] = field(default_factory=list)
    row_conflict: RowConflict | None = None
    _keys: dict[str, Agreed] = field(default_factory=dict)
    _moved: set[str] = field(default_factory=set)
    _links: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def is_held(self) -> bool:
        """Whether a person must decide before anything of it is sent."""
        return bool(self.conflicts)


class BackMerge:
    """Of one collection. `links`: its link columns. `exists`: whether a record is a row that state knows.

    `references`: the Wix keys that are multi-references, which Wix sets by requests of their own.
    """

    def __init__(
        self,
        collection: CatalogCollection,
        links: Sequence[str],
        exists: Callable[[str], bool],
        references: Collection[str] = (),
    ) -> None:
        self._mapping, self._values = RowMapping(collection), RowValues(collection)
        self._links, self._exists, self._references = links, exists, frozenset(references)

    def merge(
        self,
        item: Item | None,
        fields: Fields | None,
        past: Past,
        sent: Mapping[str, str] = _NO_SENT,
        only: Collection[str] | None = None,
    ) -> BackRow:
        """Decide on a row: Wix's item, and the record's cells; None where a side has none.

        `sent`: what was sent to Wix before and not answered, as `hashes` gives it. It landed where Wix holds it now.
        `only`: no other keys of the record are known; they stay as they are.
        """
        if fields is None:
            return self._deleted(item, past, sent)
        if item is None:
            return self._absent(fields, past)
        row = BackRow()
        wix, airtable = self._values_of(item), self._values.of(fields)
        write = {
            key
            for key in dict.fromkeys([*wix, *airtable, *(past.agreement.keys if past.agreement else ())])
            if (only is None or key in only) and self._merge_key(row, key, wix.get(key), airtable.get(key), past, sent)
        }
        left = {found.key for found in row.settled}.intersection(row.kept)
        for link in self._mapping.collection.links:
            if link.name in self._links:
                # What a person left to Wix counts as agreed on: the way forth writes the link with its key.
                agreed = past.agreement.links.get(link.name, ()) if past.agreement else ()
                row._links[link.name] = agreed if left.isdisjoint(link.on) else tuple(fields.get(link.name) or ())
        if write and not row.conflicts:
            self._carry(row, fields, write)
        return row

    def hashes(self, row: BackRow, item: Item | None, sent: Mapping[str, str] = _NO_SENT) -> dict[str, str]:
        """`sent` of the next merge, should no answer come: by Wix key, what Wix may hold then that was sent to it.

        Of a key that is sent again that is the new value, or the one that landed before.
        """
        if row.action == "remove":
            return {}
        before, after = self._values_of(item) if item else {}, self._values_of(after_write(item, row))
        both = dict(sent)
        for key in row.values:
            now = digest(before.get(key))
            both[key] = _EITHER.join(
                dict.fromkeys([*([now] if _has_landed(sent, key, now) else []), digest(after.get(key))])
            )
        return both

    def agreement(self, row: BackRow, after: Item, fields: Fields, links: Mapping[str, Sequence[str]]) -> Agreement:
        """What both sides agree on now. `after`: the item as Wix has it. `links`: the records that its keys lead to."""
        wix, airtable = self._values_of(after), self._values.of(fields)
        keys = {key: agreed for key, agreed in row._keys.items() if agreed != NOTHING}
        moved = [*wix, *airtable] if row.action == "insert" else row._moved
        for key in dict.fromkeys([*moved, *(key for key in STAMPS if key in wix or key in airtable)]):
            keys[key] = Agreed(digest(wix.get(key)), digest(airtable.get(key)))
        agreed_links = dict(row._links)
        for name in self._links:
            held, wanted = tuple(fields.get(name) or ()), tuple(links.get(name) or ())
            if set(held) == set(wanted):
                agreed_links[name] = wanted
        return Agreement(keys, agreed_links)

    def answer(self, fields: Fields) -> str:
        """A hash of all cells of a record that a merge looks at, as `RowMerge.answer`."""
        return row_answer(self._values, self._links, fields)

    def edited_in_wix(self, item: Item, past: Past) -> set[str]:
        """The keys of an item that are not as both sides agreed on; of one without agreement, all."""
        agreement = past.agreement
        return {*self._values_of(item), *item} if agreement is None else self._changed_in_wix(item, agreement, _NO_SENT)

    def columns(self, key: str) -> list[Field]:
        """The columns that hold a key."""
        return self._values.columns(key)

    def edited_links(self, fields: Fields, past: Past) -> list[str]:
        """Links whose cell was changed in Airtable, though none of the keys that they are made from was.

        Of a row that both sides never agreed on: those that were set while all their keys are empty.
        """
        if past.agreement is None:
            filled = self._values.of(fields).keys()
            links = [link for link in self._mapping.collection.links if fields.get(link.name)]
            return [link.name for link in links if link.name in self._links and filled.isdisjoint(link.on)]
        changed = self._changed_in_airtable(fields, past.agreement)
        return [
            link.name
            for link in self._mapping.collection.links
            if link.name in self._links
            and changed.isdisjoint(link.on)
            and link_differs(past.agreement.links.get(link.name, ()), tuple(fields.get(link.name) or ()), self._exists)
        ]

    # A row that one side has not

    def _deleted(self, item: Item | None, past: Past, sent: Mapping[str, str]) -> BackRow:
        row = BackRow(gone=True)
        if item is None:
            return row
        agreement = past.agreement or (Agreement() if sent else None)  # sent: it was made here
        unchanged = past.wix_unchanged if agreement is None else not self._changed_in_wix(item, agreement, sent)
        if not unchanged:
            found = Difference(_WHOLE, "", None, None, self._whole(item), digest(None), agreement is not None)
            row.row_conflict = "gone in Airtable"
            prefer = settled_side(row, found, past)
            if prefer is None:
                return row
            if prefer == "wix":
                row.kept = [_WHOLE]
                return row
        row.action = "remove"
        return row

    def _absent(self, fields: Fields, past: Past) -> BackRow:
        row = BackRow()
        if past.agreement is not None:
            changed = self._changed_in_airtable(fields, past.agreement)
            if not changed:
                row.kept_deleted = True
                return row
            theirs = digest(self._values.of(fields))
            found = Difference(_WHOLE, "", None, None, digest(None), theirs, True)
            row.row_conflict = "gone in Wix"
            prefer = settled_side(row, found, past)
            if prefer is None:
                return row
            if prefer == "wix":  # as if Airtable's had been agreed on, and then deleted in Wix
                row.kept_deleted = True
                values = self._values.of(fields)
                row._keys = {key: Agreed(digest(value), digest(value)) for key, value in values.items()}
                row._links = {name: tuple(fields.get(name) or ()) for name in self._links}
                return row
        row.action = "insert"
        row.values = self._mapping.to_wix(fields)
        row.references = {key: _ids(row.values[key]) for key in self._references if key in row.values}
        return row

    def _whole(self, item: Item) -> str:
        values = {key: value for key, value in self._values_of(item).items() if key not in STAMPS}
        return digest(values)

    def _changed_in_wix(self, item: Item, agreement: Agreement, sent: Mapping[str, str]) -> set[str]:
        wix = self._values_of(item)
        now = {key: digest(wix.get(key)) for key in {*wix, *agreement.keys} - STAMPS}
        agreed = {key: agreement.keys.get(key, NOTHING).wix for key in now}
        return {key for key, ours in now.items() if ours != agreed[key] and not _has_landed(sent, key, ours)}

    def _changed_in_airtable(self, fields: Fields, agreement: Agreement) -> set[str]:
        airtable = self._values.of(fields)
        keys = {*airtable, *agreement.keys} - STAMPS
        agreed = {key: agreement.keys.get(key, NOTHING) for key in keys}
        return {key for key in keys if agreed[key].preferred or not agreed[key].is_airtable(digest(airtable.get(key)))}

    # A row that both have

    def _values_of(self, item: Item) -> dict[str, list[Json]]:
        """Wix's values as cells; one that no cell can hold as itself, which equals no cell."""
        encoded = self._mapping.to_airtable(item)
        values = self._values.of(encoded.fields)
        for refusal in encoded.refusals:
            if refusal.field in item:
                values[refusal.field] = ["no cell holds", item[refusal.field]]
        return values

    def _merge_key(
        self,
        row: BackRow,
        key: str,
        wix: list[Json] | None,
        airtable: list[Json] | None,
        past: Past,
        sent: Mapping[str, str],
    ) -> bool:
        """Whether the key goes to Wix."""
        ours, theirs = digest(wix), digest(airtable)
        equal = ours == theirs or self._values.equal(key, wix, airtable)
        agreed = past.agreement.keys.get(key, NOTHING) if past.agreement else None
        landed = _has_landed(sent, key, ours) or (
            past.agreement is None and bool(sent) and wix is None and key not in sent
        )
        if agreed is None and sent and wix is None and key in self._references:
            agreed = Agreed(ours, ours)  # the item was inserted; its references are set by later requests
        if agreed is None and (past.wix_unchanged or landed):
            agreed = Agreed(ours, theirs if equal else ours)
        decision = decide(
            known=agreed is not None,
            # What landed was Airtable's value then: it may have become again what both agreed on before.
            wix_changed=agreed is not None
            and (agreed.preferred or not agreed.is_airtable(theirs) or (landed and not equal)),
            airtable_changed=agreed is not None and ours != agreed.wix and not landed,
            equal=equal,
        )
        if key in STAMPS and (key != "_owner" or decision is not Decision.WRITE or airtable is None):
            row._keys[key] = agreed or Agreed(ours, theirs)
            return False
        if decision is Decision.CONFLICT:
            found = difference_of(self._values, key, wix, airtable, known=agreed is not None)
            prefer: Prefer | None = settled_side(row, found, past)
            if prefer is None:
                return False
            if prefer == "wix":  # as if Airtable's had been agreed on, and then changed in Wix
                row._keys[key] = Agreed(theirs, theirs)
                row.kept.append(key)
                return False
            decision = Decision.WRITE
        if decision is Decision.WRITE and equal:  # it was sent before
            decision = Decision.AGREE
        if decision is Decision.KEEP:
            row.kept.append(key)
        if decision in (Decision.WRITE, Decision.AGREE):
            row._moved.add(key)
            return decision is Decision.WRITE
        row._keys[key] = agreed or NOTHING
        return False

    def _carry(self, row: BackRow, fields: Fields, write: set[str]) -> None:
        item = self._mapping.to_wix(fields)
        row.action = "patch"
        row.values = {key: item.get(key, MISSING) for key in sorted(write)}
        row.references = {key: _ids(item.get(key)) for key in self._references if key in write}


def _has_landed(sent: Mapping[str, str], key: str, now: str) -> bool:
    """Whether Wix holds what was sent of a key."""
    return key in sent and now in sent[key].split(_EITHER)


def after_write(item: Item | None, row: BackRow) -> Item:
    """An item once what a row decided is written."""
    both = {**(item or {}), **row.values}
    return {key: value for key, value in both.items() if value is not MISSING}


def _ids(value: Any) -> list[str]:
    """The ids of a multi-reference; of an included item its `_id`."""
    parts = value if isinstance(value, list) else []
    found = [part.get("_id") if isinstance(part, dict) else part for part in parts]
    return [id_ for id_ in found if isinstance(id_, str)]
