"""The index: the field table, the query language, the index port with its backends, and the sink stage."""
