"""Stripe's webhook over HTTP: signatures, the effects of events, each exactly once in any order."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
import uvicorn
from stripe import WebhookSignature

from lmdr.services import http_functions
from lmdr.services.billing import stripe_webhook
from lmdr.services.billing.stripe_log import is_event_processed, log_stripe_event
from lmdr.services.billing.stripe_webhook import handle_stripe_event
from lmdr.services.context import Context
from lmdr.services.http_functions import MAX_BODY, WEBHOOK, app
from platform_kit import Platform
from runbook.errors import SourceDown

SECRET = "whsec_test"
DOT = "1234567"
START, END = 1_768_953_600, 1_771_632_000  # 2026-01-21 and 2026-02-21, in Stripe's seconds


class Hook:
    """The endpoint of one platform. `post` signs what it sends, now by the platform's clock."""

    def __init__(self, platform: Platform, url: str) -> None:
        self.platform, self.url = platform, url
        self.session = requests.Session()
        self.app: Any = None
        self.use(secrets={"STRIPE_WEBHOOK_SECRET": SECRET, "STRIPE_PRICE_ENTERPRISE": "price_e"})

    def use(self, **more: Any) -> Context:
        self.context = self.platform.context(**more)
        self.app = app(self.context)
        return self.context

    def post(self, event: Any, *, header: str | None = "sign", at: datetime | None = None) -> requests.Response:
        payload = event if isinstance(event, bytes) else json.dumps(event, ensure_ascii=False).encode()
        if header == "sign":
            header = sign(payload.decode(), at or self.platform.now)
        headers = {} if header is None else {"Stripe-Signature": header}
        return self.session.post(self.url, data=payload, headers=headers, timeout=30)

    def status(self, event: dict[str, Any]) -> str:
        answer = self.post(event)
        assert answer.status_code == 200, answer.text
        assert answer.json()["received"] is True
        return str(answer.json()["status"])


def sign(payload: str, at: datetime, secret: str = SECRET) -> str:
    return str(WebhookSignature.generate_signature_header(payload, secret, int(at.timestamp())))


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, list[Hook]]]:
    """One server for all tests; it hands requests to the hook of the test that runs."""
    hooks: list[Hook] = []

    async def front(scope: Any, receive: Any, send: Any) -> None:
        await hooks[-1].app(scope, receive, send)

    running = uvicorn.Server(uvicorn.Config(front, lifespan="off", ws="none", log_config=None, timeout_keep_alive=75))
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}{WEBHOOK}", hooks
    running.should_exit = True
    thread.join()
    listener.close()


@pytest.fixture
def hook(platform: Platform, server: tuple[str, list[Hook]]) -> Iterator[Hook]:
    url, hooks = server
    hooks.append(Hook(platform, url))
    yield hooks[-1]
    hooks.pop().session.close()


_numbers = iter(range(1, 10_000))


def event(kind: str, sent: dict[str, Any], *, created: int = START, **more: Any) -> dict[str, Any]:
    return {"id": f"evt_{next(_numbers)}", "type": kind, "created": created, "data": {"object": sent, **more}}


def subscription(kind: str = "updated", *, created: int = START, **more: Any) -> dict[str, Any]:
    sent = {
        "id": "sub_1",
        "customer": "cus_1",
        "status": "active",
        "metadata": {"carrier_dot": DOT},
        "items": {"data": [{"price": {"id": "price_p"}}]},
        "current_period_start": START,
        "current_period_end": END,
        "cancel_at_period_end": False,
    }
    return event(f"customer.subscription.{kind}", {**sent, **more}, created=created)


def invoice(kind: str = "paid", *, created: int = START, **more: Any) -> dict[str, Any]:
    sent = {
        "id": "in_1",
        "subscription": "sub_1",
        "customer": "cus_1",
        "billing_reason": "subscription_cycle",
        "amount_paid": 24_900,
        "amount_due": 24_900,
        "currency": "usd",
        "period_start": START,
        "period_end": END,
        "subscription_details": {"metadata": {"carrier_dot": DOT}},
        "lines": {"data": [{"description": "1 × Pro"}]},
    }
    return event(f"invoice.{kind}", {**sent, **more}, created=created)


def put_subscription(platform: Platform, **fields: Any) -> str:
    sent = {"carrier_dot": DOT, "plan_type": "pro", "status": "active", "is_active": True, "monthly_view_quota": 25,
            "views_used_this_month": 7, "stripe_subscription_id": "sub_1", "stripe_customer_id": "cus_1"}  # fmt: skip
    return str(platform.put("CarrierSubscriptions", **sent | fields)["_id"])


def only(platform: Platform, collection: str) -> dict[str, Any]:
    (row,) = platform.rows(collection)
    return row


def billed(platform: Platform) -> list[str]:
    return sorted(row["event_type"] for row in platform.rows("BillingHistory"))


def nothing_written(platform: Platform) -> bool:
    names = ("StripeEvents", "BillingHistory", "CarrierSubscriptions", "CheckoutAbandonment")
    return all(platform.rows(name) == [] for name in names)


# ------------------------------------------------------------------ what is let in


def test_a_get_is_a_health_check(hook: Hook) -> None:
    answer = requests.get(hook.url, timeout=5)
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert requests.get(f"{hook.url}/more", timeout=5).status_code == 404
    assert requests.put(hook.url, timeout=5).status_code == 405


def test_an_unsigned_request_is_refused_and_writes_nothing(hook: Hook, platform: Platform) -> None:
    sent = subscription("created")
    payload = json.dumps(sent)
    now = int(platform.now.timestamp())
    for header in (
        None,
        "",
        "t=1",
        f"t={now}",
        f"t={now},v1=",
        f"t={now},v1=00",
        f"t={now},v0={sign(payload, platform.now)[-64:]}",
        f"t=now,v1={sign(payload, platform.now)[-64:]}",
        f"t={now + 1},v1={sign(payload, platform.now)[-64:]}",
        f"t={now},v1={'é' * 32}",
        sign(payload, platform.now, "whsec_other"),
        sign(payload + " ", platform.now),
    ):
        answer = hook.post(payload.encode(), header=header.encode("latin-1") if header else header)  # type: ignore[arg-type]
        assert (answer.status_code, answer.json()) == (400, {"error": "Invalid signature"}), header
    assert nothing_written(platform)


@pytest.mark.parametrize(("seconds", "code"), [(-301, 400), (-300, 200), (300, 200), (301, 400)])
def test_a_signature_holds_for_300_seconds_either_way(hook: Hook, platform: Platform, seconds: int, code: int) -> None:
    answer = hook.post(event("ping", {}), at=platform.now + timedelta(seconds=seconds))
    assert answer.status_code == code
    assert len(platform.rows("StripeEvents")) == (code == 200)


@pytest.mark.parametrize("secrets", [{}, {"STRIPE_WEBHOOK_SECRET": ""}])
def test_without_a_secret_nothing_is_accepted(hook: Hook, platform: Platform, secrets: dict[str, str]) -> None:
    hook.use(secrets=secrets)
    sent = json.dumps(subscription("created"))
    for header in (None, sign(sent, platform.now), sign(sent, platform.now, "")):
        assert hook.post(sent.encode(), header=header).status_code == 400
    assert nothing_written(platform)


def test_any_of_several_signatures_will_do(hook: Hook, platform: Platform) -> None:
    payload = json.dumps(event("ping", {}))
    now, good = sign(payload, platform.now).split(",")
    assert hook.post(payload.encode(), header=f"{now},v1=00,{good},v0=11").status_code == 200


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"{", b"null", b'{"id": 1, "type": "a", "data": {"object": {}}}', b'{"id": "evt", "type": "a"}'],
)
def test_a_signed_payload_that_is_not_an_event_is_refused(hook: Hook, platform: Platform, payload: bytes) -> None:
    answer = hook.post(payload)
    assert (answer.status_code, answer.json()) == (400, {"error": "Invalid payload"})
    assert nothing_written(platform)


def test_invalid_utf8_and_too_large_bodies_are_refused(hook: Hook, platform: Platform) -> None:
    assert hook.post(b"\xff", header=sign("x", platform.now)).status_code == 400
    assert hook.post(b" " * (MAX_BODY + 1)).status_code == 413


# ------------------------------------------------------------------ what events do


def test_a_subscription_begins(hook: Hook, platform: Platform) -> None:
    assert hook.status(sent := subscription("created")) == "created"
    row = only(platform, "CarrierSubscriptions")
    assert {key: value for key, value in row.items() if key[0] != "_"} == {
        "carrier_dot": DOT, "plan_type": "pro", "status": "active", "is_active": True, "monthly_view_quota": 25,
        "views_used_this_month": 0, "stripe_customer_id": "cus_1", "stripe_subscription_id": "sub_1",
        "stripe_price_id": "price_p", "cancel_at_period_end": False,
        "current_period_start": datetime.fromtimestamp(START, UTC),
        "current_period_end": datetime.fromtimestamp(END, UTC), "quota_reset_date": datetime.fromtimestamp(END, UTC),
    }  # fmt: skip
    bill = only(platform, "BillingHistory")
    assert (bill["event_type"], bill["carrier_dot"], bill["amount"], bill["currency"]) == (
        "subscription_created", DOT, 0, "usd")  # fmt: skip
    assert bill["stripe_event_id"] == sent["id"]
    log = only(platform, "StripeEvents")
    assert (log["event_id"], log["event_type"], log["carrier_dot"], log["processed"], log["processed_at"]) == (
        sent["id"], "customer.subscription.created", DOT, True, platform.now)  # fmt: skip
    assert json.loads(log["data_summary"]) == {"carrierDot": DOT, "status": "created", "created": START}


def test_a_subscription_is_updated_in_its_only_row_and_keeps_its_views(hook: Hook, platform: Platform) -> None:
    row_id = put_subscription(platform)
    enterprise = {"data": [{"price": {"id": "price_e"}}]}
    assert hook.status(subscription(items=enterprise, status="past_due")) == "updated"
    row = only(platform, "CarrierSubscriptions")
    assert (row["_id"], row["plan_type"], row["monthly_view_quota"]) == (row_id, "enterprise", -1)
    assert (row["status"], row["is_active"], row["views_used_this_month"]) == ("past_due", False, 7)
    assert billed(platform) == []


def test_the_period_is_found_where_stripe_tells_it_since_2025(hook: Hook, platform: Platform) -> None:
    item = {"price": {"id": "price_p"}, "current_period_start": START, "current_period_end": END}
    moved = {"current_period_start": None, "current_period_end": None, "items": {"data": [item]}}
    assert hook.status(subscription("created", **moved)) == "created"
    assert only(platform, "CarrierSubscriptions")["quota_reset_date"] == datetime.fromtimestamp(END, UTC)
    renewal = invoice(subscription=None, subscription_details=None,
                      parent={"subscription_details": {"subscription": "sub_1", "metadata": {"carrier_dot": DOT}}})  # fmt: skip
    assert hook.status(renewal) == "paid"


@pytest.mark.parametrize("metadata", [{}, {"carrier_dot": ""}, {"carrier_dot": "ACME"}, None])
def test_a_subscription_without_a_carrier_is_logged_as_an_error(hook: Hook, platform: Platform, metadata: Any) -> None:
    sent = subscription("created", metadata=metadata)
    assert hook.status(sent) == "error"
    assert platform.rows("CarrierSubscriptions") == []
    assert billed(platform) == []
    assert only(platform, "StripeEvents")["processed"] is True
    assert hook.status(sent) == "already_processed"
    cancel = subscription(metadata=metadata, cancel_at_period_end=True)
    assert hook.status(cancel) == "error"
    assert billed(platform) == ["subscription_cancel_scheduled"]


def test_a_subscription_ends(hook: Hook, platform: Platform) -> None:
    put_subscription(platform)
    assert hook.status(subscription(cancel_at_period_end=True)) == "updated"
    assert hook.status(subscription("deleted", created=START + 1)) == "deleted"
    row = only(platform, "CarrierSubscriptions")
    assert (row["status"], row["is_active"]) == ("canceled", False)
    assert billed(platform) == ["subscription_cancel_scheduled", "subscription_canceled"]
    assert hook.status(subscription("deleted", id="sub_2", created=START + 2)) == "error"
    assert billed(platform) == ["subscription_cancel_scheduled", "subscription_canceled"]


def test_a_paid_period_begins_with_no_views_used(hook: Hook, platform: Platform) -> None:
    put_subscription(platform)
    assert hook.status(invoice()) == "paid"
    row = only(platform, "CarrierSubscriptions")
    assert row["views_used_this_month"] == 0
    assert row["current_period_start"] == datetime.fromtimestamp(START, UTC)
    assert row["current_period_end"] == row["quota_reset_date"] == datetime.fromtimestamp(END, UTC)
    bill = only(platform, "BillingHistory")
    assert (bill["event_type"], bill["amount"], bill["invoice_id"], bill["description"]) == (
        "payment_succeeded", 24_900, "in_1", "Payment for 1 × Pro")  # fmt: skip


def test_other_invoices_do_not_reset_the_quota(hook: Hook, platform: Platform) -> None:
    put_subscription(platform)
    assert hook.status(invoice(billing_reason="subscription_create")) == "paid"
    assert hook.status(invoice(subscription=None)) == "skipped"
    assert hook.status(invoice("payment_failed", subscription=None)) == "skipped"
    assert only(platform, "CarrierSubscriptions")["views_used_this_month"] == 7
    assert billed(platform) == ["payment_succeeded"]


def test_a_payment_fails(hook: Hook, platform: Platform) -> None:
    put_subscription(platform)
    line = {"data": [{"metadata": {"carrier_dot": DOT}}]}
    assert hook.status(invoice("payment_failed", subscription_details=None, lines=line)) == "payment_failed"
    row = only(platform, "CarrierSubscriptions")
    assert (row["status"], row["is_active"], row["views_used_this_month"]) == ("past_due", False, 7)
    bill = only(platform, "BillingHistory")
    assert (bill["event_type"], bill["amount"], bill["carrier_dot"]) == ("payment_failed", 24_900, DOT)


def test_an_abandoned_checkout_is_recorded_and_recovered(hook: Hook, platform: Platform) -> None:
    session = {"id": "cs_1", "customer_details": {"email": "a@b.test", "name": "Ann"},
               "metadata": {"carrier_dot": DOT, "plan_type": "enterprise"}}  # fmt: skip
    assert hook.status(event("checkout.session.expired", session)) == "checkout_expired"
    row = only(platform, "CheckoutAbandonment")
    assert (row["email"], row["carrierDot"], row["planType"], row["stripeSessionId"]) == (
        "a@b.test", DOT, "enterprise", "cs_1")  # fmt: skip
    assert (row["abandonedAt"], row["recovered"], row["email1Sent"], row["contactName"]) == (
        platform.now, False, False, "Ann")  # fmt: skip
    assert hook.status(event("checkout.session.completed", {**session, "id": "cs_2"})) == "checkout_completed"
    row = only(platform, "CheckoutAbandonment")
    assert (row["recovered"], row["recoveredAt"], row["recoverySessionId"]) == (True, platform.now, "cs_2")
    assert billed(platform) == ["checkout_abandoned", "checkout_completed"]


def test_a_refund_has_the_amount_of_this_refund(hook: Hook, platform: Platform) -> None:
    put_subscription(platform)
    charge = {"id": "ch_1", "customer": "cus_1", "amount_refunded": 24_900, "currency": "cad", "invoice": "in_1"}
    assert hook.status(event("charge.refunded", charge)) == "refunded"
    bill = only(platform, "BillingHistory")
    assert (bill["event_type"], bill["carrier_dot"], bill["amount"]) == ("refunded", DOT, 24_900)
    assert (bill["currency"], bill["invoice_id"]) == ("cad", "in_1")
    second = event("charge.refunded", {"amount_refunded": 900}, previous_attributes={"amount_refunded": 400})
    assert hook.status(second) == "refunded"
    row = next(row for row in platform.rows("BillingHistory") if row["stripe_event_id"] == second["id"])
    assert row["amount"] == 500
    assert "carrier_dot" not in row


def test_a_payment_is_billed_once_by_its_invoice_or_by_itself(hook: Hook, platform: Platform) -> None:
    paid = {"id": "pi_1", "amount_received": 10_000, "currency": "usd", "metadata": {"carrier_dot": DOT}}
    assert hook.status(event("payment_intent.succeeded", {**paid, "invoice": "in_1"})) == "skipped"
    assert hook.status(event("payment_intent.succeeded", {**paid, "metadata": {}})) == "skipped"
    assert billed(platform) == []
    assert hook.status(event("payment_intent.succeeded", paid)) == "payment_succeeded"
    bill = only(platform, "BillingHistory")
    assert (bill["event_type"], bill["carrier_dot"], bill["amount"]) == ("payment_succeeded", DOT, 10_000)


def test_other_events_are_logged_too(hook: Hook, platform: Platform) -> None:
    assert hook.status(event("customer.created", {"id": "cus_9", "name": "Łukasz 🚚"})) == "unhandled"
    log = only(platform, "StripeEvents")
    assert (log["event_type"], json.loads(log["data_summary"])["status"]) == ("customer.created", "unhandled")
    assert billed(platform) == []


# ------------------------------------------------------------------ once, whatever the order


def test_a_second_delivery_changes_nothing(hook: Hook, platform: Platform) -> None:
    put_subscription(platform)
    sent = invoice()
    assert hook.status(sent) == "paid"
    row = only(platform, "CarrierSubscriptions")
    platform.records.patch("CarrierSubscriptions", row["_id"], {"views_used_this_month": 3})
    platform.at(platform.now + timedelta(days=1))
    assert hook.status(sent) == "already_processed"
    assert only(platform, "CarrierSubscriptions")["views_used_this_month"] == 3
    assert len(platform.rows("BillingHistory")) == len(platform.rows("StripeEvents")) == 1


def test_an_event_that_the_platform_logged_is_not_processed_again(hook: Hook, platform: Platform) -> None:
    sent = subscription("created")
    platform.put("StripeEvents", event_id=sent["id"], event_type=sent["type"], processed_at=platform.now)
    assert is_event_processed(hook.context, sent["id"])
    assert hook.status(sent) == "already_processed"
    assert platform.rows("CarrierSubscriptions") == []


@pytest.mark.slow
def test_concurrent_deliveries_have_one_effect(hook: Hook, platform: Platform) -> None:
    hook.use(secrets={"STRIPE_WEBHOOK_SECRET": SECRET}, sleep=time.sleep)
    sent = subscription("created")
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: hook.status(sent), range(6)))
    assert sorted(answers) == ["already_processed"] * 5 + ["created"]
    assert len(platform.rows("CarrierSubscriptions")) == 1
    assert billed(platform) == ["subscription_created"]
    assert only(platform, "StripeEvents")["processed"] is True


@pytest.mark.slow
def test_concurrent_events_of_a_new_carrier_create_one_row_with_the_newest_state(
    hook: Hook, platform: Platform
) -> None:
    hook.use(secrets={"STRIPE_WEBHOOK_SECRET": SECRET, "STRIPE_PRICE_ENTERPRISE": "price_e"}, sleep=time.sleep)
    sent = [subscription("created", status="incomplete")]
    sent += [subscription(created=START + n, status="trialing") for n in (1, 2, 3)]
    sent += [subscription(created=START + 4, items={"data": [{"price": {"id": "price_e"}}]})]
    with ThreadPoolExecutor(5) as pool:
        list(pool.map(hook.status, sent))
    row = only(platform, "CarrierSubscriptions")
    assert (row["status"], row["plan_type"]) == ("active", "enterprise")
    assert billed(platform) == ["subscription_created"]


def test_an_older_event_does_not_overwrite_a_newer_one(hook: Hook, platform: Platform) -> None:
    assert hook.status(subscription(created=START + 60, status="active")) == "updated"
    assert hook.status(invoice("payment_failed", created=START + 59)) == "superseded"
    assert hook.status(subscription(created=START + 30, status="past_due", cancel_at_period_end=True)) == "superseded"
    assert hook.status(subscription("created", created=START, status="incomplete")) == "superseded"
    assert only(platform, "CarrierSubscriptions")["status"] == "active"
    assert billed(platform) == ["payment_failed", "subscription_cancel_scheduled", "subscription_created"]


def test_within_one_second_created_comes_before_updated_before_deleted(hook: Hook, platform: Platform) -> None:
    assert hook.status(subscription()) == "updated"
    assert hook.status(subscription("created", status="incomplete")) == "superseded"
    assert hook.status(subscription(status="trialing")) == "updated"
    assert only(platform, "CarrierSubscriptions")["status"] == "trialing"
    assert hook.status(subscription("deleted")) == "deleted"
    assert hook.status(subscription()) == "superseded"
    assert only(platform, "CarrierSubscriptions")["status"] == "canceled"


def test_the_order_is_kept_per_carrier(hook: Hook, platform: Platform) -> None:
    assert hook.status(subscription(created=START + 60)) == "updated"
    other = subscription("created", id="sub_2", metadata={"carrier_dot": "7"})
    assert hook.status(other) == "created"
    assert len(platform.rows("CarrierSubscriptions")) == 2


def test_an_event_that_decided_nothing_blocks_no_other(hook: Hook, platform: Platform) -> None:
    put_subscription(platform)
    assert hook.status(invoice("payment_failed", subscription="sub_old", created=START + 60)) == "payment_failed"
    assert hook.status(subscription("deleted", id="sub_old", created=START + 60)) == "error"
    assert hook.status(subscription(created=START, status="trialing")) == "updated"
    assert only(platform, "CarrierSubscriptions")["status"] == "trialing"


@pytest.mark.parametrize(
    ("summary", "status"),
    [
        (json.dumps({"carrierDot": DOT, "status": "updated"}), "superseded"),
        (json.dumps({"carrierDot": DOT, "status": "updated"})[:9], "superseded"),
        ("[]", "superseded"),
        (None, "superseded"),
        (json.dumps({"carrierDot": DOT, "status": "error"}), "updated"),
    ],
)
def test_events_that_the_platform_logged_count_by_processing_time(
    hook: Hook, platform: Platform, summary: str | None, status: str
) -> None:
    at = datetime.fromtimestamp(START + 5, UTC)
    platform.put("StripeEvents", event_id="evt_old", event_type="customer.subscription.updated", carrier_dot=DOT,
                 processed_at=at, data_summary=summary)  # fmt: skip
    assert hook.status(subscription(created=START + 4)) == status
    assert hook.status(subscription(created=START + 6)) == "updated"


def test_an_older_period_does_not_start_after_a_newer_one(hook: Hook, platform: Platform) -> None:
    put_subscription(platform)
    assert hook.status(subscription(created=START + 90)) == "updated"  # decides something else
    assert hook.status(invoice(created=START + 60)) == "paid"
    row_id = only(platform, "CarrierSubscriptions")["_id"]
    platform.records.patch("CarrierSubscriptions", row_id, {"views_used_this_month": 3})
    assert hook.status(invoice(created=START, period_end=START)) == "paid"
    row = platform.row("CarrierSubscriptions", row_id)
    assert (row["views_used_this_month"], row["quota_reset_date"]) == (3, datetime.fromtimestamp(END, UTC))
    assert billed(platform) == ["payment_succeeded"] * 2


# ------------------------------------------------------------------ what fails is delivered again


def test_a_failed_event_is_not_logged_and_processed_at_the_next_delivery(
    hook: Hook, platform: Platform, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put_subscription(platform)
    sent = invoice()

    def fail(*args: Any, **kwargs: Any) -> None:
        raise SourceDown("a@b.test", collection="BillingHistory")

    with monkeypatch.context() as patched:
        patched.setattr(stripe_webhook.stripe, "record_billing_event", fail)
        answer = hook.post(sent)
    assert (answer.status_code, answer.json()) == (500, {"error": "Webhook processing failed"})
    assert caplog.messages == [f"{sent['id']} of type invoice.paid was not processed: SourceDown"]
    assert platform.rows("StripeEvents") == []
    assert not is_event_processed(hook.context, sent["id"])
    assert hook.status(sent) == "paid"
    assert billed(platform) == ["payment_succeeded"]


def test_a_reset_is_not_repeated_though_its_event_was_not_logged(
    hook: Hook, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    row_id = put_subscription(platform)
    sent = invoice()
    with monkeypatch.context() as patched:
        patched.setattr(stripe_webhook, "log_stripe_event", lambda *args: 1 / 0)
        assert hook.post(sent).status_code == 500
    assert platform.row("CarrierSubscriptions", row_id)["views_used_this_month"] == 0
    platform.records.patch("CarrierSubscriptions", row_id, {"views_used_this_month": 2})
    assert hook.status(sent) == "paid"
    assert platform.row("CarrierSubscriptions", row_id)["views_used_this_month"] == 2
    assert billed(platform) == ["payment_succeeded"]


class Held:
    """Holds the first call of a function of the webhook until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
        self.begun, self.go, work = threading.Event(), threading.Event(), getattr(module, name)

        def call(*args: Any, **more: Any) -> Any:
            if not self.begun.is_set():
                self.begun.set()
                assert self.go.wait(20)
            return work(*args, **more)

        monkeypatch.setattr(module, name, call)


def test_a_second_delivery_waits_for_the_first(hook: Hook, platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    sent, held = subscription("created"), Held(monkeypatch, stripe_webhook, "log_stripe_event")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(hook.status, sent)
        assert held.begun.wait(20)
        second = pool.submit(hook.status, sent)
        assert hook.status(subscription(metadata={"carrier_dot": "7"}, id="sub_7")) == "updated"  # of another carrier
        assert not second.done()
        assert not is_event_processed(hook.context, sent["id"])
        held.go.set()
        assert (first.result(), second.result()) == ("created", "already_processed")
    assert billed(platform) == ["subscription_created"]


def test_an_older_event_waits_for_a_newer_one_in_progress_and_has_no_effect(
    hook: Hook, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_subscription(platform)
    held = Held(monkeypatch, stripe_webhook, "log_stripe_event")
    with ThreadPoolExecutor(2) as pool:
        newer = pool.submit(hook.status, subscription(created=START + 1))
        assert held.begun.wait(20)
        older = pool.submit(hook.status, invoice("payment_failed"))
        assert (
            hook.status(event("customer.created", {"metadata": {"carrier_dot": DOT}})) == "unhandled"
        )  # decides nothing
        assert not older.done()
        held.go.set()
        assert (newer.result(), older.result()) == ("updated", "superseded")
    assert only(platform, "CarrierSubscriptions")["status"] == "active"


def test_an_event_that_an_earlier_version_began_is_processed(hook: Hook, platform: Platform) -> None:
    sent = subscription("created")
    log_stripe_event(hook.context, sent["id"], sent["type"], {"carrierDot": DOT})
    begun = only(platform, "StripeEvents")["_id"]
    platform.records.patch("StripeEvents", begun, {"processed": False})
    newer = subscription(created=START + 9, status="trialing")
    log_stripe_event(hook.context, newer["id"], newer["type"], {"carrierDot": DOT, "created": START + 9})
    unfinished = next(row["_id"] for row in platform.rows("StripeEvents") if row["_id"] != begun)
    platform.records.patch("StripeEvents", unfinished, {"processed": False})
    assert not is_event_processed(hook.context, sent["id"])
    assert hook.status(sent) == "created"
    assert hook.status(newer) == "updated"
    assert only(platform, "CarrierSubscriptions")["status"] == "trialing"
    assert len(platform.rows("StripeEvents")) == 2


def test_an_unreadable_log_counts_as_not_processed(platform: Platform) -> None:
    class Down:
        def first(self, *args: Any, **kwargs: Any) -> None:
            raise SourceDown("down")

        def pinned(self, **more: Any) -> Any:
            return self

        def exclusive(self, name: str) -> Any:
            return self

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *about: Any) -> None: ...

    context = replace(platform.context(), records=Down())  # type: ignore[arg-type]
    assert is_event_processed(context, "evt_1") is False
    with pytest.raises(SourceDown):
        handle_stripe_event(context, event("ping", {}))


def test_the_event_loop_is_free_while_an_event_is_processed(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go = threading.Event(), threading.Event()

    def slow(context: Context, sent: Any) -> dict[str, Any]:
        begun.set()
        assert go.wait(10)
        raise SourceDown("down")

    monkeypatch.setattr(http_functions, "handle_stripe_event", slow)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(hook.post, event("ping", {}))
        assert begun.wait(10)
        assert requests.get(hook.url, timeout=5).status_code == 200
        go.set()
        assert answer.result().status_code == 500
