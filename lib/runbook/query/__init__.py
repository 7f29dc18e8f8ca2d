"""What can be asked of a collection, and what it means: a query, the values in it, and its evaluation over items.

from runbook.query import Query
Query().eq("dot_number", 1234567).ascending("legal_name").limit(50)
"""

from __future__ import annotations

from runbook.query.query import Query

__all__ = ["Query"]
