"""A flag turns while services are being called: no call fails, and none sees a mixture of both sides."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from lmdr.platform import PLATFORM
from lmdr.services.content.pages import get_blog_categories, get_blog_posts, get_faqs, get_pricing_tiers
from lmdr.services.context import Context
from migrated import Site, run_phase
from runbook.cli import main
from runbook.cutover import turning
from runbook.query import Query
from runbook.records import Records
from runbook.records.opening import open_records
from runbook.settings import read_home
from runbook.state import State
from runbook.state.locks import CALLS

pytestmark = pytest.mark.slow

CALLERS = 6


def turn(side: str) -> None:
    State(read_home("sandbox", PLATFORM)[1]).debts.clear("content")  # of a turn back before: nothing was written
    done = CliRunner().invoke(main, ["flags", "content", side, "--why", "under load"])
    assert done.exit_code == 0, done.output


@pytest.fixture(scope="module")
def content(site: Site) -> Iterator[Site]:
    """Content is migrated; then each post in Airtable alone says that it is of Airtable."""
    for number in (1, 2):
        run_phase(number).gate()
    posts = site.records("BlogPosts")
    marks = [{"id": post["id"], "fields": {"Author": "of Airtable"}} for post in posts]
    site.connections().airtable.update(site.base(), "Blog Posts", marks[:10])
    run_phase(2).gate()  # which has seen these edits, and keeps them
    assert 1 < len(posts) <= 10
    yield site
    turn("wix")


def sides_seen(answer: dict[str, Any]) -> set[bool]:
    return {post["author"] == "of Airtable" for post in answer["posts"]}


def test_no_call_fails_and_none_reads_a_mixture(content: Site) -> None:
    seen: list[set[bool]] = []
    failed: list[BaseException] = []
    done = threading.Event()

    def work(records: Records, n: int) -> None:
        context = Context(records)
        try:
            while not done.is_set():
                seen.append(sides_seen(get_blog_posts(context, limit=50)))
                (get_blog_categories, get_pricing_tiers, lambda c: get_faqs(c, "pricing"))[n % 3](context)
        except BaseException as error:  # noqa: BLE001 - whatever it was, a caller would have met it
            failed.append(error)

    with open_records(PLATFORM) as opened:
        callers = [threading.Thread(target=work, args=(opened.records, n)) for n in range(CALLERS)]
        for caller in callers:
            caller.start()
        for side in ("airtable", "wix", "airtable"):
            time.sleep(0.2)
            turn(side)
        time.sleep(0.2)
        done.set()
        for caller in callers:
            caller.join()
    assert failed == []
    assert len(seen) > 50
    assert {True} in seen
    assert {False} in seen
    assert {True, False} not in seen


def test_a_turn_waits_for_the_calls_under_way_and_later_calls_for_the_turn(content: Site) -> None:
    turn("wix")
    with open_records(PLATFORM, update_mirror=False) as opened:
        inside, leave = threading.Event(), threading.Event()

        def call() -> None:
            with opened.records.pinned():
                inside.set()
                leave.wait(10)

        caller = threading.Thread(target=call)
        caller.start()
        inside.wait(10)
        turner = threading.Thread(target=turn, args=("airtable",))
        turner.start()
        time.sleep(0.5)
        assert opened.state.flags.get("content") == "wix"
        leave.set()
        caller.join()
        turner.join()
        assert opened.records.source("BlogPosts") == "airtable"
        assert opened.records.query("BlogPosts", Query().limit(1)).side == "airtable"


def test_a_turn_gives_up_on_calls_that_do_not_end_but_one_back_does_not(
    content: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turning, "CALLS_SECONDS", 0.1)
    monkeypatch.setattr(turning, "BACK_SECONDS", 0.1)
    state: State = content.connections().state
    turn("airtable")
    with state.locks.shared(CALLS):
        turn("wix")
        assert state.flags.get("content") == "wix"
        state.debts.clear("content")
        done = CliRunner().invoke(main, ["flags", "content", "airtable"])
        assert done.exit_code == 1
        assert "service calls were still in flight" in done.output
    assert state.flags.get("content") == "wix"


def test_what_was_loaded_right_before_the_turn_is_there_at_once(content: Site) -> None:
    """The mirror was read before; a turn makes it catch up before anyone reads from it."""
    with open_records(PLATFORM, update_mirror=False) as opened:
        assert opened.airtable is not None
        before = opened.airtable.count("BlogCategories")
        connections = content.connections()
        connections.airtable.create(content.base(), "Blog Categories", [{"Name": "Fresh", "Slug": "fresh"}])
        run_phase(2).gate()
        assert opened.airtable.count("BlogCategories") == before
        turn("airtable")
        assert opened.records.count("BlogCategories") == before + 1
        (record,) = [r for r in content.records("BlogCategories") if r["fields"]["Slug"] == "fresh"]
        connections.airtable.delete(content.base(), "Blog Categories", [record["id"]])
    turn("wix")
