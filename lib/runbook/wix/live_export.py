"""Export of one collection from a site that stays live.

Pages are ordered by `_id`, so that rows inserted or deleted meanwhile shift none. Then what changed since the start is
read again until rows and count agree, and what was deleted is dropped. Rows are kept in a private temporary file,
indexed by id; only the ids are in memory.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from runbook.display import plural
from runbook.errors import WixError
from runbook.json_types import Item, Json
from runbook.snapshot import Mark, dump_line, updated_of
from runbook.wix.client import MAX_PAGE, WixClient, WixTooMuch

MARGIN = timedelta(minutes=5)
"""How much earlier than its start an export looks for changes: replicas lag, and servers' clocks differ."""

ROUNDS = 5
_CLOCK_SECOND = timedelta(seconds=1)  # HTTP's clock has whole seconds
_FETCHED = 100  # ids that one request reads
_REFERRING = 100  # items that one request checks for references


class Remarks(NamedTuple):
    """What is to know of an export. `warnings`: what a reviewer must see."""

    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Spool:
    """Items by `_id`, on disk; a later one with the same id replaces an earlier one."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile("w+b", buffering=1 << 17)  # noqa: SIM115 - closed by close()
        self._positions: dict[str, int] = {}
        self._end = 0

    def __len__(self) -> int:
        return len(self._positions)

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._positions

    def holds(self, item: Item) -> bool:
        """Whether it holds exactly this item."""
        start = self._positions.get(item["_id"])
        if start is None:
            return False
        line = dump_line(item)
        self._file.seek(start)
        same: bool = self._file.read(len(line)) == line
        self._file.seek(self._end)
        return same

    def put(self, item: Item) -> None:
        """Add an item, or replace the one with its id."""
        line = dump_line(item)
        self._file.write(line)
        self._positions[item["_id"]] = self._end
        self._end += len(line)

    def keep(self, ids: set[str]) -> list[str]:
        """Drop every item whose id is not among these; returns the dropped ids."""
        dropped = [item_id for item_id in self._positions if item_id not in ids]
        for item_id in dropped:
            del self._positions[item_id]
        return dropped

    def items(self) -> Iterator[Item]:
        """The items in the order of their ids."""
        self._file.flush()
        position = 0
        self._file.seek(0)
        for _, start in sorted(self._positions.items()):
            if start != position:
                self._file.seek(start)
            line = self._file.readline()
            position = start + len(line)
            yield json.loads(line)

    def close(self) -> None:
        """Remove the file."""
        self._file.close()


def export_collection(
    client: WixClient,
    schema: dict[str, Any],
    write: Callable[[Item], None],
    *,
    page_size: int = MAX_PAGE,
    on_progress: Callable[[int, int], None] | None = None,
) -> Remarks:
    """Pass every item of a collection to `write`, in the order of `_id`.

    `schema`: as the Collections API gives it. Raises WixError, also where fewer rows can be read than counted.
    """
    limit = min(page_size, int(schema.get("maxPageSize") or MAX_PAGE))
    with contextlib.closing(Spool()) as spool:
        export = _Export(client, schema, spool, limit, on_progress)
        export.run()
        for item in spool.items():
            write(item)
    return Remarks(tuple(export.notes), tuple(export.warnings))


class _Export:
    def __init__(
        self,
        client: WixClient,
        schema: dict[str, Any],
        spool: Spool,
        page_size: int,
        on_progress: Callable[[int, int], None] | None,
    ) -> None:
        self.notes: list[str] = []
        self.warnings: list[str] = []
        self._client, self._schema, self._spool = client, schema, spool
        self._name: str = schema["id"]
        self._limit = page_size
        self._on_progress = on_progress
        self._total = 0
        self._drafts: set[str] = set()
        self._unordered = self._changing = False
        self._unresolved: dict[tuple[str, str], int] = {}
        fields = [field for field in schema.get("fields") or [] if isinstance(field, dict)]
        self._references = [field["key"] for field in fields if field.get("type") == "MULTI_REFERENCE"]

    def run(self) -> None:
        before = site_mark(self._client, self._name)
        started = self._client.server_time
        self._total = before.count
        page_size = self._limit
        for page in self._pages({}):
            for item in self._with_references(page):
                self._put(item)
            if self._on_progress is not None:
                self._on_progress(len(self._spool), max(self._total, len(self._spool)))
        after = site_mark(self._client, self._name)
        if not self._unchanged(before, after, started):
            after = self._catch_up(_since(before, started), after)
        self._compare(after.count)
        if not len(self._spool):
            self.notes.append(empty_note(self._schema))
        if self._limit < page_size:
            self.notes.append(
                f"pages of {page_size} were too large for the site; it was read in pages of {self._limit}"
            )
        if self._unordered:
            self.notes.append(
                "the site does not return ids in order: read by offset, rows that came twice counted once"
            )
        if unresolved := sum(self._unresolved.values()):
            self.notes.append(
                f"{unresolved:,} multi-references refer to items that do not exist; the API does not name them"
            )

    # ------------------------------------------------------------------ rows

    def _put(self, item: Item) -> None:
        self._spool.put(item)
        if item.get("_publishStatus") == "DRAFT":
            self._drafts.add(item["_id"])

    def _read_again(self, since: dict[str, Json] | None) -> set[str]:
        """Read rows that were updated since, or all; returns the ids of those that had changed."""
        changed: set[str] = set()
        for page in self._pages({"_updatedDate": {"$gte": since}} if since else {}):
            for item in self._with_references(page):
                if not self._spool.holds(item):
                    changed.add(item["_id"])
                    self._put(item)
        return changed

    def _pages(self, condition: dict[str, Json], fields: tuple[str, ...] = ()) -> Iterator[list[Item]]:
        """Pages by `_id`; by offset once the site turns out not to order by code points."""
        last = ""
        while not self._unordered:
            after: dict[str, Json] = {"_id": {"$gt": last}} if last else {}
            both = {"$and": [after, condition]} if after and condition else after or condition
            items, more = self._page(both, None, fields)
            ids = [_id_of(item, self._name) for item in items]
            if any(former >= latter for former, latter in zip([last, *ids], ids, strict=False)):
                self._unordered = True
                break
            if items:
                yield items
                last = ids[-1]
            if not items or (not more and len(items) < self._limit):
                return
        offset = 0
        seen: set[str] = set()
        while True:
            items, more = self._page(condition, offset, fields)
            new = [item for item in items if _id_of(item, self._name) not in seen]
            seen.update(item["_id"] for item in new)
            if new:
                yield new
            offset += len(items)
            if not items or (not more and len(items) < self._limit):
                return

    def _page(self, condition: dict[str, Json], offset: int | None, fields: tuple[str, ...]) -> tuple[list[Item], bool]:
        while True:
            try:
                return self._client.query(self._name, filter=condition, limit=self._limit, offset=offset, fields=fields)
            except WixTooMuch:
                if self._limit == 1:
                    raise
                self._limit = max(1, self._limit // 2)

    # ------------------------------------------------------------------ changes during the export

    def _unchanged(self, before: Mark, after: Mark, started: datetime | None) -> bool:
        """Whether nothing can have changed since the start: same count, same newest update, and that long past."""
        timestamp = _parsed(before.newest_update)
        old = before.count == 0 or (timestamp is not None and started is not None and timestamp < started - MARGIN)
        return before == after and old and after.count == len(self._spool)

    def _catch_up(self, since: dict[str, Json] | None, mark: Mark) -> Mark:
        """Read what changed until nothing does and rows and count agree; what was deleted is dropped."""
        deleted: set[str] = set()
        restless: set[str] = set()
        for _ in range(ROUNDS):
            restless |= self._read_again(since)
            former, mark = mark, site_mark(self._client, self._name)
            changed = mark.newest_update != former.newest_update
            if mark.count == len(self._spool) and not changed:
                break
            existing = {item["_id"] for page in self._pages({}, ("_id",)) for item in page}
            deleted.update(self._spool.keep(existing))
            new = [item_id for item_id in existing if item_id not in self._spool]
            self._fetch(sorted(new))
            restless.update(new)
            if not changed and mark.count != len(self._spool) and mark.count == self._client.count(self._name):
                break  # the count and what can be read differ, and not because it changes
        else:
            self._changing = True
            self.warnings.append(_restless_warning(restless | deleted))
        deleted = {item_id for item_id in deleted if item_id not in self._spool}
        if deleted:
            were = "row was" if len(deleted) == 1 else "rows were"
            self.notes.append(f"{len(deleted):,} {were} deleted during the export and left out: {_first_of(deleted)}")
        return mark

    def _fetch(self, ids: list[str]) -> None:
        for start in range(0, len(ids), _FETCHED):
            for page in self._pages({"_id": {"$in": ids[start : start + _FETCHED]}}):
                for item in self._with_references(page):
                    self._put(item)

    def _compare(self, count: int) -> None:
        rows = len(self._spool)
        if rows == count:
            return
        if rows - len(self._drafts) == count:
            self.notes.append(f"the site's count does not include its {len(self._drafts):,} drafts; they were read")
        elif rows > count or self._changing:
            self.warnings.append(f"the site counted {count:,} rows at the end; {rows:,} were read")
        else:
            raise WixError(
                f"{self._name}: the site counts {count:,} rows, but only {rows:,} can be read; no snapshot was made. "
                "Check that the key in WIX_API_KEY may read every item of the collection",
                status=200,
            )

    # ------------------------------------------------------------------ references

    def _with_references(self, items: list[Item]) -> Iterator[Item]:
        """Items with the ids of their multi-references under each field's key, where they have any."""
        references: dict[str, dict[str, list[str]]] = {}
        deleted: set[str] = set()
        for key in self._references:
            try:
                self._read_references(key, items, references, deleted)
            except WixError as error:
                if error.code != "WDE0020":
                    raise
                self._references = [other for other in self._references if other != key]
                self.notes.append(
                    f"{key} is a multi-reference to a collection that does not exist; it has nothing to read"
                )
        for item in items:
            if item["_id"] not in deleted:
                yield {**item, **references.get(item["_id"], {})}

    def _read_references(
        self, key: str, items: list[Item], references: dict[str, dict[str, list[str]]], deleted: set[str]
    ) -> None:
        for start in range(0, len(items), _REFERRING):
            ids = [item["_id"] for item in items[start : start + _REFERRING]]
            if len(ids) > 1 and not self._client.refers(self._name, key, ids):
                continue
            for item_id in ids:
                try:
                    found = self._client.referenced(self._name, key, item_id)
                except WixError as error:
                    if error.code != "WDE0073":
                        raise
                    deleted.add(item_id)  # deleted since its page was read
                    continue
                self._unresolved[key, item_id] = found.count(None)
                existing = [target for target in found if target is not None]
                if existing:
                    references.setdefault(item_id, {})[key] = existing


def site_mark(client: WixClient, collection: str) -> Mark:
    """Rows and newest `_updatedDate` of a site's collection, drafts included; two requests. Raises WixError."""
    newest, _ = client.query(collection, sort=("_updatedDate", "DESC"), limit=1, fields=("_updatedDate",))
    updated = updated_of(newest[0]) if newest else None
    count = client.count(collection)
    timestamp, now = _parsed(updated), client.server_time
    return Mark(count, updated, certain=timestamp is None or now is None or timestamp <= now + _CLOCK_SECOND)


def empty_note(schema: dict[str, Any]) -> str:
    """The note on a collection without rows: to a key without rights it may look empty instead of being refused."""
    reads = (schema.get("permissions") or {}).get("read")
    doubt = "" if reads == "ANYONE" else f"; {reads or 'not everyone'} may read it: check in the CMS that it is"
    return f"the collection is empty{doubt}"


def _restless_warning(ids: set[str]) -> str:
    """What a reviewer must know of a collection that did not settle."""
    what = f"{plural(len(ids), 'row')} changed meanwhile: {_first_of(ids)}" if ids else "its count did"
    return (
        f"kept changing while it was read, {ROUNDS} times over; {what}. What was exported may be no state that it was "
        "ever in: run it again at a quiet time, or freeze the collection first"
    )


def _first_of(ids: set[str]) -> str:
    return ", ".join(sorted(ids)[:5]) + (", …" if len(ids) > 5 else "")


def _id_of(item: Item, collection: str) -> str:
    item_id = item.get("_id")
    if not isinstance(item_id, str) or not item_id:
        raise WixError(f"{collection}: Wix returned an item without an _id; no snapshot was made", status=200)
    return item_id


def _since(before: Mark, started: datetime | None) -> dict[str, Json] | None:
    """The time after which changes are looked for, by the site's own timestamps; None: unknown, read all of it."""
    known = [timestamp for timestamp in (_parsed(before.newest_update), started) if timestamp is not None]
    if not known:
        return None
    stamp = (min(known) - MARGIN).astimezone(UTC).isoformat(timespec="milliseconds")
    return {"$date": stamp.replace("+00:00", "Z")}


def _parsed(text: str | None) -> datetime | None:
    try:
        timestamp = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return timestamp if timestamp is None or timestamp.tzinfo else timestamp.replace(tzinfo=UTC)
