"""Until when all that changed in Wix was changed by follow, so that a state that is lost can tell it from other edits.

A row whose state is lost counts as unchanged in Wix where its item was not updated since. An item that somebody else
has edited, or added, keeps the time from going beyond that edit: it is never taken for one of follow's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runbook.catalog import Collection
from runbook.cutover.carry_back import CarryBack
from runbook.json_types import Item
from runbook.state import State
from runbook.wix.client import MAX_PAGE, WixClient

_MOST_REFERENCES = 100  # items whose multi-references are read, a request each and key; later ones count as not known


def agreed_until(
    collections: Sequence[Collection], *, base: str, state: State, wix: WixClient, engine: CarryBack
) -> str | None:
    """The newest `_updatedDate` in Wix, up to which every item that changed is as both sides agreed on.

    By Wix's clock, as ISO text; None: no item has changed, or the first that did is not follow's. Of each collection a
    request per 1,000 items that changed since the last time. Raises WixError.
    """
    known: list[str] = []
    limit: str | None = None
    for c in collections:
        since = state.unchanged_since(base, c.flag)
        if since is None:
            continue
        for page in _changed(wix, c, since):
            edited = engine.edited_in_wix(c, page, most_references=_MOST_REFERENCES)
            known += [_stamp(item) for item in page if item["_id"] not in edited]
            others = [_stamp(item) for item in page if item["_id"] in edited]
            if others:
                limit = min([*others, *([limit] if limit else [])])
                break
    return max((stamp for stamp in known if limit is None or stamp < limit), default=None)


def _changed(wix: WixClient, c: Collection, since: str) -> Iterator[list[Item]]:
    """Items updated after a time, the oldest change first. Those of one millisecond are on one page."""
    after = since
    while True:
        changed = {"_updatedDate": {"$gt": {"$date": after}}}
        page, more = wix.query(c.wix, filter=changed, sort=("_updatedDate", "ASC"), limit=MAX_PAGE)
        if more:  # the last ones may go on in the next page
            last = _stamp(page[-1])
            whole = [item for item in page if _stamp(item) != last]
            if not whole:
                return
            yield whole
            after = _stamp(whole[-1])
            continue
        if page:
            yield page
        return


def _stamp(item: Item) -> str:
    updated = item.get("_updatedDate")
    return str(updated["$date"]) if isinstance(updated, dict) else ""
