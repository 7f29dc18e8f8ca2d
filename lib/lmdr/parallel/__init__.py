"""What the phases ask of LMDR's services on both sides: everyone's matching, look-ups, statistics."""

from __future__ import annotations

from lmdr.parallel import core

TESTS = (*core.TESTS,)
