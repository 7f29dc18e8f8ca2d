"""The Airtable side's endpoints, a module a subject; `service` asks them in order of their routes."""

from __future__ import annotations

from sandbox.airtable.endpoints.attachments import AttachmentEndpoints
from sandbox.airtable.endpoints.comments import CommentEndpoints
from sandbox.airtable.endpoints.meta import MetaEndpoints
from sandbox.airtable.endpoints.records import RecordEndpoints
from sandbox.airtable.endpoints.steps import Route
from sandbox.airtable.endpoints.webhooks import WebhookEndpoints
from sandbox.airtable.engine import Engine


def every_route(engine: Engine) -> list[Route]:
    """All routes; those with literal parts before `/v0/{base}/{table}`, which would swallow them."""
    return [
        route
        for kind in (MetaEndpoints, WebhookEndpoints, AttachmentEndpoints, CommentEndpoints, RecordEndpoints)
        for route in kind(engine).routes
    ]
