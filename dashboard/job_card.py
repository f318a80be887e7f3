"""A job as a card: what it is for, how its last run went, how far the one under way has come. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from html import escape

from dashboard import formats
from db.job_states import JobState
from db.models import JobRun
from languages import N_, _, told

# The word for a state, and the name of its colour.
_STATES = {
    "running": (N_("Running"), "charging"),
    "requested": (N_("Asked for"), "occupied"),
    "late": (N_("Late"), "faulted"),
    "failed": (N_("Failed"), "faulted"),
    "cancelled": (N_("Cancelled"), "other"),
    "lost": (N_("Lost"), "other"),
    "done": (N_("Fine"), "available"),
    "none": (N_("Not run yet"), "offline"),
}
_TRIGGERS = {"schedule": N_("By schedule"), "request": N_("On request"), "hand": N_("By hand")}
_UNITS = (
    (86400, N_("every day"), N_("every {n} days")),
    (3600, N_("every hour"), N_("every {n} hours")),
    (60, N_("every minute"), N_("every {n} minutes")),
    (1, N_("every second"), N_("every {n} seconds")),
)


def card(job: JobState, now: datetime) -> str:
    word, kind = _STATES[state_of(job)]
    return (
        f'<div class="mm-connector"><div class="mm-connector-head"><span><b>{escape(job.name)}</b>'
        f"<span>{escape(_(job.about))}</span></span>"
        f'<span class="mm-pill"><i class="mm-dot mm-{kind}"></i>{escape(_(word))}</span></div>'
        f"{_figures(job, now)}</div>"
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
    for length, one, many in _UNITS:
        if seconds >= length and seconds % length == 0:
            count = int(seconds // length)
            return _(one) if count == 1 else _(many, n=count)
    return _("every {n} seconds", n=schedule)


def progress_of(run: JobRun) -> str:
    """`3 of 10` or `3`; empty before it has said anything."""
    if run.done is None:
        return ""
    if run.total is None:
        return formats.count(run.done)
    return _("{part} of {whole}", part=formats.count(run.done), whole=formats.count(run.total))


def history_row(run: JobRun, timezone: str) -> dict[str, object]:
    return {
        _("Started"): formats.local_time(run.started_at, timezone, seconds=True),
        _("Outcome"): formats.words(run.state),
        _("Took"): took(run) if run.ended_at else "",
        _("Processed"): run.processed,
        _("Failed"): run.failed,
        _("Begun"): " · ".join(filter(None, (_(_TRIGGERS.get(run.trigger, run.trigger)), run.requested_by))),
        _("What it said"): " ".join(
            text for text in (run.note and told(run.note), run.error, run.advice and told(run.advice)) if text
        ),
        _("Host"): run.host,
    }


def took(run: JobRun) -> str:
    seconds = (run.ended_at - run.started_at).total_seconds() if run.ended_at else 0.0
    return formats.duration(int(seconds)) if seconds >= 1 else _("under 1\u00a0s")


def _figures(job: JobState, now: datetime) -> str:
    parts = [f'<p class="mm-note">{escape(due(job.schedule).capitalize())}{_next(job, now)}</p>']
    if job.running:
        parts.append(_under_way(job.running, now))
    elif job.requested:
        waits = _("Waits for a scheduler (`python -m jobs`) to pick it up.")
        parts.append(f'<p class="mm-note">{_with_code(waits)}</p>')
    if job.last:
        parts.append(_last(job.last, now))
    return "".join(parts)


def _next(job: JobState, now: datetime) -> str:
    if job.quiet or job.running:
        return ""
    if job.next_due <= now:
        return _(", was due {ago}", ago=formats.ago(job.next_due, now))
    return _(", next in {duration}", duration=formats.duration(int((job.next_due - now).total_seconds())))


def _under_way(run: JobRun, now: datetime) -> str:
    progress = progress_of(run)
    words = _("For {duration}", duration=formats.duration(int((now - run.started_at).total_seconds())))
    words += f": {progress}" if progress else ""
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
    failed = _(", {failed} failed", failed=formats.count(run.failed)) if run.failed else ""
    figures = _(
        "{processed} processed{failed}, took {took}",
        processed=formats.count(run.processed),
        failed=failed,
        took=took(run),
    )
    last = _("Last run {ago}: {figures}", ago=formats.ago(run.started_at, now), figures=figures)
    lines = [f'<p class="mm-note">{escape(last)}</p>']
    if run.note:
        lines.append(f'<p class="mm-note">{escape(told(run.note))}</p>')
    if run.error:
        lines.append(f'<p class="mm-note mm-warn">{escape(run.error)}</p>')
    if run.advice:
        lines.append(
            f'<p class="mm-note"><b>{escape(_("What to do:"))}</b> {_with_code(told(run.advice))}</p>'
        )
    return "".join(lines)
