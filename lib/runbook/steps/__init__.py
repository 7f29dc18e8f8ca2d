"""The verbs of a run: export, transform, load, validate."""
