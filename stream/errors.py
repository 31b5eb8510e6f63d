"""The errors that newswatch raises on purpose: each says in one line what is wrong, where, and the fix."""

from __future__ import annotations


class NewswatchError(Exception):
    """Base of all errors meant for a person; ``str(error)`` is one clear line without secrets."""


class ConfigError(NewswatchError):
    """A setting, file, rule, query or argument is wrong; the command line exits with 2."""


class LogError(NewswatchError):
    """The log cannot be read or written at the moment (locked, full disk, read-only, gone); worth a retry."""


class Fenced(LogError):
    """This consumer no longer owns the partition: another member took it over. Nothing of the transaction happened."""


class TooLate(LogError):
    """The transaction was not ready to be committed by the moment given; nothing of it happened."""


class RecordTooLarge(NewswatchError):
    """A record is over the log's size limit (see ``stream.log.MAX_RECORD_BYTES``); nothing was published."""


class UnknownTopic(ConfigError):
    """The topic does not exist in the log; ``newswatch setup`` creates it."""


class InvalidMessage(NewswatchError):
    """The bytes of a record are not the message they should be: a dead letter, never a crash."""


class NewerSchema(NewswatchError):
    """The record was written by a newer newswatch; its partition waits until this worker is upgraded."""


class IndexUnavailable(NewswatchError):
    """The index cannot be read or written at the moment; worth a retry."""
