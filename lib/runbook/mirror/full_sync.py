"""Reads collections in full from Airtable, in several streams at once, as fast as the rate limit allows.

A stream waits for each page before it can ask for the next, so the latency decides how many streams use up the rate. A
table is partitioned evenly among them by the last two characters of a record id, which are random.
"""

from __future__ import annotations

import math
import string
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from queue import SimpleQueue

from runbook.airtable import formulas
from runbook.json_types import Json
from runbook.mirror.ingest import Ingester
from runbook.readings import Reading
from runbook.state.tables import now

MAX_STREAMS = 8
_ROWS_PER_STREAM = 500  # at least
_PAGE = 100
_ID_CHARACTERS = formulas.text(string.digits + string.ascii_letters)
_LAST_TWO = f"2*FIND(RIGHT(RECORD_ID(),1),{_ID_CHARACTERS})+FIND(MID(RECORD_ID(),16,1),{_ID_CHARACTERS})"


def full_sync(
    ingester: Ingester,
    names: Sequence[str],
    *,
    clock: Callable[[], float],
    streams: int = MAX_STREAMS,
    readings: Mapping[str, Reading] | None = None,
) -> dict[str, int]:
    """Make collections equal to Airtable's; how many rows of each differed.

    `streams`: the most at once. `readings`: tables that were read before, which are not read again. Rows that are
    written here meanwhile stay as written. Raises AirtableError; what was stored until then stays.
    """
    limiter = ingester.airtable.rate_limiter(ingester.base)
    if limiter.rate is not None and limiter.latency:
        streams = min(streams, math.ceil(limiter.latency * limiter.rate) + 1)
    changed = dict.fromkeys(names, 0)
    remaining = list(changed)
    while remaining:
        remaining = _sync(ingester, remaining, changed, clock(), streams, readings or {})
    return changed


def _sync(
    ingester: Ingester,
    names: Sequence[str],
    changed: dict[str, int],
    started: float,
    streams: int,
    readings: Mapping[str, Reading],
) -> list[str]:
    """Read collections once; those to be read again, because the mirror's file was lost meanwhile."""
    store, mark, began = ingester.store, ingester.store.mark(), now()
    jobs = [(n, partition) for n in names if n not in readings for partition in _partitions(ingester, n, streams)]
    existing = {name for name in names if store.as_of(name) is not None}
    # Rows that are written from here on are not among them. Of what was read before, it is not known when.
    known = {
        name: {id_: row.record_id for id_, row in ingester.state.rows(ingester.base, name).all().items()}
        for name in names
        if name not in readings and ingester.is_source(name)
    }
    for name in names:
        if name not in existing:
            store.clear(name)
    seen: dict[str, set[str]] = {name: set() for name in names}
    read = ((name, page) for name in names if name in readings for page in readings[name].pages())
    for name, page in chain(read, _pages(ingester, jobs, streams)):
        _, written = ingester.ingest(name, page, after=mark)
        changed[name] += len(written.changed)
        seen[name].update(record["id"] for record in page)
    lost = []
    for name in names:
        changed[name] += ingester.delete_unseen(name, seen[name], mark, known.get(name))
        ingester.overlay_all(name)
        if name in existing:
            store.reindex(name)
        if not store.set_synced(name, at=readings[name].began if name in readings else started, mark=mark):
            lost.append(name)
        elif name in known:
            ingester.state.facts.set_compared(ingester.base, name, began)
    ingester.resolve_set_aside(set(names).difference(lost))
    return lost


def _partitions(ingester: Ingester, name: str, streams: int) -> list[str | None]:
    """Formulas that partition a table; None for all of it."""
    rows = max(ingester.state.rows(ingester.base, name).count(), ingester.store.size(name))
    count = min(streams, rows // _ROWS_PER_STREAM)
    if count < 2:
        return [None]
    return [f"MOD({_LAST_TWO},{count})={n}" for n in range(count)]


def _pages(
    ingester: Ingester, jobs: Sequence[tuple[str, str | None]], streams: int
) -> Iterator[tuple[str, list[dict[str, Json]]]]:
    """Pages of records, each with its collection, as they arrive.

    The first pages of all jobs are read before any second page: Airtable evaluates a filter at the first page, and
    requests made while several are evaluated are delayed and then released all at once, above the rate limit.
    """
    arrived: SimpleQueue[tuple[str, list[dict[str, Json]]]] = SimpleQueue()
    stop = threading.Event()

    def read_first(job: tuple[str, str | None]) -> tuple[str, Iterator[dict[str, Json]]]:
        name, formula = job
        table = ingester.catalog.collection(name).table
        columns = ingester.columns(name)
        records = ingester.airtable.records(ingester.base, table, fields=columns, formula=formula)
        arrived.put((name, list(islice(records, _PAGE))))
        return name, records

    def read_rest(stream: tuple[str, Iterator[dict[str, Json]]]) -> None:
        name, records = stream
        while not stop.is_set() and (page := list(islice(records, _PAGE))):
            arrived.put((name, page))

    def read() -> None:
        for _ in pool.map(read_rest, list(pool.map(read_first, jobs))):
            pass

    with ThreadPoolExecutor(streams + 1, thread_name_prefix="mirror") as pool:
        reading = pool.submit(read)
        reading.add_done_callback(lambda _: arrived.put(("", [])))
        try:
            while (found := arrived.get())[0]:
                yield found
            reading.result()
        finally:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
