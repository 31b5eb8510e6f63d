"""Tests of the fusion of statements into relocations."""
