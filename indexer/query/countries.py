"""Codes of countries in queries: which there are, and which one is meant by a name."""

from __future__ import annotations

from functools import cache

_BESIDE = {"xk"}
"""Kosovo has no code of ISO 3166-1; GeoNames and newswatch use this one."""
_USUAL = {"uk": "GB"}


def is_country(code: str) -> bool:
    """Whether a country has this ISO 3166-1 alpha-2 code (in lower case), or had it once."""
    return code in _codes()


def country_called(name: str) -> str | None:
    """The code of the country with this name or other code; None where there is none."""
    import pycountry

    if name.lower() in _USUAL:
        return _USUAL[name.lower()]
    try:
        return str(pycountry.countries.lookup(name).alpha_2)
    except LookupError:
        return None


@cache
def _codes() -> frozenset[str]:
    import pycountry

    told = [*pycountry.countries, *(c for c in pycountry.historic_countries if hasattr(c, "alpha_2"))]
    return frozenset(country.alpha_2.lower() for country in told) | _BESIDE
