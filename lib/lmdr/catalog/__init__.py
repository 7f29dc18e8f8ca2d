"""LMDR's collections: 40 that move, in one file a phase, and 5 that stay. `load()` reads and checks them."""

from __future__ import annotations

from pathlib import Path

from runbook.catalog import Catalog, load_catalog


def load() -> Catalog:
    """LMDR's catalog. Raises CatalogError where a file is wrong."""
    return load_catalog(Path(__file__).parent)
