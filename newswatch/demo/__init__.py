"""The demo: a small world of invented outlets, served as real feeds on loopback and run through every stage."""
