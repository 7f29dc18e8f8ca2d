"""Wix Data: a client, and sites and folders of export files as sources."""
