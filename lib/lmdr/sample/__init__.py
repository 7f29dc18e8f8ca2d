"""A synthetic LMDR site, with the anomalies of a real one: `write_site(folder)` or `python -m lmdr.sample FOLDER`.

    site = write_site(Path("site"), scale=0.1)
    site.counts["Carriers"], site.quarantined["Carriers"], site.dangling["MatchEvents.Carrier"]

Everybody in it is fictitious: e-mails at example.com, phones 555-0100 to 555-0199. The ZIP codes are real.
"""

from __future__ import annotations

from lmdr.sample.anomalies import ANOMALIES, MIGRATED, QUARANTINED, Anomaly
from lmdr.sample.site import SampleSite, write_site

__all__ = ["ANOMALIES", "MIGRATED", "QUARANTINED", "Anomaly", "SampleSite", "write_site"]
