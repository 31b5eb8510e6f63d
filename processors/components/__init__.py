"""The components of the extraction, each a registered spaCy factory."""
