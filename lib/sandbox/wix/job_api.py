"""The endpoints of asynchronous jobs: begin one, query its progress."""

from __future__ import annotations

from typing import Any

from sandbox.wix.patches import read_modifications
from sandbox.wix.queries import filter_of
from sandbox.wix.site import Call
from sandbox.wix.writes import patch_item, refuse_links


def remove_by_filter(call: Call) -> Any:
    """`{jobId}`."""
    collection = call.open("remove", "BULK_REMOVE")
    compiled = filter_of(call, collection, call.params.raw("filter"))
    call.site.quota.take("writes")
    return {"jobId": call.site.jobs.start(collection, compiled, lambda item: call.site.items.remove(collection, item))}


def patch_by_filter(call: Call) -> Any:
    """`{jobId}`; the changes are in `patch.fieldModifications` or beside the filter [ASSUME]."""
    collection = call.open("update", "BULK_UPDATE")
    compiled = filter_of(call, collection, call.params.raw("filter"))
    changes = read_modifications(call.params.part("patch") if "patch" in call.params else call.params)
    refuse_links(collection, [name for _, name, _ in changes])
    call.site.quota.take("writes")
    return {
        "jobId": call.site.jobs.start(collection, compiled, lambda item: patch_item(call, collection, item, changes))
    }


def job_status(call: Call) -> Any:
    """`{status, successCount}` of `/async-jobs/{id}/status`."""
    return call.site.jobs.status(call.params.text_or("jobId") or call.tail.removesuffix("/status"))
