"""What the tests of alerts share: receivers that run for a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.alerts.receivers import Hook, Mailbox, hook, mailbox


@pytest.fixture
def receiver() -> Iterator[Hook]:
    with hook() as running:
        yield running


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as running:
        yield running
