"""Alert rules, their matching, and the alert stage."""
