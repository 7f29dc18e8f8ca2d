"""Moves a catalog of collections from Wix Data to Airtable, proves it, and can go back. Knows no site by name."""
