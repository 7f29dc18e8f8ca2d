"""A Wix Data and an Airtable to rehearse on: one local process that speaks both web APIs.

with Sandbox() as box:
    api = pyairtable.Api(box.token, endpoint_url=box.airtable_url)
"""

from __future__ import annotations

from sandbox.in_process import Sandbox

__all__ = ["Sandbox"]
