"""Reads collections whole from Airtable, several streams at once, as fast as its quota lets them.

One stream waits for each page before it may ask for the next; as many as the latency asks for use the quota.
"""

from __future__ import annotations

import string
import threading
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TYPE_CHECKING

from runbook.airtable import formulas

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from runbook.json_types import Json
    from runbook.records.mirror.intake import Intake

WORKERS = 8
_STREAM_ROWS = 500  # rows from which on a table is read by several at once
_PAGE = 100
_ID_CHARACTERS = string.digits + string.ascii_letters


def read_whole(
    intake: Intake, names: Sequence[str], *, clock: Callable[[], float], workers: int = WORKERS
) -> dict[str, int]:
    """Make collections what they are in Airtable; how many rows of each differed.

    Rows that are written here meanwhile stay as written. Raises AirtableError; what was taken over until then stays.
    """
    differed = dict.fromkeys(names, 0)
    left = list(differed)
    while left:
        left = _read(intake, left, differed, clock(), workers)
    return differed


def _read(intake: Intake, names: Sequence[str], differed: dict[str, int], began: float, workers: int) -> list[str]:
    """The names that have to be read again: of a mirror whose file was lost meanwhile."""
    store, mark = intake.store, intake.store.mark()
    shares = {name: _shares(intake, name, workers) for name in names}
    before = {name for name in names if store.held(name) is not None}
    for name in names:
        if name not in before:
            store.clear(name)
    seen: dict[str, set[str]] = {name: set() for name in names}
    jobs = [(name, share) for name in names for share in shares[name]]
    for name, page in _pages(intake, jobs, workers):
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


def _shares(intake: Intake, name: str, workers: int) -> list[str | None]:
    """Formulas that part a table into about equal shares: the last character of a record's id is random."""
    known = max(intake.state.id_map.count(intake.base, name), intake.store.size(name))
    shares = min(workers, known // _STREAM_ROWS)
    if shares < 2:
        return [None]
    groups = [_ID_CHARACTERS[n::shares] for n in range(shares)]
    return [f"FIND(RIGHT(RECORD_ID(),1),{formulas.text(group)})>0" for group in groups]


def _pages(
    intake: Intake, jobs: Sequence[tuple[str, str | None]], workers: int
) -> Iterator[tuple[str, list[dict[str, Json]]]]:
    """Pages of records, each with its collection, as they come in."""
    arrived: SimpleQueue[tuple[str, list[dict[str, Json]]] | BaseException | None] = SimpleQueue()
    stop = threading.Event()

    def read(name: str, formula: str | None) -> None:
        try:
            page: list[dict[str, Json]] = []
            for record in intake.airtable.records(intake.base, intake.catalog.collection(name).table, formula=formula):
                if stop.is_set():
                    return
                page.append(record)
                if len(page) == _PAGE:
                    arrived.put((name, page))
                    page = []
            arrived.put((name, page))
            arrived.put(None)
        except BaseException as error:  # noqa: BLE001 - it is raised below, to whoever reads the pages
            arrived.put(error)

    pool = ThreadPoolExecutor(workers, thread_name_prefix="mirror")
    try:
        for job in jobs:
            pool.submit(read, *job)
        left = len(jobs)
        while left:
            match arrived.get():
                case None:
                    left -= 1
                case BaseException() as error:
                    raise error
                case page:
                    yield page
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
