"""LMDR, a platform that matches truck drivers with carriers: its catalog, its sample site, its share of the runbook."""
