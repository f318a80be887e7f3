"""The catalogs of translations, kept up with the source: `python -m management.catalog` (make catalog).

Texts come from calls of `_` and its like anywhere, from tables that are shown (KPIs, flags, checks), and from
the sentences that the domain says when something is refused, which pages translate by `languages.told`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from babel.messages import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from db.analytics import error_codes, flags
from db.analytics.definitions import COLUMNS, GROUPS, KPIS
from db.analytics.exclusions import REASONS
from jobs.advice import ADVICE, UNFORESEEN
from languages import ENGLISH, FOLDER, LANGUAGES
from ocpp_integration.billing.checks import CHECKS
from ocpp_integration.exports.reliability import BROKE_OFF, OUTCOMES
from settings import ROOT, Settings

_FOLDERS = ("dashboard", "webhook_receiver", "ocpp_integration", "db", "jobs")
# Whose sentences reach people: what is refused and why, what became of a command, what an audit found.
_SPEAKING = (
    "dashboard/access/orders.py",
    "dashboard/payments/orders.py",
    "db/access.py",
    "db/accounts.py",
    "db/analytics/exclusions.py",
    "db/texts.py",
    "jobs/work.py",
    "ocpp_integration/backend.py",
    "ocpp_integration/billing/checks/of_payments.py",
    "ocpp_integration/billing/checks/of_sessions.py",
    "ocpp_integration/billing/checks/of_statements.py",
    "ocpp_integration/billing/receipts.py",
    "ocpp_integration/billing/statements.py",
    "ocpp_integration/breaker.py",
    "ocpp_integration/charging.py",
    "ocpp_integration/commands.py",
    "ocpp_integration/recorded_webhooks.py",
    "ocpp_integration/lifecycle.py",
    "ocpp_integration/operating.py",
    "ocpp_integration/payments/attempts.py",
    "ocpp_integration/payments/by_hand.py",
    "ocpp_integration/payments/chapa.py",
    "ocpp_integration/payments/charging_work.py",
    "ocpp_integration/payments/parking.py",
    "ocpp_integration/payments/provider_work.py",
    "ocpp_integration/pricing/tariff.py",
    "ocpp_integration/quarantine.py",
    "ocpp_integration/services.py",
    "ocpp_integration/steps.py",
    "ocpp_integration/tariff_book.py",
    "ocpp_integration/transport.py",
)
_FUNCTIONS = ("_", "gettext", "N_", "ngettext", "pgettext")
_SENTENCE = re.compile(r"(\{\w+\} )?[A-Z]\S* .* .*", re.DOTALL)
_QUERY = re.compile(r"(SELECT|INSERT|UPDATE|DELETE|CREATE)\b")
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)


class Text(NamedTuple):
    """`where` is the file that says it."""

    english: str | tuple[str, str]
    where: str
    context: str | None = None


def template() -> Catalog:
    """Every text that there is to translate, without a translation."""
    catalog = Catalog(fuzzy=False)
    for text in texts():
        catalog.add(text.english, locations=[(text.where, 0)], context=text.context)
    return catalog


def texts() -> Iterator[Text]:
    for folder in _FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            where = path.relative_to(ROOT).as_posix()
            for _line, found, _comments, context in extract_from_file(_marked, path):
                yield Text(found, where, context)
    for where in _SPEAKING:
        tree = ast.parse((ROOT / where).read_text("utf-8"))
        yield from (Text(sentence, where) for sentence in _sentences(tree))
    yield from _tabled()


def _tabled() -> Iterator[Text]:
    definitions = "db/analytics/definitions"
    for kpi in KPIS.values():
        yield from (Text(text, definitions) for text in (kpi.name, kpi.formula, kpi.source))
    for where, found in (
        (definitions, [*GROUPS, *(column.title for column in COLUMNS.values())]),
        ("db/analytics/error_codes.py", [mrec.words for mrec in error_codes.MRECS.values()]),
        ("db/analytics/error_codes.py", [*error_codes.OCPP_16.values(), "vendor error {code}"]),
        ("db/analytics/flags.py", flags.FLAGS.values()),
        ("db/analytics/exclusions.py", REASONS.values()),
        ("ocpp_integration/exports/reliability.py", (*OUTCOMES.values(), BROKE_OFF)),
        ("ocpp_integration/billing/checks", [check.title for check in CHECKS.values()]),
        ("ocpp_integration/billing/checks", [check.about for check in CHECKS.values()]),
        ("jobs/advice.py", [*ADVICE.values(), UNFORESEEN]),
        ("settings.py", [field.description or "" for field in Settings.model_fields.values()]),
        (".env.example", _HEADING.findall((ROOT / ".env.example").read_text("utf-8"))),
    ):
        yield from (Text(text, where) for text in found if text)


def _marked(
    file: Iterable[bytes],
    _keywords: object,
    _comments: object,
    options: object,  # noqa: ARG001 - Babel's
) -> Iterator[tuple[int, str, object, list[str]]]:
    """A method of extraction for Babel. Its own overlooks calls within f-strings."""
    for node in ast.walk(ast.parse(b"".join(file))):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if (name := node.func.id) in _FUNCTIONS:
            literals = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
            if name in ("ngettext", "pgettext"):
                yield node.lineno, name, tuple(literals[:2]), []
            elif literals and isinstance(literals[0], str):
                yield node.lineno, "gettext", literals[0], []


def _sentences(tree: ast.AST) -> Iterator[str]:
    """What reads as a sentence, and whatever is raised."""
    skipped = {id(part) for node in ast.walk(tree) for part in _not_said(node)}
    raised = {id(part) for node in ast.walk(tree) if isinstance(node, ast.Raise) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in skipped or not isinstance(node, (ast.Constant, ast.JoinedStr)):
            continue
        text = _as_template(node)
        if (_SENTENCE.fullmatch(text) and not _QUERY.match(text)) or (
            id(node) in raised and len(text.split()) >= 3
        ):
            yield text


def _not_said(node: ast.AST) -> Iterator[ast.AST]:
    """Docstrings and what is written to the log; of an f-string its parts, since it is taken as a whole."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield from (part for value in node.values for part in ast.walk(value))
    elif isinstance(node, ast.Call) and ast.unparse(node.func).startswith(("log.", "_log.")):
        yield from (part for argument in node.args for part in ast.walk(argument))


def _as_template(node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.Constant):
        return node.value.replace("{", "{{").replace("}", "}}") if isinstance(node.value, str) else ""
    parts = []
    names: dict[str, str] = {}
    for value in node.values:
        if isinstance(value, ast.FormattedValue):
            code = ast.unparse(value.value)
            name = names.setdefault(code, f"{_name_of(value.value)}{len(names) or ''}")
            parts.append(f"{{{name}}}")
        else:
            parts.append(str(getattr(value, "value", "")).replace("{", "{{").replace("}", "}}"))
    return "".join(parts)


def _name_of(node: ast.expr) -> str:
    """A short name for what stands in a place: the last of `error.status`, of `len(found)` what it is of."""
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Name):
        return node.id.strip("_").lower() or "value"
    if isinstance(node, ast.Call) and node.args:
        return _name_of(node.args[0])
    return "value"


def update(language: str) -> None:
    """Bring a catalog up to date: new texts are empty, those that nobody uses any more are dropped."""
    path = FOLDER / f"{language}.po"
    with path.open("rb") as file:
        known = read_po(file, locale=language)
    known.update(template(), no_fuzzy_matching=True, update_header_comment=False, update_creation_date=False)
    with path.open("wb") as file:
        write_po(file, known, width=100, sort_by_file=True, ignore_obsolete=True, include_lineno=False)


def main() -> None:
    for language in LANGUAGES:
        if language != ENGLISH:
            update(language)


if __name__ == "__main__":
    main()
