"""The `DATA_SOURCE` flags in the formats that the site's Velo code reads.

The platform's code asks per collection; for an unknown name the answer is 'wix', so a forgotten collection stays there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from runbook.catalog import Catalog

SECRET_NAME = "DATA_SOURCE"  # noqa: S105 - the name of a secret, not its value


def as_json(flags: Mapping[str, str]) -> str:
    """One JSON object, flag to source, in the catalog's order: the content of the published secret."""
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
