"""The platform's HTTP endpoints, as an ASGI application: Stripe's webhook.

    uvicorn.run(app(context), port=8788)

    | request                             | answer                                                                  |
    |-------------------------------------|-------------------------------------------------------------------------|
    | POST /_functions/stripe_webhook     | 200 {received, status}: dealt with, now or before                       |
    |                                     | 400 {error}: signature bad, missing or older than 300 s; no event       |
    |                                     | 413 {error}: longer than any event                                      |
    |                                     | 500, 503 {error}: not dealt with; Stripe delivers it again              |
    | GET /_functions/stripe_webhook      | 200 {status: ok}: it is there                                           |

The secret STRIPE_WEBHOOK_SECRET is read with each request.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.routing import Route

from lmdr.services.billing.stripe_log import EventBusy
from lmdr.services.billing.stripe_webhook import handle_stripe_event
from lmdr.services.context import Context
from runbook.query.values import stamp

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

WEBHOOK = "/_functions/stripe_webhook"
TOLERANCE = 300
"""Seconds that a signature may be away from now."""
LONGEST = 1 << 20
"""Bytes of a request; Stripe's events have a quarter of it at the most."""

_log = logging.getLogger(__name__)


def app(context: Context, *, path: str = WEBHOOK) -> Starlette:
    """The application; `path`: where Stripe's webhook is. Its work runs in threads, off the event loop."""

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
        except EventBusy:
            return JSONResponse({"error": "Event is being processed"}, 503)
        except Exception as error:  # noqa: BLE001 - whatever it was, Stripe has to deliver the event again
            _log.error("%s of type %s was not dealt with: %s", event["id"], event["type"], type(error).__name__)
            return JSONResponse({"error": "Webhook processing failed"}, 500)

    async def get(_: Request) -> Response:
        return JSONResponse({"status": "ok", "endpoint": "stripe_webhook", "timestamp": stamp(context.now())})

    return Starlette(routes=[Route(path, post, methods=["POST"]), Route(path, get, methods=["GET"])])


def is_signed(context: Context, payload: bytes, header: str | None) -> bool:
    """Whether Stripe signed a payload, within `TOLERANCE` of now.

    `header`: of the form `t=<seconds>,v1=<hex>`, a HMAC-SHA256 of `<seconds>.<payload>` under the secret.
    """
    from stripe import SignatureVerificationError, WebhookSignature  # 0.09 s

    # The platform took anything while no secret was set; here nothing is taken then.
    secret = context.secrets.get("STRIPE_WEBHOOK_SECRET", "")
    if not secret or not header:
        return False
    try:
        # Its age is told by our clock: the library takes one from the future, and reads the machine's own.
        WebhookSignature.verify_header(payload.decode(), header, secret, tolerance=None)
        signed_at = int(next(value for key, _, value in (p.partition("=") for p in header.split(",")) if key == "t"))
    except (SignatureVerificationError, ValueError, TypeError):  # no UTF-8; a signature that is not ASCII
        return False
    return abs(context.now().timestamp() - signed_at) <= TOLERANCE


async def _body(request: Request) -> bytes | None:
    """The request's body; None where it is too long, of which no more is read."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST:
            return None
    return bytes(body)


def _event(payload: bytes) -> dict[str, Any] | None:
    """The payload as an event; None where it is none."""
    try:
        event = json.loads(payload)
    except ValueError:
        return None
    match event:
        case {"id": str(), "type": str(), "data": {"object": dict()}}:
            return dict(event)
    return None
