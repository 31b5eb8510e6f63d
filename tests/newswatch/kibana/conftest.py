"""The end-to-end tests' command as a process, for these, too."""

from tests.end_to_end.conftest import home

__all__ = ["home"]
