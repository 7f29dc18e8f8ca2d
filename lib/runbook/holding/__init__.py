"""Who holds a base: the base says what it is, and a state makes sure that it is the one that may write to it.

hold = open_base(connections, "wix", run_id=run_id)     # one request; rebuilds the state where the base knows more
hold.publish()                                          # what changed of what the base says: flags, source, catalog
hold.release()                                          # the end of writing

`Airtable.before_write` leads here: before the first write this state claims the base, and during long work it makes
sure, once a minute, that it still holds it.
"""

from __future__ import annotations

from runbook.holding.hold import Hold
from runbook.holding.opening import open_base

__all__ = ["Hold", "open_base"]
