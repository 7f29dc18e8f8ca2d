"""Alerts: posted to a chat service, and told by a command that goes on."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

import requests
from sqlalchemy.exc import DBAPIError

from runbook.backlog import STUCK_SECONDS, read_unsent
from runbook.display import plural
from runbook.errors import SettingError
from runbook.evidence.folder import RunFolder
from runbook.records.opening import OpenRecords
from runbook.state import State

_TICK = 5.0  # seconds between two looks at the journal of writes


def check_alert_url(url: str) -> None:
    """Raises SettingError if alerts cannot be posted to the URL; does not show it, because it may contain a token."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise SettingError("--alert-url or RUNBOOK_ALERT_URL is not a URL to post to; expected https://host/path")


def post_alert(url: str, folder: RunFolder) -> str | None:
    """POST the alerts of an integrity check. Returns an error message, or None."""
    gate = folder.read_evidence("integrity_check", "gate") or {"reasons": ["the check could not run"]}
    reasons = gate["reasons"] or ["the check did not finish"]
    return post(url, f"Integrity check {folder.run_id}", reasons, run=folder.run_id)


def post(url: str, title: str, alerts: Sequence[str], **more: str) -> str | None:
    """POST alerts to a webhook, as JSON with a `text` for chat services. Returns an error message, or None."""
    text = f"{title}: {plural(len(alerts), 'alert')}\n" + "\n".join(f"• {alert}" for alert in alerts)
    body = json.dumps({"text": text, **more, "alerts": list(alerts)})
    try:
        response = requests.post(url, data=body, headers={"Content-Type": "application/json"}, timeout=30)
    except requests.RequestException as error:
        # The URL may contain a token: it is not shown.
        return f"the alert could not be posted ({type(error).__name__}); check RUNBOOK_ALERT_URL or --alert-url"
    if not response.ok:
        return f"the alert was refused with status {response.status_code}; check RUNBOOK_ALERT_URL or --alert-url"
    return None


class JournalWatch:
    """Tells once of each write that Airtable refused, and of a journal of writes that does not move.

    `url`: where alerts are posted as well; "" for nowhere.
    """

    def __init__(self, state: State, base: str, *, url: str, report: Callable[[str], None]) -> None:
        self._state, self._base, self._url, self._report = state, base, url, report
        self._refused: dict[str, int] = {}
        self._is_stuck = False

    def look(self) -> None:
        """Tell what is new."""
        unsent = read_unsent(self._state, self._base)
        refused = {name: count.refused for name, count in unsent.counts.items()}
        more = any(count > self._refused.get(name, 0) for name, count in refused.items())
        is_stuck = unsent.age is not None and unsent.age > STUCK_SECONDS
        is_new = more or (is_stuck and not self._is_stuck)
        self._refused, self._is_stuck = refused, is_stuck
        if not is_new:
            return
        alerts = unsent.alerts()
        for alert in alerts:
            self._report(f"alert: {alert}")
        if self._url and (problem := post(self._url, f"Journal of writes of {self._base}", alerts, base=self._base)):
            self._report(problem)


@contextmanager
def watching_journal(opened: OpenRecords, *, report: Callable[[str], None]) -> Iterator[None]:
    """A thread looks at the journal of writes while the block lasts. Raises SettingError for a wrong alert URL."""
    if opened.mirror is None:
        yield
        return
    url = opened.connections.settings.alert_url or ""
    if url:
        check_alert_url(url)
    watch = JournalWatch(opened.state, opened.mirror.base, url=url, report=report)
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            try:
                watch.look()
            except (OSError, DBAPIError) as error:  # the state cannot be read now: the next look may succeed
                report(f"the journal of writes could not be read: {type(error).__name__}")
            stop.wait(_TICK)

    thread = threading.Thread(target=run, name="journal alerts", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=60)
