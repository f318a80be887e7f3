"""A job as a card: what it is for, how its last run went, how far the one under way has come. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from html import escape

from dashboard import formats
from db.job_states import JobState
from db.models import JobRun

# The word for a state, and the name of its colour.
_STATES = {
    "running": ("Running", "charging"),
    "requested": ("Asked for", "occupied"),
    "late": ("Late", "faulted"),
    "failed": ("Failed", "faulted"),
    "cancelled": ("Cancelled", "other"),
    "lost": ("Lost", "other"),
    "done": ("Fine", "available"),
    "none": ("Not run yet", "offline"),
}
_TRIGGERS = {"schedule": "By schedule", "request": "On request", "hand": "By hand"}
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def card(job: JobState, now: datetime) -> str:
    word, kind = _STATES[state_of(job)]
    return (
        f'<div class="mm-connector"><div class="mm-connector-head"><span><b>{escape(job.name)}</b>'
        f"<span>{escape(job.about)}</span></span>"
        f'<span class="mm-pill"><i class="mm-dot mm-{kind}"></i>{word}</span></div>{_figures(job, now)}</div>'
    )


def state_of(job: JobState) -> str:
    """What is to be said first of it: what goes on, then what is wrong."""
    if job.running:
        return "running"
    if job.requested:
        return "requested"
    if job.is_late:
        return "late"
    if job.last is None:
        return "done" if job.quiet else "none"
    return job.last.state


def due(schedule: str) -> str:
    """A schedule in words: `every 5 minutes`, or the cron expression with its clock."""
    if " " in schedule:
        return f"{schedule} (UTC)"
    seconds = float(schedule)
    for length, unit in _UNITS:
        if seconds >= length and seconds % length == 0:
            count = int(seconds // length)
            return f"every {unit}" if count == 1 else f"every {count} {unit}s"
    return f"every {schedule} seconds"


def progress_of(run: JobRun) -> str:
    """`3 of 10` or `3`; empty before it has said anything."""
    if run.done is None:
        return ""
    return formats.count(run.done) + (f" of {formats.count(run.total)}" if run.total is not None else "")


def history_row(run: JobRun, timezone: str) -> dict[str, object]:
    return {
        "Started": formats.local_time(run.started_at, timezone, seconds=True),
        "Outcome": formats.words(run.state),
        "Took": took(run) if run.ended_at else "",
        "Processed": run.processed,
        "Failed": run.failed,
        "Begun": _TRIGGERS.get(run.trigger, run.trigger)
        + (f" by {run.requested_by}" if run.requested_by else ""),
        "What it said": " ".join(text for text in (run.note, run.error, run.advice) if text),
        "Host": run.host,
    }


def took(run: JobRun) -> str:
    seconds = (run.ended_at - run.started_at).total_seconds() if run.ended_at else 0.0
    return formats.duration(int(seconds)) if seconds >= 1 else "under 1\u00a0s"


def _figures(job: JobState, now: datetime) -> str:
    parts = [f'<p class="mm-note">{escape(due(job.schedule).capitalize())}{_next(job, now)}</p>']
    if job.running:
        parts.append(_under_way(job.running, now))
    elif job.requested:
        parts.append(
            '<p class="mm-note">Waits for a scheduler (<code>python -m jobs</code>) to pick it up.</p>'
        )
    if job.last:
        parts.append(_last(job.last, now))
    return "".join(parts)


def _next(job: JobState, now: datetime) -> str:
    if job.quiet or job.running:
        return ""
    if job.next_due <= now:
        return f", was due {formats.ago(job.next_due, now)}"
    return f", next in {formats.duration(int((job.next_due - now).total_seconds()))}"


def _under_way(run: JobRun, now: datetime) -> str:
    told = progress_of(run)
    words = f"For {formats.duration(int((now - run.started_at).total_seconds()))}"
    words += f": {told}" if told else ""
    share = min(1.0, (run.done or 0) / run.total) if run.total else None
    # Before it is known how much there is, a bar would be made up.
    bar = (
        ""
        if share is None
        else f'<div class="mm-gauge" role="progressbar" aria-valuenow="{share * 100:.0f}" aria-valuemin="0" '
        f'aria-valuemax="100"><span style="width:{share * 100:.1f}%"></span></div>'
    )
    return f'<p class="mm-note">{escape(words)}</p>{bar}'


def _with_code(text: str) -> str:
    """Commands are in backticks, as on the terminal."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _last(run: JobRun, now: datetime) -> str:
    failed = f", {formats.count(run.failed)} failed" if run.failed else ""
    figures = f"{formats.count(run.processed)} processed{failed}, took {took(run)}"
    lines = [f'<p class="mm-note">Last run {escape(formats.ago(run.started_at, now))}: {escape(figures)}</p>']
    if run.note:
        lines.append(f'<p class="mm-note">{escape(run.note)}</p>')
    if run.error:
        lines.append(f'<p class="mm-note mm-warn">{escape(run.error)}</p>')
    if run.advice:
        lines.append(f'<p class="mm-note"><b>What to do:</b> {_with_code(run.advice)}</p>')
    return "".join(lines)
