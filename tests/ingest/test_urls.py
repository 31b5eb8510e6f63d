"""URLs: publishers' domains, identity, and what is shown of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import urls


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("https://feeds.bbci.co.uk/news/rss.xml", "bbci.co.uk"),
        ("https://WWW.Example.com:8443/x", "example.com"),
        ("http://127.0.0.1:8000/x", "127.0.0.1:8000"),
        ("http://192.0.2.7/x", "192.0.2.7"),
        ("http://localhost:99/", "localhost:99"),
        ("http://[2001:db8::1]:80/", "[2001:db8::1]:80"),
        ("http://intranet/x", "intranet"),
        ("http://www.paper.example/x", "paper.example"),
        ("http://co.uk/x", "co.uk"),
        ("https://someone.github.io/feed", "someone.github.io"),
        ("https://x:y/", None),
        ("nonsense", None),
    ],
)
def test_the_registrable_domain(url: str, domain: str | None) -> None:
    assert urls.domain(url) == domain


def test_trackers_do_not_count_for_identity_but_real_parameters_do() -> None:
    base = urls.canonical("https://x.example/a?id=3")
    assert urls.canonical("https://X.example:443/a?utm_source=rss&id=3#top") == base
    assert urls.canonical("https://x.example/a?id=4") != base
    assert urls.canonical("https://x.example/a?b=1&a=2") == urls.canonical("https://x.example/a?a=2&b=1")


@given(st.text(max_size=50))
def test_no_text_makes_them_raise(text: str) -> None:
    for url in (text, f"https://{text}", f"https://x.example/{text}"):
        urls.complaint(url)
        urls.domain(url)
        urls.link(url, "https://x.example/")
        urls.same(url)
        if urls.link(url):
            assert urls.canonical(url)


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P"], exclude_characters="/?#\\@"), min_size=6))
def test_secrets_are_not_shown(secret: str) -> None:
    assert secret not in urls.safe(f"https://user:{secret}@x.example/")
    shown = urls.safe("https://x.example/feed?a=1&api_key=s3cr3t&b=2")
    assert shown == "https://x.example/feed?a=1&api_key=***&b=2"
    assert "s3cr3t" not in (urls.complaint("https://u:s3cr3t@x.example/") or "")
