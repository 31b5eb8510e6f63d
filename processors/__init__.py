"""Stream processors: enrich reads articles and extracts entities, places and location changes."""
