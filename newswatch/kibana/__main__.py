"""``python -m newswatch.kibana FILE``: the bundle for the default space, to be imported by hand."""

from __future__ import annotations

import sys
from pathlib import Path

from newswatch.kibana.bundle import bundle
from newswatch.kibana.objects import Place, ndjson

if __name__ == "__main__":
    Path(sys.argv[1]).write_text(ndjson(bundle(Place())), encoding="utf-8")
    print(f"wrote {sys.argv[1]}")
