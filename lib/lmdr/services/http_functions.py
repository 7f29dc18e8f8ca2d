"""The platform's HTTP endpoints, as an ASGI application: Stripe's webhook.

    uvicorn.run(app(context), port=8788)

    | request                             | answer                                                                  |
    |-------------------------------------|-------------------------------------------------------------------------|
    | POST /_functions/stripe_webhook     | 200 {received, status}: processed, now or earlier                       |
    |                                     | 400 {error}: signature invalid, missing or older than 300 s; no event   |
    |                                     | 413 {error}: larger than any event                                      |
    |                                     | 500 {error}: not processed; Stripe delivers it again                    |
    | GET /_functions/stripe_webhook      | 200 {status: ok}: health check                                          |

The secret STRIPE_WEBHOOK_SECRET is read at each request.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from lmdr.services.billing.stripe_webhook import handle_stripe_event
from lmdr.services.context import Context
from runbook.query.values import stamp

WEBHOOK = "/_functions/stripe_webhook"
TOLERANCE = 300
"""Seconds between a signature's timestamp and now, at most."""
MAX_BODY = 1 << 20
"""Bytes of a request; Stripe's events have at most a quarter of it."""

_log = logging.getLogger(__name__)


def app(context: Context, *, path: str = WEBHOOK) -> Starlette:
    """The application; `path`: that of Stripe's webhook. Events are processed in threads, off the event loop."""

    async def post(request: Request) -> Response:
        payload = await _body(request)
        if payload is None:
            return JSONResponse({"error": "Payload too large"}, 413)
        if not is_signed(context, payload, request.headers.get("stripe-signature")):
            return JSONResponse({"error": "Invalid signature"}, 400)
        event = _event(payload)
        if event is None:
            return JSONResponse({"error": "Invalid payload"}, 400)
        try:
            return JSONResponse(await run_in_threadpool(handle_stripe_event, context, event))
        except Exception as error:  # noqa: BLE001 - on any error Stripe must deliver the event again
            _log.error("%s of type %s was not processed: %s", event["id"], event["type"], type(error).__name__)
            return JSONResponse({"error": "Webhook processing failed"}, 500)

    async def get(_: Request) -> Response:
        return JSONResponse({"status": "ok", "endpoint": "stripe_webhook", "timestamp": stamp(context.now())})

    return Starlette(routes=[Route(path, post, methods=["POST"]), Route(path, get, methods=["GET"])])


def is_signed(context: Context, payload: bytes, header: str | None) -> bool:
    """Whether Stripe signed a payload, within `TOLERANCE` of now.

    `header`: of the form `t=<seconds>,v1=<hex>`, a HMAC-SHA256 of `<seconds>.<payload>` under the secret.
    """
    from stripe import SignatureVerificationError, WebhookSignature  # 0.09 s

    # Without a secret the platform accepts anything; here nothing is accepted.
    secret = context.secrets.get("STRIPE_WEBHOOK_SECRET", "")
    if not secret or not header:
        return False
    try:
        # The age is checked below: the library accepts a timestamp in the future, and reads the machine's clock.
        WebhookSignature.verify_header(payload.decode(), header, secret, tolerance=None)
        signed_at = int(next(value for key, _, value in (p.partition("=") for p in header.split(",")) if key == "t"))
    except (SignatureVerificationError, ValueError, TypeError):  # not UTF-8; a non-ASCII signature
        return False
    return abs(context.now().timestamp() - signed_at) <= TOLERANCE


async def _body(request: Request) -> bytes | None:
    """The request's body; None where it is too large, and reading stops."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            return None
    return bytes(body)


def _event(payload: bytes) -> dict[str, Any] | None:
    """The payload as an event; None where it is not one."""
    try:
        event = json.loads(payload)
    except ValueError:
        return None
    match event:
        case {"id": str(), "type": str(), "data": {"object": dict()}}:
            return dict(event)
    return None
