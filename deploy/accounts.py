"""Makes the users of Elasticsearch that docker-compose.yml works with; run by its one-off service ``setup``.

Run as the superuser ``elastic`` of the settings. Passwords come from the environment; safe to repeat, also to change
them. The worker that writes the index may do just what the README says, and the analyst whatever Kibana's editors may.
"""

from __future__ import annotations

import os
import sys

from indexer.elastic_client import connect, guarded
from stream.errors import ConfigError, NewswatchError
from stream.settings import Settings, load_settings

WORKER, ANALYST, KIBANA = "newswatch", "analyst", "kibana_system"
PASSWORDS = {WORKER: "WORKER_PASSWORD", ANALYST: "ANALYST_PASSWORD", KIBANA: "KIBANA_PASSWORD"}
"""The environment variable with each user's password."""
PRIVILEGES = ["read", "write", "maintenance", "view_index_metadata"]


def passwords() -> dict[str, str]:
    """The password of each user. Raises ``ConfigError``."""
    found = {user: os.environ.get(variable, "") for user, variable in PASSWORDS.items()}
    for user, password in found.items():
        if len(password) < 6:  # Elasticsearch's own limit
            raise ConfigError(f"{PASSWORDS[user]}: not set, or shorter than 6 characters; set it in .env")
    return found


def make_accounts(settings: Settings, given: dict[str, str]) -> None:
    """Role and users, with these passwords. Raises ``ConfigError``, ``IndexUnavailable``."""
    indices = [{"names": [f"{settings.elasticsearch.prefix}-*"], "privileges": PRIVILEGES}]
    with connect(settings.index, settings.elasticsearch) as client, guarded(settings.index):
        client.security.put_role(name="newswatch_worker", indices=indices)
        client.security.put_user(username=WORKER, password=given[WORKER], roles=["newswatch_worker"])
        client.security.put_user(username=ANALYST, password=given[ANALYST], roles=["editor"])
        client.security.change_password(username=KIBANA, password=given[KIBANA])


if __name__ == "__main__":
    try:
        make_accounts(load_settings(), passwords())
    except NewswatchError as error:
        sys.exit(f"accounts: {error}")
    print(f"accounts: users {', '.join(PASSWORDS)} have their passwords")
