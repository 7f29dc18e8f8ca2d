"""The `DATA_SOURCE` flags as the site's own Velo code reads them.

The platform's code asks per collection; an unknown name is 'wix', so that a forgotten collection stays where it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from runbook.catalog import Catalog

SECRET_NAME = "DATA_SOURCE"  # noqa: S105  (a name, no secret)


def as_json(flags: Mapping[str, str]) -> str:
    """One JSON object, flag to source, in the catalog's order: what the published secret holds."""
    return json.dumps(dict(flags), indent=2)


def as_jsw(flags: Mapping[str, str], catalog: Catalog) -> str:
    """A Velo backend module: `DATA_SOURCE` by flag, and `getDataSource(collection)` by Wix name."""
    of_collection = {c.wix: c.flag for c in catalog.collections.values()}
    return (
        "// Written by `runbook flags --format jsw`; turn flags with `runbook flags`, not here.\n"
        f"export const DATA_SOURCE = {json.dumps(dict(flags), indent=2)};\n\n"
        f"const FLAG_OF_COLLECTION = {json.dumps(of_collection, indent=2)};\n\n"
        "export function getDataSource(collection) {\n"
        "  return DATA_SOURCE[FLAG_OF_COLLECTION[collection] || collection] || 'wix';\n"
        "}\n"
    )
