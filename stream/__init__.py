"""The foundation: messages, topics, the log port and its backends, tables, the worker loop, settings, errors."""
