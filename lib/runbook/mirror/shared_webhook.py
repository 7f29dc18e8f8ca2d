"""The webhook of a base, which everything that looks for changes in it shares: state knows it."""

from __future__ import annotations

from runbook.airtable.client import Airtable
from runbook.airtable.webhooks import Webhook, create_webhook, delete_webhook, find_webhook
from runbook.state import Facts


def shared_webhook(airtable: Airtable, base: str, facts: Facts) -> Webhook | None:
    """The base's webhook, to be read from now on; created where there is none, None where none can be created.

    One request, two where it is created. Raises AirtableError.
    """
    known = facts.webhook(base)
    found = None if known is None else find_webhook(airtable, base, known)
    if found is not None:
        return found
    created = create_webhook(airtable, base)
    if created is None or facts.replace_webhook(base, known, created.id):
        return created
    delete_webhook(airtable, base, created.id)  # another process was faster
    return shared_webhook(airtable, base, facts)
