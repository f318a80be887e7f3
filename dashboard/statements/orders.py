"""What a visitor sees of statements and of the billing audit, and what an admin issues; who may is decided
anew each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from dashboard import resources
from dashboard.visitor import NotForYou, Visitor
from db.analytics.scope import Scope
from db.analytics.sessions import find_session
from db.engine import reading, writing
from db.models import BillingFinding, Statement, StatementLine, utc_now
from languages import _
from ocpp_integration.billing import audit, receipts, statements
from ocpp_integration.billing.audit import Total
from ocpp_integration.billing.pdf.receipt import receipt_pdf
from ocpp_integration.billing.pdf.statement import statement_pdf
from ocpp_integration.errors import NotFound
from ocpp_integration.exports.catalogue import EXPORTS, Asked
from ocpp_integration.exports.files import FORMATS

MOST_STATEMENTS = 500
MOST_FINDINGS = 200


@dataclass(frozen=True)
class FindingRow:
    finding: BillingFinding
    sessions: list[str]


def look(who: Visitor) -> list[Statement]:
    """An admin sees those of all owners."""
    with reading(resources.engine()) as store:
        return list(store.scalars(statements.listed(_whose(who)).limit(MOST_STATEMENTS)))


def look_into(who: Visitor, statement_id: int) -> tuple[Statement, list[StatementLine]]:
    """Raises `NotFound` for one that the visitor does not see."""
    with reading(resources.engine()) as store:
        found = statements.find(store, _whose(who), statement_id)
        if found is None:
            raise NotFound(_("There is no statement {statement_id}.", statement_id=statement_id))
        return found, statements.lines(store, found)


def statement_file(who: Visitor, statement_id: int) -> bytes:
    return statement_pdf(*look_into(who, statement_id))


def receipt_file(who: Visitor, session_pk: int) -> bytes:
    """Raises `NotFound` and `NoReceipt`."""
    with writing(resources.engine()) as store:
        if find_session(store, who.scope, session_pk) is None:
            raise NotFound(_("There is no session {session_pk}.", session_pk=session_pk))
        return receipt_pdf(receipts.give(store, session_pk, now=utc_now()))


def issue(who: Visitor, month: date) -> list[Statement]:
    """For all owners, each for itself. Raises `NotForYou` and `StatementRefused`."""
    who.demand_admin()
    with reading(resources.engine()) as store:
        owner_ids = [owner.id for owner in statements.owners(store)]
    issued: list[Statement] = []
    for owner_id in owner_ids:
        with writing(resources.engine()) as store:
            issued += statements.issue(store, who.user, owner_id, month, now=utc_now())
    return issued


def audited(who: Visitor, *, is_open: bool) -> tuple[list[Total], list[FindingRow]]:
    """Sums of what is open, and findings, the most money first. Raises `NotForYou`."""
    who.demand_admin()
    with reading(resources.engine()) as store:
        query = audit.findings(Scope.network(), is_open=is_open).limit(MOST_FINDINGS)
        rows = [FindingRow(*each) for each in audit.with_sessions(store, store.scalars(query).all())]
        return audit.totals(store, Scope.network()), rows


def findings_file(who: Visitor, ending: str) -> bytes:
    who.demand_admin()
    asked = Asked(scope=Scope.network(), now=utc_now(), settings=resources.settings())
    with reading(resources.engine()) as store:
        content = EXPORTS["billing-findings"].make(store, asked)
        return b"".join(FORMATS[ending].write(content))


def _whose(who: Visitor) -> int | None:
    """The owner whose statements these are, None for all. Nobody else has any."""
    if who.is_admin:
        return None
    if who.user.owner_id is None:
        raise NotForYou(_("Statements are of owners."))
    return who.user.owner_id
