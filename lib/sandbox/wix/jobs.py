"""Asynchronous jobs: a filter's items removed or patched in the background, a batch a transaction."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from typing import Any

from sandbox.app_state import AppState
from sandbox.wix.collections import Collection
from sandbox.wix.errors import Refusal, WixError
from sandbox.wix.filters import Filter
from sandbox.wix.items import Items
from sandbox.wix.snapshot import Snapshot

_log = logging.getLogger("sandbox")
_BATCH = 200
_SECONDS = 600.0


class Jobs:
    """The jobs of a site. One that a restart cut off is FAILED, with the batches it had done."""

    def __init__(self, state: AppState, items: Items) -> None:
        self._state = state
        self._store = state.store
        self._items = items
        self._running: set[asyncio.Task[None]] = set()
        self._store.execute("UPDATE wix_job SET status = 'FAILED' WHERE status IN ('INITIALIZED', 'PROCESSING')")

    def start(self, collection: Collection, compiled: Filter, change: Callable[[str], Any]) -> str:
        """Begin to `change` every item that matches, by its id; returns the job's id."""
        job_id = str(uuid.uuid4())
        self._store.execute("INSERT INTO wix_job VALUES (?, 'INITIALIZED', 0)", (job_id,))
        task = asyncio.get_running_loop().create_task(self._run(job_id, collection, compiled, change))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return job_id

    def status(self, job_id: str) -> dict[str, Any]:
        """`{status, successCount}`; raises 404."""
        row = self._store.row("SELECT status, done FROM wix_job WHERE id = ?", (job_id,))
        if row is None:
            raise WixError("WDE0080", f"Job {job_id} does not exist.", status=404)
        return {"status": row[0], "successCount": row[1]}

    async def _run(self, job_id: str, collection: Collection, compiled: Filter, change: Callable[[str], Any]) -> None:
        store = self._store
        try:
            store.execute("UPDATE wix_job SET status = 'PROCESSING' WHERE id = ?", (job_id,))
            ids: list[str] = []
            async for row, _ in Snapshot(store, collection.number, seconds=_SECONDS).scan(compiled):
                ids.append(row[1])
                if len(ids) == _BATCH:
                    self._batch(job_id, ids, change)
                    ids = []
            self._batch(job_id, ids, change)
            store.execute("UPDATE wix_job SET status = 'SUCCEEDED' WHERE id = ?", (job_id,))
        except Exception:  # noqa: BLE001 - whatever broke, the job must not look as if it still ran
            _log.exception("a Wix job failed")
            store.execute("UPDATE wix_job SET status = 'FAILED' WHERE id = ?", (job_id,))

    def _batch(self, job_id: str, ids: list[str], change: Callable[[str], Any]) -> None:
        done = 0
        with self._store.transaction():
            self._items.begin()
            for item_id in ids:
                try:
                    change(item_id)
                    done += 1
                except Refusal:
                    continue  # deleted meanwhile, or refused by its own content: it does not count
            self._store.execute("UPDATE wix_job SET done = done + ? WHERE id = ?", (done, job_id))
        self._state.stats.wrote("wix", self._state.site_id, done)
