"""What people type to look for something, as the store takes it."""

from __future__ import annotations

# As much as the fields take; an address may have more.
LONGEST = 100


def sought(text: str) -> str:
    """The text without white space around it, and without NUL, which PostgreSQL takes in no text."""
    return text.replace("\0", "").strip()[:LONGEST]
