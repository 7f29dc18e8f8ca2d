"""Expectations on both sides: suites from the catalog, frames to run them on, Great Expectations to run them with."""
