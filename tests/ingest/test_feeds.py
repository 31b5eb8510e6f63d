"""Feed lists: YAML with file and line in every error, OPML both ways, editing in place, what differs from the topic."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import opml
from ingest.edit import add_feeds, remove_feed
from ingest.feeds import diff, dump_yaml, import_list, load_feeds, make_feed, parse_list
from stream.errors import ConfigError
from stream.ids import digest
from stream.messages import AnyMessage, Feed, FeedState

LIST = """\
# our feeds
- url: https://feeds.bbci.co.uk/news/world/rss.xml   # the world
  title: BBC News
  publisher: bbc.com
  country: gb
  language: EN

# neighbours
- url: https://nrk.example/toppsaker.rss
  country: NO
- url: http://127.0.0.1:8000/feed.xml
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "feeds.yml"
    file.write_text(LIST, encoding="utf-8")
    return file


def test_a_list_is_read_whole(path: Path) -> None:
    bbc, nrk, local = load_feeds(path)
    assert bbc == Feed(
        id=digest("feed", "https://feeds.bbci.co.uk/news/world/rss.xml"),
        url="https://feeds.bbci.co.uk/news/world/rss.xml",
        publisher="bbc.com", title="BBC News", country="GB", language="en",
    )  # fmt: skip
    assert (nrk.country, nrk.publisher) == ("NO", "nrk.example")
    assert local.publisher == "127.0.0.1:8000"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("- url: https://a.example/\n  tilte: x\n", 2, "unknown key 'tilte'; a feed has url, title"),
        ("- title: x\n", 1, "the feed has no url"),
        ("\n\n- url: ftp://a.example/\n", 3, "only http:// and https://"),
        ("- url: javascript:alert(1)\n", 1, "only http:// and https://"),
        ("- url: data:text/xml,x\n", 1, "only http:// and https://"),
        ("- title: x\n  url: https://user:s3cret@a.example/\n", 2, "a user or password in the URL is refused"),
        ("- url: https://\n", 1, "names no host"),
        ("- url: https://a.example:x/\n", 1, "not a valid URL"),
        ("- url: https://a.example/a b\n", 1, "write it as %20"),
        ("- url: https://a.example/\n- url: HTTPS://A.example:443\n", 2, "duplicate: HTTPS://A.example:443 is already"),
        ("- url: https://a.example/\n  country: GBR\n", 2, "country: 'GBR' is not an ISO 3166-1 code"),
        ("- url: https://a.example/\n  language: english\n", 2, "language: 'english' is not an ISO 639-1 code"),
        ("- url: https://a.example/\n  title: [x]\n", 2, "title must be text"),
        ("- url: https://a.example/\n  url: https://b.example/\n", 2, "url is given twice"),
        ("- https://a.example/\n", 1, "not a feed; write '- url: https://…'"),
        ("url: https://a.example/\n", 1, "a feed list is a YAML list"),
        ("- url: 'https://a.example/\n", 2, "not valid YAML"),
        ("- url: https://a.example/\n\t- x\n", 2, "not valid YAML"),
    ],
)
def test_a_wrong_list_names_file_line_and_fix(tmp_path: Path, text: str, line: int, message: str) -> None:
    file = tmp_path / "feeds.yml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        load_feeds(file)
    assert str(raised.value).startswith(f"{file}:{line}: ")
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
    assert "s3cret" not in str(raised.value)


def test_an_absent_file_and_a_wrong_encoding_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yml: the feed list cannot be read"):
        load_feeds(tmp_path / "none.yml")
    file = tmp_path / "latin.yml"
    file.write_bytes(b"- url: https://a.example/\n  title: caf\xe9\n")
    with pytest.raises(ConfigError, match=r"latin\.yml:2: not UTF-8"):
        load_feeds(file)


def test_an_empty_list_is_a_list(tmp_path: Path) -> None:
    file = tmp_path / "feeds.yml"
    for text in ("", "# nothing yet\n", "[]\n", dump_yaml([])):
        file.write_text(text, encoding="utf-8")
        assert load_feeds(file) == []


TITLES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20).map(str.strip)
FEEDS = st.lists(
    st.builds(
        make_feed,
        st.integers(0, 999).map(lambda n: f"https://h{n}.example/feed?a=1&b={n}"),
        title=TITLES,
        publisher=st.sampled_from([None, "bbc.com", "Ада", "123", "no: yes"]),
        country=st.sampled_from([None, "NO", "gb"]),
        language=st.sampled_from([None, "no", "en"]),
    ),
    unique_by=lambda f: f.id,
    max_size=5,
)


@given(FEEDS)
def test_yaml_written_is_yaml_read(feeds: list[Feed]) -> None:
    assert [e.feed for e in parse_list(dump_yaml(feeds).encode(), "x")] == feeds


@given(FEEDS)
@settings(deadline=None)
def test_opml_written_is_opml_read_but_for_what_it_cannot_hold(feeds: list[Feed]) -> None:
    read = [e.feed for e in parse_list(opml.dump(feeds).encode(), "x")] if feeds else []
    assert [f.url for f in read] == [f.url for f in feeds]


def test_opml_is_read_with_folders_and_a_raw_ampersand(tmp_path: Path) -> None:
    file = tmp_path / "feeds.opml"
    file.write_text(
        '<?xml version="1.0"?>\n<opml version="1.0"><body>\n<outline text="World">\n'
        '<outline type="rss" text="A &amp; B" xmlUrl="https://a.example/feed?x=1&y=2"/>\n</outline>\n'
        '<outline type="rss" xmlUrl="https://b.example/feed"/>\n</body></opml>\n',
        encoding="utf-8",
    )
    assert [(f.url, f.title) for f in load_feeds(file)] == [
        ("https://a.example/feed?x=1&y=2", "A & B"),
        ("https://b.example/feed", None),
    ]


ODD = """<opml version="2.0"><body>
<outline text="a" xmlUrl="https://a.example/feed"/>
<outline text="b" xmlUrl="ftp://b.example/"/>
<outline text="again"><outline text="a" xmlUrl="https://a.example/feed"/></outline>
<outline text="c" xmlUrl="https://c.example/feed"/>
"""


def test_an_odd_entry_of_opml_costs_only_itself_where_it_is_imported(tmp_path: Path) -> None:
    file = tmp_path / "feeds.opml"
    file.write_text(ODD + "</body></opml>", encoding="utf-8")
    found = import_list(file)
    assert [f.url for f in found.feeds] == ["https://a.example/feed", "https://c.example/feed"]
    (odd,) = found.odd
    assert odd.startswith(f"{file}:3: only http:// and https://")
    with pytest.raises(ConfigError, match=r"feeds\.opml:3: "):
        load_feeds(file)


@pytest.mark.parametrize(
    "end", ["", '<outline text="d > e" xmlUrl="https://d.exam', '<outline text="d" xmlUrl="https://d.']
)
def test_opml_that_is_cut_off_says_so(tmp_path: Path, end: str) -> None:
    file = tmp_path / "feeds.opml"
    file.write_text(ODD.replace("ftp", "https") + end, encoding="utf-8")
    found = import_list(file)
    assert [f.url for f in found.feeds] == ["https://a.example/feed", "https://b.example/", "https://c.example/feed"]
    assert [o.partition(": ")[2] for o in found.odd] == [
        "the file ends before </opml>: it is cut off; export or copy it again"
    ]
    with pytest.raises(ConfigError, match="it is cut off"):
        load_feeds(file)


def test_opml_errors_name_the_line(tmp_path: Path) -> None:
    file = tmp_path / "feeds.opml"
    file.write_text(
        '<opml version="2.0"><body>\n<outline xmlUrl="ftp://a.example/"/>\n</body></opml>', encoding="utf-8"
    )
    with pytest.raises(ConfigError, match=r"feeds\.opml:2: only http:// and https://"):
        load_feeds(file)
    file.write_text("<html></html>", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"feeds\.opml:1: neither OPML nor YAML"):
        load_feeds(file)


def test_adding_keeps_the_text(path: Path) -> None:
    feed = make_feed("https://c.example/rss", title="C: news", country="SE")
    add_feeds(path, [feed])
    assert path.read_text(encoding="utf-8").startswith(LIST)
    assert load_feeds(path)[-1] == feed
    with pytest.raises(ConfigError, match=r"feeds\.yml:12: https://C\.example/rss is already"):
        add_feeds(path, [make_feed("https://C.example/rss")])


def test_removing_keeps_the_rest_of_the_text(path: Path) -> None:
    gone = remove_feed(path, "https://nrk.example/toppsaker.rss")
    assert gone.country == "NO"
    text = path.read_text(encoding="utf-8")
    assert text == LIST.replace("- url: https://nrk.example/toppsaker.rss\n  country: NO\n", "")
    remove_feed(path, load_feeds(path)[0].id)
    remove_feed(path, "http://127.0.0.1:8000/feed.xml")
    assert load_feeds(path) == []
    with pytest.raises(ConfigError, match="is not in the feed list"):
        remove_feed(path, "https://nrk.example/toppsaker.rss")


def test_a_list_in_flow_style_is_written_anew(tmp_path: Path) -> None:
    file = tmp_path / "feeds.yml"
    file.write_text("[{url: https://a.example/}, {url: https://b.example/}]\n", encoding="utf-8")
    add_feeds(file, [make_feed("https://c.example/")])
    remove_feed(file, "https://a.example/")
    assert [f.url for f in load_feeds(file)] == ["https://b.example/", "https://c.example/"]


@pytest.mark.parametrize("name", ["new.yml", "new.opml"])
def test_a_new_list_is_made_in_the_format_of_its_name(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    add_feeds(file, [make_feed("https://a.example/", title="A")])
    add_feeds(file, [make_feed("https://b.example/")])
    assert file.read_text(encoding="utf-8").startswith("<?xml" if name.endswith("opml") else "- url")
    remove_feed(file, "https://a.example/")
    assert [f.url for f in load_feeds(file)] == ["https://b.example/"]
    assert [p.name for p in tmp_path.iterdir()] == [name]


@given(FEEDS, FEEDS)
def test_a_diff_makes_the_topic_equal_to_the_list(wanted: list[Feed], present: list[Feed]) -> None:
    states = {f.id: FeedState(feed_id=f.id, title=f.publisher) for f in present}
    rows: dict[tuple[str, str, str], AnyMessage] = {("feeds", f.id, f.publisher): f for f in present}
    rows |= {("feed-state", f.id, f.publisher): states[f.id] for f in present}
    found = diff(wanted, {f.id: f for f in present})
    for out in found.outgoing(states):  # topics by key and partition key
        key = (out.topic, out.key, str(out.partition_key))
        if out.message is None:
            rows.pop(key)
        else:
            rows[key] = out.message
    feeds = [row for row in rows.values() if isinstance(row, Feed)]
    assert {f.id: f for f in feeds} == {f.id: f for f in wanted}
    assert len(feeds) == len(wanted)
    moved = {("feed-state", f.id, f.publisher): states[f.id] for f in wanted if f.id in states}
    gone = {("feed-state", f.id, f.publisher): states[f.id] for f in found.removed}  # left to the worker
    assert {key: row for key, row in rows.items() if key[0] == "feed-state"} == moved | gone
    assert diff(wanted, {f.id: f for f in wanted}).outgoing(states) == []
