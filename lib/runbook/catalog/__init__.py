"""What is migrated: collections, fields and links, validated, loaded from a folder of YAML files, one per phase.

    catalog = load_catalog(Path("lib/lmdr/catalog"))
    carriers = catalog.collection("Carriers")
    carriers.field("dot_number").name        # "DOT Number"
    [c.wix for c in catalog.phase(2).collections]

Fields that every collection has (the legacy id, the owner, both timestamps) are listed once, as `system_fields`, and
are the last of `Collection.fields`. `checks` validates the catalog as a whole.
"""

from runbook.catalog.loading import load_catalog
from runbook.catalog.model import Catalog, Collection, Copy, Field, Kept, Link, Phase
from runbook.catalog.names import LEGACY_ID, ORIGINAL

__all__ = [
    "LEGACY_ID",
    "ORIGINAL",
    "Catalog",
    "Collection",
    "Copy",
    "Field",
    "Kept",
    "Link",
    "Phase",
    "load_catalog",
]
