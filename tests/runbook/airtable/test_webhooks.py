"""Webhooks: what payloads add up to, and what is done where one is refused or gone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runbook.airtable.client import Airtable
from runbook.airtable.rate_limiter import RateLimiter
from runbook.airtable.webhooks import (
    Changes,
    Webhook,
    create_webhook,
    delete_webhook,
    find_webhook,
    read_changes,
)
from runbook.errors import AirtableError
from runbook.state import State
from sandbox import Sandbox

BASE = "appFleet000000001"
SEED: dict[str, Any] = {
    "base": {"id": BASE, "name": "Fleet"},
    "tables": [{"name": "Trucks", "fields": [{"name": "Name", "type": "singleLineText"}]}],
}


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox(seed=SEED, requests_per_second="off") as running:
        yield running


@pytest.fixture
def airtable(box: Sandbox, tmp_path: Path) -> Iterator[Airtable]:
    with State(f"sqlite:///{tmp_path / 'state.db'}") as state:
        client = Airtable(
            box.token, url=box.airtable_url, rate_limiter=lambda base: RateLimiter(state, base, None), backoff=0.001
        )
        yield client
        client.close()


def payload(**parts: Any) -> dict[str, Any]:
    return {"changedTablesById": {"tbl1": parts}}


def test_later_payloads_count_more_than_earlier_ones() -> None:
    changes = Changes(Webhook("ach1", 1))
    changes.add(payload(createdRecordsById={"rec1": {}, "rec2": {}}, changedRecordsById={"rec3": {}}))
    changes.add(payload(destroyedRecordIds=["rec2", "rec4"]))
    changes.add(payload(createdRecordsById={"rec4": {}}))
    changes.add({"changedTablesById": {"tbl2": {"destroyedRecordIds": ["rec9"]}}})
    changes.add({})
    assert changes.changed == {"tbl1": {"rec1", "rec3", "rec4"}, "tbl2": set()}
    assert changes.deleted == {"tbl1": {"rec2"}, "tbl2": {"rec9"}}


def test_every_payload_since_the_cursor_is_read_once(airtable: Airtable) -> None:
    webhook = create_webhook(airtable, BASE)
    assert webhook is not None
    assert webhook.cursor == 1
    made = [airtable.create(BASE, "Trucks", [{"Name": str(n)}])[0]["id"] for n in range(51)]  # a page holds 50
    airtable.delete(BASE, "Trucks", made[:1])
    changes = read_changes(airtable, BASE, webhook)
    assert changes is not None
    assert list(changes.changed.values()) == [set(made[1:])]
    assert list(changes.deleted.values()) == [{made[0]}]
    assert changes.webhook == Webhook(webhook.id, 53)
    again = read_changes(airtable, BASE, changes.webhook)
    assert again is not None
    assert (again.changed, again.deleted, again.webhook) == ({}, {}, changes.webhook)
    assert find_webhook(airtable, BASE, webhook.id) == changes.webhook


def test_a_webhook_that_is_gone_is_none(airtable: Airtable) -> None:
    webhook = create_webhook(airtable, BASE)
    assert webhook is not None
    delete_webhook(airtable, BASE, webhook.id)
    delete_webhook(airtable, BASE, webhook.id)
    assert find_webhook(airtable, BASE, webhook.id) is None
    assert read_changes(airtable, BASE, webhook) is None


@pytest.mark.parametrize("status", [401, 403, 404, 422])
def test_a_token_that_may_not_use_webhooks_has_none(box: Sandbox, airtable: Airtable, status: int) -> None:
    box.faults({"kind": "status", "status": status, "match": {"path": "*/webhooks"}, "times": None})
    assert create_webhook(airtable, BASE) is None
    assert find_webhook(airtable, BASE, "ach1") is None


def test_another_error_of_a_webhook_is_raised(box: Sandbox, airtable: Airtable) -> None:
    webhook = create_webhook(airtable, BASE)
    assert webhook is not None
    box.faults({"kind": "status", "status": 418, "match": {"path": "*/webhooks*"}, "times": None})
    with pytest.raises(AirtableError, match="create a webhook of the base: Airtable responded 418"):
        create_webhook(airtable, BASE)
    with pytest.raises(AirtableError, match="list the webhooks of the base"):
        find_webhook(airtable, BASE, webhook.id)
    with pytest.raises(AirtableError, match="delete a webhook of the base"):
        delete_webhook(airtable, BASE, webhook.id)
    with pytest.raises(AirtableError, match="read what changed in the base"):
        read_changes(airtable, BASE, webhook)


def test_a_payload_that_airtable_could_not_make_is_none(box: Sandbox, airtable: Airtable) -> None:
    webhook = create_webhook(airtable, BASE)
    assert webhook is not None
    body = {"payloads": [{"error": True, "code": "INVALID_FILTERS"}], "cursor": 2, "mightHaveMore": False}
    box.faults({"kind": "status", "status": 200, "body": body, "match": {"path": "*/payloads"}})
    assert read_changes(airtable, BASE, webhook) is None
