"""Airtable's formulas: `filterByFormula`, formula fields and rollups.

    program = parse("AND({State} = 'TX', IS_AFTER({Hired}, '2026-01-01'))").bind(field_ids.get)
    kept = [row for row in rows if program.keeps(row)]

A rollup is a formula over the one name `values`: `parse("SUM(values)").bind({"values": "values"}.get)`, with a row
whose `value("values")` is the list.
"""

from __future__ import annotations

from sandbox.airtable.formulas.narrowing import AnyOf, ByRecordId, ByText, Lookup
from sandbox.airtable.formulas.parser import FormulaError
from sandbox.airtable.formulas.program import Formula, Program, parse
from sandbox.airtable.formulas.row import Row
from sandbox.airtable.formulas.values import FAULT, FormulaFault, Value, to_cell, to_text

__all__ = [
    "FAULT",
    "AnyOf",
    "ByRecordId",
    "ByText",
    "Formula",
    "FormulaError",
    "FormulaFault",
    "Lookup",
    "Program",
    "Row",
    "Value",
    "parse",
    "to_cell",
    "to_text",
]
