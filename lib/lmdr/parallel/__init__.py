"""The parallel tests of the phases: the same calls of LMDR's services on both sides."""

from __future__ import annotations

from lmdr.parallel import administration, communication, core, transactions

TESTS = (*core.TESTS, *transactions.TESTS, *communication.TESTS, *administration.TESTS)
