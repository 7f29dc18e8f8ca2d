"""Logs and traces that services leave, and the reports on them."""
