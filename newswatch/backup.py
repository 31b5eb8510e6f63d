"""A backup of the embedded store, made while the stages run: start from it, and nothing is lost or there twice.

The index is copied before the log, so it never holds what the log does not tell; and in the copy of the log the index
stage stands where it stood before the index was copied, so what it wrote meanwhile is written again.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from indexer.sqlite_copy import copy_index
from stream.errors import ConfigError, NewswatchError
from stream.settings import Settings
from stream.sqlite_copy import copy_log, positions_of, set_back
from stream.topics import Names

LOG, INDEX = "log.db", "index.db"
"""The names of the copies; as ``data_dir`` has them."""
_SCHEME = "sqlite:///"

Show = Callable[[str, int, int], None]
"""Gets which file is being copied, and how many pages of how many are."""


def back_up(settings: Settings, folder: Path, show: Show) -> None:
    """Copy log and index into ``folder``, which is made: all of it, or nothing.

    Raises ``ConfigError`` where the store is not embedded, the folder is not empty or there is no room for it.
    """
    log, index = (_path(name, url) for name, url in (("log_url", settings.log), ("index_url", settings.index)))
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"backup: {folder} is there and not empty; name a folder that is to be made")
    topics = Names(settings.topic_prefix)
    before = positions_of("index", topics, log)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _check_room(folder.parent, log, index)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            copy_index(index, made / INDEX, lambda done, pages: show(INDEX, done, pages))
            copy_log(log, made / LOG, lambda done, pages: show(LOG, done, pages))
            set_back("index", topics, before, made / LOG)
            os.replace(made, folder)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise
    except OSError as error:
        raise NewswatchError(f"backup: {error.filename or folder}: {error.strerror}; nothing was kept") from error


def _path(setting: str, url: str) -> str:
    if not url.startswith(_SCHEME):
        raise ConfigError(
            f"backup: {setting} is a server; this copies the embedded store only. Back up Elasticsearch by its"
            " snapshots; Kafka by copies of its topics (replication, MirrorMaker)"
        )
    return url.removeprefix(_SCHEME)


def _check_room(folder: Path, *files: str) -> None:
    """The write-ahead logs count, too: what is in them is copied."""
    needed = sum(p.stat().st_size for f in files for p in (Path(f), Path(f"{f}-wal")) if p.exists())
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ConfigError(f"backup: needs {needed / 1e6:,.0f} MB, there are {free / 1e6:,.0f} MB free in {folder}")
