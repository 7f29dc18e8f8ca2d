"""One row merged: what to send so that Airtable holds what was decided, what is kept there, what people must settle.

merge = RowMerge(collection, links=["Carrier"], exists=records_of_targets.__contains__)
merged = merge.merge(staged, held, past)
merged.changes                      # cells to send, None empties one; {} where there is nothing to write
merged.edited, merged.conflicts
merge.agreement(merged, answer)     # once Airtable has answered: what both sides agree on now
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Collection as Names
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, Protocol

from runbook.catalog import ORIGINAL, Collection
from runbook.codecs import Refused
from runbook.json_types import Fields, Json
from runbook.merge.agreement import NOTHING, Agreed, Agreement, digest
from runbook.merge.decision import Decision, decide
from runbook.merge.values import RowValues, normal

STAMPS = frozenset({"_createdDate", "_updatedDate", "_owner"})  # Wix sets them, whatever is sent: never a conflict
_AT_EVERY_WRITE = frozenset({"_updatedDate"})  # follows the row: no edit of its own

Prefer = Literal["wix", "airtable"]


class Past(NamedTuple):
    """What is known of a row. `agreement`: None where both sides never agreed.

    `wix_unchanged`: without an agreement it is known all the same that Wix's item is as it was. `sent`: without an
    agreement, the row was sent and its answer lost. `served`: hashes of what services wrote since, by Wix key.
    `settled`: by Wix key or link, the side that a person prefers, with the hashes of both values then.
    """

    agreement: Agreement | None = None
    wix_unchanged: bool = False
    sent: bool = False
    served: Mapping[str, str] = {}
    settled: Mapping[str, tuple[Prefer, str, str]] = {}


class Difference(NamedTuple):
    """A value that both sides changed. `key`: a Wix key, or the name of a link. `column`: what shows it in Airtable.

    `known`: both sides once agreed on it.
    """

    key: str
    column: str
    wix: Json
    airtable: Json
    wix_hash: str
    airtable_hash: str
    known: bool


@dataclass
class MergedRow:
    """The decisions on a row. With `conflicts`, nothing of it is written.

    `edited`: keys and links that people changed in Airtable, `served`: that services did; both are kept, and so
    are the times of these writes, `stamped`. `carried`: keys, `_…`, that Wix set when it was carried back.
    `settled`: what a person's word decided. `cleared`: a cell is emptied.
    """

    changes: Fields = field(default_factory=dict)
    edited: list[str] = field(default_factory=list)
    served: list[str] = field(default_factory=list)
    stamped: list[str] = field(default_factory=list)
    carried: list[str] = field(default_factory=list)
    settled: list[Difference] = field(default_factory=list)
    conflicts: list[Difference] = field(default_factory=list)
    cleared: bool = False
    agreed: bool = False
    _keys: dict[str, Agreed] = field(default_factory=dict)
    _moved: dict[str, tuple[str, bool]] = field(default_factory=dict)  # key -> hash of Wix's value, preferred
    _links: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def without_link(self, record: str) -> MergedRow:
        """The same, but for a linked record that was found to be deleted."""
        links = {name: tuple(r for r in records if r != record) for name, records in self._links.items()}
        return replace(self, _links=links)


class HasConflicts(Protocol):
    """The decisions on a row, in either direction."""

    settled: list[Difference]
    conflicts: list[Difference]


class RowMerge:
    """Of one collection. `links`: its link columns. `exists`: whether a record is a row that state knows.

    `untold`: Wix keys that the source does not show, whose cells stay as they are.
    """

    def __init__(
        self,
        collection: Collection,
        links: Sequence[str],
        exists: Callable[[str], bool],
        untold: Names[str] = (),
    ) -> None:
        self.values = RowValues(collection)
        self._links, self._exists = links, exists
        self._on = {link.name: tuple(link.on) for link in collection.links}
        # A link follows the keys that it is made from.
        self.untold = frozenset(untold).union(
            link.name for link in collection.links if not set(link.on).isdisjoint(untold)
        )

    def new(self, staged: Fields) -> MergedRow:
        """A row that Airtable does not hold."""
        merged = MergedRow(changes=dict(staged), agreed=True)
        merged._moved = {key: (digest(value), False) for key, value in self.values.of(staged).items()}
        merged._links = {name: tuple(staged.get(name) or ()) for name in self._links}
        return merged

    def merge(self, staged: Fields, held: Fields, past: Past) -> MergedRow:
        """A row that Airtable holds. `staged`: all its cells, link cells among them."""
        merged = MergedRow()
        wix, airtable = self.values.of(staged), self.values.of(held)
        known = past.agreement.keys if past.agreement else {}
        write: set[str] = set()
        for key in dict.fromkeys([*wix, *airtable, *known]):
            if key not in self.untold:
                self._merge_key(merged, key, wix.get(key), airtable.get(key), past, write)
            elif key in known:
                merged._keys[key] = known[key]
        for name in self._links:
            self._merge_link(merged, name, staged, held, past)
        if write:
            self._change(merged, staged, held, write)
        merged.cleared = any(cell in (None, []) for cell in merged.changes.values())
        return merged

    def merge_links(self, staged: Fields, past: Past) -> MergedRow:
        """A row that was written a short while ago, so that only its links may lack."""
        merged, agreement = MergedRow(), past.agreement or Agreement()
        merged._keys = dict(agreement.keys)
        held: Fields = {name: list(records) for name, records in agreement.links.items()}
        for name in self._links:
            self._merge_link(merged, name, staged, held, past)
        merged.cleared = any(cell == [] for cell in merged.changes.values())
        return merged

    def edited(self, held: Fields, past: Past) -> list[str]:
        """The keys and links of a record that are not as Wix had them; of one without agreement, all its keys."""
        airtable = self.values.of(held)
        known = past.agreement.keys if past.agreement else {}
        keys = [k for k in dict.fromkeys([*airtable, *known]) if k not in _AT_EVERY_WRITE]
        agreed = {key: known.get(key, NOTHING) for key in keys}
        found = [k for k in keys if agreed[k].preferred or not agreed[k].is_airtable(digest(airtable.get(k)))]
        return found + [name for name in self._links if self._link_changed(name, held, past)]

    def preferred(self, merged: MergedRow) -> list[str]:
        """The keys of which Airtable holds the value that a person preferred to Wix's."""
        return [key for key, agreed in merged._keys.items() if agreed.preferred]

    def answer(self, held: Fields) -> str:
        """A hash of all cells of a record that a merge looks at."""
        return row_answer(self.values, self._links, held)

    def agreement(self, merged: MergedRow, held: Fields) -> Agreement:
        """What both sides agree on now that Airtable holds these cells."""
        keys = dict(merged._keys)
        airtable = self.values.of(held) if merged._moved else {}
        for key, (wix, preferred) in merged._moved.items():
            keys[key] = Agreed(wix, digest(airtable.get(key)), preferred)
        return Agreement(keys, dict(merged._links))

    def _merge_key(
        self,
        merged: MergedRow,
        key: str,
        wix: list[Json] | None,
        airtable: list[Json] | None,
        past: Past,
        write: set[str],
    ) -> None:
        ours, theirs = digest(wix), digest(airtable)
        agreed = past.agreement.keys.get(key, NOTHING) if past.agreement else None
        if agreed is None and past.wix_unchanged:
            agreed = Agreed(ours, theirs if self.values.equal(key, wix, airtable) else ours)
        decision = decide(
            known=agreed is not None,
            wix_changed=agreed is not None and ours != agreed.wix,
            airtable_changed=agreed is not None and not agreed.is_airtable(theirs),
            equal=ours == theirs or self.values.equal(key, wix, airtable, sent=past.sent and agreed is None),
        )
        if decision is Decision.UNCHANGED and _lacks_copies(wix, airtable):
            decision = Decision.WRITE
        preferred = False
        if decision is Decision.CONFLICT:
            found = difference_of(self.values, key, wix, airtable, known=agreed is not None)
            prefer = "wix" if key in STAMPS else settled_side(merged, found, past)
            if prefer is None:
                return
            preferred = prefer == "airtable"
            decision = Decision.AGREE if preferred else Decision.WRITE
        if decision in (Decision.WRITE, Decision.AGREE):
            merged._moved[key] = (ours, preferred)
            merged.agreed = True
            if decision is Decision.WRITE:
                write.add(key)
            return
        merged._keys[key] = agreed or NOTHING
        if decision is Decision.KEEP and key in _AT_EVERY_WRITE:
            merged.stamped.append(key)
        elif decision is Decision.UNCHANGED and key.startswith("_") and ours != theirs:
            merged.carried.append(key)
        elif decision is Decision.KEEP:
            (merged.served if past.served.get(key) == theirs else merged.edited).append(key)

    def _merge_link(self, merged: MergedRow, name: str, staged: Fields, held: Fields, past: Past) -> None:
        wanted, has = tuple(staged.get(name) or ()), tuple(held.get(name) or ())
        agreed = past.agreement.links.get(name, ()) if past.agreement else None
        if name in self.untold:
            merged._links[name] = agreed or ()
            return
        if agreed is None and past.wix_unchanged:
            agreed = wanted
        elif agreed is None and past.sent and set(has) <= set(wanted):
            agreed = has  # it was sent before the records that it links to were known
        decision = decide(
            known=agreed is not None,
            wix_changed=wanted != agreed,
            airtable_changed=agreed is not None and link_differs(agreed, has, self._exists),
            equal=set(wanted) == set(has),
        )
        if decision is Decision.CONFLICT:
            ours, theirs, known = digest(list(wanted)), digest(sorted(has)), agreed is not None
            found = Difference(name, name, list(wanted), list(has), ours, theirs, known)
            # Of keys that Airtable may have got or not, neither is what it links to known; Wix has them.
            prefer = "wix" if self._is_open(name, past) else settled_side(merged, found, past)
            if prefer is None:
                return
            decision, agreed = (Decision.KEEP, wanted) if prefer == "airtable" else (Decision.WRITE, agreed)
        if decision is Decision.KEEP:
            merged._links[name] = agreed or ()
            merged.edited.append(name)
            return
        merged._links[name] = wanted
        merged.agreed |= decision is not Decision.UNCHANGED
        if decision is Decision.WRITE and wanted != has:
            merged.changes[name] = list(wanted)

    def _is_open(self, link: str, past: Past) -> bool:
        known = past.agreement.keys if past.agreement else {}
        return any(known.get(key, NOTHING).is_open for key in self._on[link])

    def _link_changed(self, name: str, held: Fields, past: Past) -> bool:
        agreed = past.agreement.links.get(name, ()) if past.agreement else ()
        return link_differs(agreed, tuple(held.get(name) or ()), self._exists)

    def _change(self, merged: MergedRow, staged: Fields, held: Fields, write: set[str]) -> None:
        for key in write:
            for column in self.values.columns(key):
                cell = staged.get(column.name)
                if normal(cell) != normal(held.get(column.name)):
                    merged.changes[column.name] = cell
        try:
            original = self.values.original(staged, held, write)
        except Refused as refused:
            merged.conflicts.append(Difference(ORIGINAL, ORIGINAL, None, None, digest(refused.reason), "", True))
            return
        if original != held.get(ORIGINAL):
            merged.changes[ORIGINAL] = original


def row_answer(values: RowValues, links: Sequence[str], fields: Fields) -> str:
    """A hash of all cells of a record that a merge looks at."""
    linked = {name: sorted(fields.get(name) or ()) for name in links if fields.get(name)}
    return digest([values.of(fields), linked])


def difference_of(
    values: RowValues, key: str, wix: list[Json] | None, airtable: list[Json] | None, *, known: bool
) -> Difference:
    """The difference of two values of a key, shown by the first of its columns whose cells differ."""
    names = [column.name for column in values.columns(key)]
    differing = [n for n, a, b in zip(names, wix or names, airtable or names, strict=False) if a != b]
    column = next(iter([*differing, *names]), ORIGINAL)
    return Difference(key, column, _cell(wix), _cell(airtable), digest(wix), digest(airtable), known)


def settled_side(merged: HasConflicts, found: Difference, past: Past) -> Prefer | None:
    """The side that a person prefers; None: nobody has decided on these values yet. Noted in `merged`."""
    word = past.settled.get(found.key)
    if word is None or word[1:] != (found.wix_hash, found.airtable_hash):
        merged.conflicts.append(found)
        return None
    merged.settled.append(found)
    return word[0]


def link_differs(agreed: tuple[str, ...], held: tuple[str, ...], exists: Callable[[str], bool]) -> bool:
    """Whether someone changed a link cell. A record that was deleted leaves it by itself."""
    return set(held) != set(agreed) and set(held) != {record for record in agreed if exists(record)}


def _lacks_copies(wix: list[Json] | None, airtable: list[Json] | None) -> bool:
    """Whether all that Airtable lacks of a value are its copies: of a row that was typed in the grid."""
    if not wix or not airtable or wix[0] != airtable[0]:
        return False
    pairs = zip(wix[1:-1], airtable[1:-1], strict=True)
    return wix[-1] == airtable[-1] and wix != airtable and all(a == b or b is None for a, b in pairs)


def _cell(value: list[Json] | None) -> Json:
    """What to show of a value: its first cell that is not empty, else what `Wix Original` keeps."""
    return next((cell for cell in value or () if cell is not None), None)
