"""What Streamlit itself says to people, in English only: names of its controls, and the few texts of its own.

The browser tells it in the page's language, by patterns (browser.js): what stands in braces is told likewise.
Where another release says something else, that is told in English, as it was.
"""

from __future__ import annotations

from languages import ENGLISH, N_, _, speaking

# The first that fits is taken.
PHRASES = (
    N_("Skip to main content"),
    N_("Sidebar"),
    N_("App pages"),
    N_("Logo"),
    N_("Navigate to home page"),
    N_("Collapse sidebar"),
    N_("Expand sidebar"),
    N_("Open"),
    N_("Close"),
    N_("Dismiss"),
    N_("Clear value"),
    N_("Clear all"),
    N_("Select all"),
    N_("Selected values"),
    N_("No results"),
    N_("Decrement"),
    N_("Increment"),
    N_("Show password"),
    N_("Hide password"),
    N_("Copy to clipboard"),
    N_("Press Enter to apply"),
    N_("Press Enter to submit form"),
    N_("Previous"),
    N_("Next"),
    N_("Previous month"),
    N_("Next month"),
    N_("Choose date"),
    N_("Choose date range"),
    N_("Fullscreen"),
    N_("Close fullscreen"),
    N_("Search"),
    N_("Show/hide columns"),
    N_("Use arrow keys to navigate dates. Enter to select. Escape to close."),
    N_("Help for {what}"),
    N_("Remove {what}"),
    N_("Fullscreen: {what}"),
    N_("Close fullscreen: {what}"),
    N_("Search: {what}"),
    N_("Show/hide columns: {what}"),
    N_("Choose date, {what}"),
    N_("Choose date range, {what}"),
    N_("year, {what}"),
    N_("month, {what}"),
    N_("day, {what}"),
    N_("hour, {what}"),
    N_("minute, {what}"),
    N_("{what} start date"),
    N_("{what} end date"),
    N_("Selected Date: {what}"),
    N_("Selected Range: {what}"),
    N_("{what} selected"),
    N_("Click to start selecting date range"),
    N_("Click to finish selecting date range"),
)


def phrases(language: str) -> list[tuple[str, str]]:
    """Each as Streamlit says it, with what is said instead."""
    if language == ENGLISH:
        return []
    with speaking(language):
        return [(english, _(english)) for english in PHRASES]
