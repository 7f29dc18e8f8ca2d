"""The Airtable side: its client, the schema of a base, formulas, and what is checked there."""
