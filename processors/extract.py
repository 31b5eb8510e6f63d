"""Extraction from a text that is no article: what ``newswatch extract`` prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from spacy.language import Language

from processors.components.model import Rejected
from processors.enrich import location_changes
from processors.readers import ENGLISH, Readers
from processors.readings import Reading
from stream.ids import digest
from stream.messages import Article, Entity, LocationChange, Place, Source

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Extraction:
    """What was found; offsets count in ``text`` (title newline body, or the body where there is no title)."""

    text: str
    entities: tuple[Entity, ...]
    places: tuple[Place, ...]
    location_changes: tuple[LocationChange, ...]
    rejected: tuple[Rejected, ...]
    """Triggers that tell no location change, with the reason and character offsets: for ``--explain``."""
    language: str = ENGLISH
    """As it was read (``processors.readers.language_of``)."""


def extract_text(nlp: Language, title: str | None, body: str, published: datetime | None = None) -> Extraction:
    """Extract from one English text; ``title`` None: ``body`` is all. ``published`` (UTC) resolves "on Monday"."""
    return extract_texts(nlp, [Reading(title, body, published)])[0]


def extract_texts(nlp: Language, readings: Sequence[Reading]) -> list[Extraction]:
    """Extract from many English texts, in order; much faster than one by one."""
    return extract_in(Readers(nlp), readings, [ENGLISH] * len(readings))


def extract_in(readers: Readers, readings: Sequence[Reading], languages: Sequence[str]) -> list[Extraction]:
    """Extract from texts of any language, in order."""
    return [
        Extraction(
            reading.text, tuple(found.entities), tuple(found.places),
            location_changes(_stand_in(reading), found.statements), tuple(found.rejected), language,
        )
        for reading, found, language in zip(readings, readers.read(readings, languages), languages, strict=True)
    ]  # fmt: skip


def _stand_in(reading: Reading) -> Article:
    """An article around the text, so that statements are ordinary messages; published 1970 where no date is known."""
    published = reading.published or _EPOCH
    return Article(
        id=digest("text", reading.text), version=0, url="", canonical_url="", source=Source(id="text", name="text"),
        feed_id="", feed_url="", title=reading.title or "", body=reading.body, published=published,
        published_from="fetched", fetched=published, origin="backfill", content_hash="", fingerprint="0" * 16,
    )  # fmt: skip
