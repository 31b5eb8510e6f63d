"""Speed and memory beside a named baseline in the same run; ``make bench`` runs all. Figures, never tests."""
