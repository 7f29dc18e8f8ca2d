"""What each command does, one module a command; `runbook.cli` is the thin layer of options over them."""
