"""The schema of a base: planned, applied, looked up.

plan = plan_schema(catalog, collections, airtable.tables(base))     # pure; shows itself
applied = apply_schema(plan, airtable, base)                        # exactly that; safe to repeat
tables = Tables(airtable.tables(base), catalog)                     # ids by names
"""

from __future__ import annotations

from runbook.schema.apply import Applied, apply_schema
from runbook.schema.plan import SchemaPlan, plan_schema
from runbook.schema.steps import Drift
from runbook.schema.tables import LinkColumn, Tables

__all__ = ["Applied", "Drift", "LinkColumn", "SchemaPlan", "Tables", "apply_schema", "plan_schema"]
