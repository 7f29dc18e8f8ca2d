"""What each command does, one module a command; `runbook.cli` is the thin layer of options over them."""

from __future__ import annotations

RED, USAGE = 1, 2
"""Exit codes, for schedulers: 0 all green; 1 a gate or check is red, or nothing passed; 2 the call or the environment
is wrong, and nothing was done; 128 plus the signal number: stopped by a signal."""
