"""Queries of a collection: building them, the values in them, their evaluation over items.

from runbook.query import Query
Query().eq("dot_number", 1234567).ascending("legal_name").limit(50)
"""

from __future__ import annotations

from runbook.query.query import Query

__all__ = ["Query"]
