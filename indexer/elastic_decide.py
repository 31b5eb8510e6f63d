"""What becomes of puts on one document, decided from what the index holds: pure.

Elasticsearch's own external versions cannot be combined with ``if_seq_no``, and a write guarded by ``if_seq_no`` moves
``_version`` on by itself. So the external version is a field of the document (``nw.version``), and every write is
guarded by the sequence number of the document that it was decided from, or by its absence (``create``): a conflict is
decided again. A batch of new documents or of documents just read needs no reading for that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from indexer.index import ABSENT, Put

Outcome = Literal["stored", "older", "changed"]


@dataclass(frozen=True, slots=True)
class State:
    """What the index holds of one document. ``digest`` is of its content, None where that is not known."""

    version: int
    digest: str | None
    seq_no: int
    primary_term: int

    @property
    def etag(self) -> str:
        """As in ``Stored``: a sequence number is never given to another document of the index."""
        return f"{self.seq_no}.{self.primary_term}.{self.version}"

    @classmethod
    def named_by(cls, etag: str) -> State | None:
        """The state that an etag names; None for what is no etag of this index."""
        m = re.fullmatch(r"(\d+)\.(\d+)\.(-?\d+)", etag)
        return cls(int(m[3]), None, int(m[1]), int(m[2])) if m else None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A put, ready to be sent: the JSON that is indexed, and the digest of the document in it."""

    put: Put
    json: str
    digest: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome of each put, in order, once ``write`` (None: nothing) has succeeded."""

    outcomes: list[Outcome]
    write: Wanted | None


def decide(present: State | None, wanted: Sequence[Wanted]) -> Decision:
    """What a sequence of puts on one document does where ``present`` (None: nothing) is there: only the last that is
    stored has to be written, and nothing where it is there already."""
    version, digest = (present.version, present.digest) if present else (None, None)
    etag = present.etag if present else ABSENT
    outcomes: list[Outcome] = []
    write: Wanted | None = None
    for one in wanted:
        if one.put.if_match is not None and one.put.if_match != etag:
            outcomes.append("changed")
        elif version is not None and version > one.put.version:
            outcomes.append("older")
        else:
            outcomes.append("stored")
            if (version, digest) != (one.put.version, one.digest):
                write, version, digest, etag = one, one.put.version, one.digest, "not written yet"
    return Decision(outcomes, write)


def assumed(wanted: Sequence[Wanted]) -> State | None:
    """The state that is most likely there, without reading it: what the first put was made from, else nothing."""
    etag = wanted[0].put.if_match
    return State.named_by(etag) if etag else None
