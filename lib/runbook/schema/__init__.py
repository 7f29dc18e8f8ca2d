"""The schema of a base: plan, apply, look up.

plan = plan_schema(catalog, collections, airtable.tables(base))     # sends no request
applied = apply_schema(plan, airtable, base)                        # exactly that; idempotent
tables = Tables(airtable.tables(base), catalog)                     # ids by name
"""

from __future__ import annotations

from runbook.schema.apply import Applied, apply_schema
from runbook.schema.plan import SchemaPlan, plan_schema
from runbook.schema.steps import Drift
from runbook.schema.tables import LinkColumn, Tables

__all__ = ["Applied", "Drift", "LinkColumn", "SchemaPlan", "Tables", "apply_schema", "plan_schema"]
