"""The schema of a base: planned, applied, looked up.

plan = plan_schema(catalog, collections, airtable.tables(base))     # pure; shows itself
applied = apply_schema(plan, airtable, base)                        # exactly that; safe to repeat
tables = Tables(airtable.tables(base), catalog)                     # ids by names
"""

from __future__ import annotations

from runbook.airtable.schema_apply import Applied, apply_schema
from runbook.airtable.schema_plan import SchemaPlan, plan_schema
from runbook.airtable.schema_steps import Drift
from runbook.airtable.tables import LinkColumn, Tables

__all__ = ["Applied", "Drift", "LinkColumn", "SchemaPlan", "Tables", "apply_schema", "plan_schema"]
