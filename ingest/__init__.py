"""Feeds in, articles out: feed lists, scheduling, fetching, parsing, and the ingest stage."""
