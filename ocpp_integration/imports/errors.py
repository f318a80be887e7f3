"""What can go wrong with an import.

ImportRefused             nothing was imported; the message says what to do
├── UnreadableFile        the file is damaged, or not a table of sessions
└── UnwritableRejects     there is no place for the rows that are left out
RowRejected               one row is left out; the others are imported
"""

from __future__ import annotations


class ImportRefused(Exception):
    """Nothing was imported. The message is a sentence for people."""


class UnreadableFile(ImportRefused):
    """The file as a whole cannot be read."""


class UnwritableRejects(ImportRefused):
    """The file of rejected rows cannot be written."""


class RowRejected(Exception):
    """One row cannot be imported; `reasons` are sentences."""

    def __init__(self, *reasons: str):
        super().__init__("; ".join(reasons))
        self.reasons = reasons
