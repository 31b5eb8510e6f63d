"""The learned part of the extraction: made from corpus/ by ``python -m training``."""
