"""Carriers' safety data from FMCSA."""
