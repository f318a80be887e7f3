"""What the billing audit looks for: a table of checks. An entry here is a check, on the page and in files."""

from __future__ import annotations

from ocpp_integration.billing.checks import of_payments, of_sessions, of_statements
from ocpp_integration.billing.checks.check import Check, Found, Watched

__all__ = ["CHECKS", "Check", "Found", "Watched"]

# By the word that stands for it in the store.
CHECKS: dict[str, Check] = {
    "energy_without_bill": Check(
        "Energy without a bill",
        "Somebody charged and pays nothing. Correct the session, or give its connector a price.",
        of_sessions.energy_without_bill,
    ),
    "bill_without_energy": Check(
        "Bill without energy",
        "Somebody is to pay and charged nothing. Look at the meter, then correct the session.",
        of_sessions.bill_without_energy,
    ),
    "overlap": Check(
        "Two sessions at once",
        "A connector charges one vehicle at a time. One of the two ended earlier, or never was.",
        of_sessions.overlaps,
    ),
    "wrong_tariff": Check(
        "Wrong tariff",
        "The session has another tariff than held at its connector when it began. Correct what it costs.",
        of_sessions.wrong_tariffs,
    ),
    "statement_sums": Check(
        "Statement is not its lines",
        "Its sums are not those of its lines. This should never be: look for who changed the store.",
        of_statements.wrong_sums,
    ),
    "statement_changed": Check(
        "Sessions changed after their statement",
        "The next statement has the difference as a correction; once it is issued, this ends by itself.",
        of_statements.changed_since,
    ),
    "paid_without_session": Check(
        "Paid without session",
        "A driver's money is held or was billed, and nothing was charged: `manage.py list-unsettled` lists "
        "what people have to give back.",
        of_payments.paid_without_session,
    ),
    "beyond_prepaid": Check(
        "Charged beyond what was paid",
        "Somebody charged, or stayed plugged in, for more than was paid in advance, and pays nothing for it. "
        "Look at why the charge point did not stop in time.",
        of_payments.beyond_prepaid,
    ),
    "session_without_payment": Check(
        "Session without payment",
        "A driver who paid in advance was billed something else than the session costs. Correct the session, "
        "or give back what was billed too much.",
        of_payments.session_without_payment,
    ),
}
