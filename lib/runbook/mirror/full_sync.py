"""Reads collections whole from Airtable, several streams at once, as fast as its quota lets them.

One stream waits for each page before it may ask for the next; as many as the latency asks for use the quota. A table is
parted among them evenly by the last two characters of a record's id, which are random.
"""

from __future__ import annotations

import math
import string
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from queue import SimpleQueue

from runbook.airtable import formulas
from runbook.json_types import Json
from runbook.mirror.ingest import Intake

MOST_STREAMS = 8
_STREAM_ROWS = 500  # rows from which on a table is read by several at once
_PAGE = 100
_ID_CHARACTERS = formulas.text(string.digits + string.ascii_letters)
_LAST_TWO = f"2*FIND(RIGHT(RECORD_ID(),1),{_ID_CHARACTERS})+FIND(MID(RECORD_ID(),16,1),{_ID_CHARACTERS})"


def read_whole(
    intake: Intake, names: Sequence[str], *, clock: Callable[[], float], streams: int = MOST_STREAMS
) -> dict[str, int]:
    """Make collections what they are in Airtable; how many rows of each differed.

    `streams`: how many at the most. Rows that are written here meanwhile stay as written. Raises AirtableError; what
    was taken over until then stays.
    """
    limiter = intake.airtable.rate_limiter(intake.base)
    if limiter.rate is not None and limiter.latency:
        streams = min(streams, math.ceil(limiter.latency * limiter.rate) + 1)
    differed = dict.fromkeys(names, 0)
    left = list(differed)
    while left:
        left = _read(intake, left, differed, clock(), streams)
    return differed


def _read(intake: Intake, names: Sequence[str], differed: dict[str, int], began: float, streams: int) -> list[str]:
    """The names that have to be read again: of a mirror whose file was lost meanwhile."""
    store, mark = intake.store, intake.store.mark()
    shares = {name: _shares(intake, name, streams) for name in names}
    before = {name for name in names if store.held(name) is not None}
    for name in names:
        if name not in before:
            store.clear(name)
    seen: dict[str, set[str]] = {name: set() for name in names}
    jobs = [(name, share) for name in names for share in shares[name]]
    for name, page in _pages(intake, jobs, streams):
        _, written = intake.take(name, page, after=mark)
        differed[name] += len(written.changed)
        seen[name].update(record["id"] for record in page)
    lost = []
    for name in names:
        differed[name] += intake.drop_unseen(name, seen[name], mark)
        if name in before:
            store.reindex(name)
        if not store.hold(name, moment=began, mark=mark):
            lost.append(name)
    intake.settle(set(names).difference(lost))
    return lost


def _shares(intake: Intake, name: str, streams: int) -> list[str | None]:
    """Formulas that part a table; None for all of it."""
    known = max(intake.state.id_map.count(intake.base, name), intake.store.size(name))
    shares = min(streams, known // _STREAM_ROWS)
    if shares < 2:
        return [None]
    return [f"MOD({_LAST_TWO},{shares})={n}" for n in range(shares)]


def _pages(
    intake: Intake, jobs: Sequence[tuple[str, str | None]], streams: int
) -> Iterator[tuple[str, list[dict[str, Json]]]]:
    """Pages of records, each with its collection, as they come in.

    Every stream begins before any goes on: a filter is worked out at the first page, and what is asked while several
    are comes late, and then all at once, which would pass the limit.
    """
    arrived: SimpleQueue[tuple[str, list[dict[str, Json]]]] = SimpleQueue()
    stop = threading.Event()

    def begin(job: tuple[str, str | None]) -> tuple[str, Iterator[dict[str, Json]]]:
        name, formula = job
        records = intake.airtable.records(intake.base, intake.catalog.collection(name).table, formula=formula)
        arrived.put((name, list(islice(records, _PAGE))))
        return name, records

    def go_on(stream: tuple[str, Iterator[dict[str, Json]]]) -> None:
        name, records = stream
        while not stop.is_set() and (page := list(islice(records, _PAGE))):
            arrived.put((name, page))

    def read() -> None:
        for _ in pool.map(go_on, list(pool.map(begin, jobs))):
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
