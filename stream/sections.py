"""What the sections of the settings are made of: their base class, spans of time, lists."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic_settings import NoDecode

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_duration(value: object) -> object:
    """``90s``, ``15m``, ``2h``, ``7d``, ``1w`` as a timedelta; anything else is left to the caller's validation."""
    if isinstance(value, str) and (m := re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhdw])\s*", value)):
        try:
            return timedelta(**{_UNITS[m[2]]: float(m[1])})
        except OverflowError:
            return value
    return value


def parse_list(value: object) -> object:
    """A list from one text: JSON (``["a", "b"]``) or plain, separated by commas; anything else is left as it is."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except ValueError as error:
            raise ValueError(f'not valid JSON ({error}); lists look like ["127.0.0.0/8"]') from error
    return [part.strip() for part in value.split(",") if part.strip()]


T = TypeVar("T")
Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
ListOf = Annotated[tuple[T, ...], NoDecode, BeforeValidator(parse_list)]


class Section(BaseModel):
    """A section of the settings: unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True)
