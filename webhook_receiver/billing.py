"""Receipts of sessions and statements of owners, as objects and as files."""

from __future__ import annotations

from flask import Response, jsonify
from sqlalchemy.orm import Session

from db.engine import reading, writing
from db.models import ChargingSession, Receipt, Statement, StatementLine
from ocpp_integration.billing import receipts, statements
from ocpp_integration.billing.pdf.receipt import receipt_pdf
from ocpp_integration.billing.pdf.statement import statement_pdf
from ocpp_integration.billing.receipts import NoReceipt
from webhook_receiver import paging, scope, serializers
from webhook_receiver.auth import caller
from webhook_receiver.context import receiver
from webhook_receiver.errors import NotFound
from webhook_receiver.parameters import OneSession, OneStatement, Page


def get_receipt(*, path: OneSession) -> Response:
    return jsonify(serializers.receipt(_receipt(path), path.transaction_id))


def get_receipt_file(*, path: OneSession) -> Response:
    return receipt_file(_receipt(path))


def receipt_file(receipt: Receipt) -> Response:
    return _file(receipt.name, receipt_pdf(receipt))


def list_statements(*, query: Page) -> Response:
    return paging.answer(
        query,
        receiver().engine,
        scope.statements(caller()),
        key=(Statement.issued_at, Statement.id),
        serialize=serializers.statement,
        newest_first=True,
    )


def get_statement(*, path: OneStatement) -> Response:
    return jsonify(serializers.statement_in_full(*_statement(path)))


def get_statement_file(*, path: OneStatement) -> Response:
    statement, lines = _statement(path)
    return _file(statement.name, statement_pdf(statement, lines))


def _receipt(path: OneSession) -> Receipt:
    """Raises `NotFound` for a session that the caller does not see, and for one without a bill."""
    one = scope.sessions(caller()).where(ChargingSession.transaction_id == path.transaction_id)
    with writing(receiver().engine) as store:
        found = store.scalar(one.with_only_columns(ChargingSession.id))
        if found is None:
            raise NotFound("there is no such session")
        return given(store, found)


def given(store: Session, session_pk: int) -> Receipt:
    """Raises `NotFound` for a session without a bill."""
    try:
        return receipts.give(store, session_pk, now=receiver().clock())
    except NoReceipt as error:
        raise NotFound(str(error)) from error


def _statement(path: OneStatement) -> tuple[Statement, list[StatementLine]]:
    with reading(receiver().engine) as store:
        found = store.scalar(scope.statements(caller()).where(Statement.id == path.statement_id))
        if found is None:
            raise NotFound("there is no such statement")
        return found, statements.lines(store, found)


def _file(name: str, made: bytes) -> Response:
    response = Response(made, content_type="application/pdf")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.pdf"'
    return response
