"""Stream processors: enrich reads articles and extracts entities, places and location changes."""

import os

# Before numpy is loaded: its BLAS would else take every core for products too small to gain by it, and workers
# would stand in each other's way. One core a worker is also what the machine is planned by.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
