"""What the phases ask of LMDR's services on both sides: everyone's matching, look-ups, statistics."""

from __future__ import annotations

from lmdr.parallel import administration, communication, core, transactions

TESTS = (*core.TESTS, *transactions.TESTS, *communication.TESTS, *administration.TESTS)
