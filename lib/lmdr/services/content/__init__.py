"""The public pages and what they show while a collection is empty."""
