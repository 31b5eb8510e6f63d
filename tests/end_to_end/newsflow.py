"""News that is invented: a steady flow of articles in JSON Feeds on loopback, and what is true of it.

Everything follows from the seed and the moment of the start, so a test knows what must be in the index at the end.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FEEDS = 10
PER_SECOND = 20.0
WINDOW = 90.0
"""Seconds for which a story stays in its feed."""
WORD = "alarm"
"""In every fifth article, for a rule."""
KILLER = "Killer"
"""The title of the article that kills who reads it begins so."""
MOVES = (
    "Hamas leaders plan to leave Doha for Baghdad, two officials said.",
    "The embassy of Norway will move from Kabul to Doha in May, the ministry said.",
    "Siemens will move its headquarters from Munich to Vienna, the company said.",
    "The group's political office was moved from Damascus to Tehran, a spokesman said.",
    "Troops of the 5th Brigade were deployed from Ankara to Mosul on Monday.",
)
FILLER = (
    "The harbour was quiet in the morning, and the market opened late.",
    "Bread was a little cheaper than in the week before, shopkeepers said.",
    "The weather stays mild, with some rain in the evening.",
    "A choir sang in the old theatre, and the hall was full.",
)


@dataclass(frozen=True, slots=True)
class Story:
    """One article: when it appears, and when its second revision does (seconds after the start; None: never)."""

    number: int
    at: float
    revised: float | None
    move: str | None
    withdrawn: bool
    """The second revision does not tell the move any more."""
    kills: bool

    @property
    def feed(self) -> int:
        """Which of the ``FEEDS`` carries it."""
        return self.number % FEEDS

    @property
    def file(self) -> str:
        """Its number, so that none of them is a year: what was in 1959 is told as background."""
        return f"{self.number:06}"

    @property
    def url(self) -> str:
        """Its address."""
        return f"https://paper{self.feed}.example/news/{self.number}"

    def title(self, *, revised: bool) -> str:
        """Its headline."""
        what = KILLER if self.kills else "Report"
        return f"{what} {self.file}" + (", corrected" if revised else "")

    def body(self, *, revised: bool) -> str:
        """Its text, of some 60 words."""
        move = [] if self.move is None or (revised and self.withdrawn) else [self.move]
        loud = [f"An {WORD} was raised in block {self.file}."] if self.number % 5 == 0 else []
        turned = FILLER[self.number % len(FILLER) :] + FILLER[: self.number % len(FILLER)]
        return " ".join([*move, f"This is file {self.file} of the archive.", *loud, *turned])


def invent(count: int, killer: int, chance: random.Random) -> list[Story]:
    """So many stories; the one with the number ``killer`` kills."""
    return [
        Story(
            n, n / PER_SECOND, n / PER_SECOND + chance.uniform(4, 12) if n % 10 == 3 else None,
            chance.choice(MOVES) if n % 4 == 3 else None, n % 40 == 23, n == killer,
        )
        for n in range(count)
    ]  # fmt: skip


class NewsServer:
    """Serves the stories as they appear; each stays in its feed for a while. ``with`` closes it."""

    def __init__(self, stories: Sequence[Story]) -> None:
        self.stories = stories
        self.over = max(s.revised or s.at for s in stories)
        """Nothing new appears so many seconds after the start."""
        self._from: float | None = None
        self._asked: Counter[int] | None = None
        self._began: float | None = None
        self._moment = datetime.now(UTC)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def start(self) -> None:
        """The first story appears now."""
        self._began, self._moment = time.monotonic(), datetime.now(UTC)

    def now(self) -> float:
        """Seconds since the start; before it, a moment when there is nothing."""
        return -1.0 if self._began is None else time.monotonic() - self._began

    def hold(self) -> None:
        """From now on no story leaves its feed: who reads it is going to be away for as long as it takes."""
        self._from, self._asked = self.now() - WINDOW, None

    def release(self) -> None:
        """Undo ``hold``, when each feed was asked for three times more: then what was held has been taken in."""
        self._asked = Counter()

    def url(self, feed: int) -> str:
        """Where the feed is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/{feed}"

    def feed(self, number: int) -> bytes:
        """The feed as it is now."""
        now = min(self.now(), self.over)
        if self._asked is not None:
            self._asked[number] += 1
            if min(self._asked[n] for n in range(FEEDS)) >= 3:
                self._from = self._asked = None
        first = now - WINDOW if self._from is None else self._from
        items = [self._item(s, now) for s in self.stories if s.feed == number and first <= s.at <= now]
        name = {"version": "https://jsonfeed.org/version/1.1", "title": f"Paper {number}", "language": "en"}
        return json.dumps({**name, "home_page_url": f"https://paper{number}.example/", "items": items[::-1]}).encode()

    def _item(self, story: Story, now: float) -> dict[str, str]:
        revised = story.revised is not None and now >= story.revised
        published = (self._moment + timedelta(seconds=story.at)).isoformat()
        return {
            "id": story.url, "url": story.url, "title": story.title(revised=revised),
            "content_text": story.body(revised=revised), "date_published": published,
        }  # fmt: skip

    def __enter__(self) -> NewsServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(server: NewsServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = server.feed(int(self.path.strip("/")))
            self.send_response(200)
            self.send_header("Content-Type", "application/feed+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    return Handler
