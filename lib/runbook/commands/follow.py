"""`runbook follow`: carry what is written in Airtable back to Wix, all the time."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from runbook.backlog import Backlog
from runbook.commands.alerts import watching_journal
from runbook.commands.mirror import SEND_SECONDS
from runbook.cutover.following import SLUG, Follower
from runbook.errors import RunbookError, SettingError
from runbook.evidence.runs import FOLLOW
from runbook.platform import Platform
from runbook.records.opening import SOURCE, OpenRecords, impatient_airtable, open_records
from runbook.request_log import RequestLog
from runbook.run.opening import run_folder
from runbook.wix.client import WixClient

Report = Callable[[str], None]

_TROUBLE_WAITS, _QUOTA_WAITS = (0.5, 1.0), (3.0,)  # seconds; what fails is tried again by the follower, without a lock
_MAX_LOGGED = 10_000  # requests


def follow(platform: Platform, environment: str, *, once: bool, report: Report) -> Backlog:
    """Follow until Ctrl-C or SIGTERM, or, with `once`, until nothing waits any more; what is left.

    Raises SettingError where nothing has been migrated, or, with `once`, where another follows already.
    """
    with ExitStack() as stack:
        opened = stack.enter_context(open_records(platform, environment, update_mirror=not once))
        follower = make_follower(opened, stack, report=report)
        if follower is None:
            raise SettingError("there is no base yet, so there is nothing to follow: run the migration first")
        for note in opened.hold.notes if opened.hold is not None else ():
            report(note)
        if once:
            if opened.airtable is not None:
                opened.airtable.journal.drain(SEND_SECONDS, gives_up=True)
            return follower.once()
        with watching_journal(opened, report=report), stopped_by(signal.SIGINT, signal.SIGTERM) as stop:
            follower.run(stop)
        return follower.backlog()


def make_follower(opened: OpenRecords, stack: ExitStack, *, report: Report) -> Follower | None:
    """A follower of the base that services use, in the run of this base that is kept for it; None: no base yet.

    It has clients of its own, which fail fast: while it waits for a response, no flag can turn.
    """
    if opened.mirror is None or opened.hold is None:
        return None
    settings = opened.connections.settings
    wix = WixClient(
        settings.wix_url,
        settings.wix_key,
        settings.site_id,
        trouble_waits=_TROUBLE_WAITS,
        quota_waits=_QUOTA_WAITS,
    )
    stack.callback(wix.close)
    log = RequestLog(most=_MAX_LOGGED)
    airtable = impatient_airtable(opened.connections, stack, log)
    connections = replace(opened.connections, wix=wix, airtable=airtable, log=log)
    folder = run_folder(connections, SOURCE, [SLUG], kind=FOLLOW)
    return Follower(connections, opened.hold, opened.mirror, folder, report=report)


@contextmanager
def following(opened: OpenRecords, *, report: Report) -> Iterator[None]:
    """A thread follows while the block lasts."""
    with ExitStack() as stack:
        follower = make_follower(opened, stack, report=report)
        if follower is None:
            yield
            return
        stop = threading.Event()

        def run() -> None:
            try:
                follower.run(stop)
            except RunbookError as error:  # services go on, and say themselves what they cannot do
                report(f"Airtable is followed no longer: {error}")

        thread = threading.Thread(target=run, name="following", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(timeout=60)


@contextmanager
def stopped_by(*signals: int) -> Iterator[threading.Event]:
    """An event that the first of these signals sets, so that what is in flight is finished; the second ends it."""
    stop = threading.Event()
    former: dict[int, Any] = {}

    def ask(number: int, _: object) -> None:
        stop.set()
        signal.signal(number, former[number])

    if threading.current_thread() is threading.main_thread():
        former = {number: signal.signal(number, ask) for number in signals}
    try:
        yield stop
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
