"""The addresses that anybody may reach: sign in, log out, health."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from anyio import to_thread
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from dashboard.gate import cookies, languages, rules
from dashboard.gate.forms import log_out_form, sign_in_form
from dashboard.gate.signing import CSRF_COOKIE, SESSION_COOKIE, csrf_matches, csrf_token, new_csrf_cookie
from dashboard.gate.signins import Refused, SignIns
from db.texts import storable
from languages import LANGUAGES, N_, _, ngettext, speaking

_EXPIRED_FORM = N_("This form is too old. Please try again.")
_WRONG = N_("The user name or the password is wrong.")
_NO_PAGES = N_("This account has no stations to look at. Drivers find their sessions in the mobile app.")
_MAX_FORM_BYTES = 16 * 1024
_MARK_FILE = Path(__file__).parents[1] / "brand" / "mark.svg"


def routes(*, sign_ins: SignIns, secret: str, provider: str = "") -> list[Route]:
    """`provider` is the name of the OpenID Connect provider that the sign-in form offers, if any."""
    pages = _Pages(sign_ins, secret, provider)
    return [
        Route(rules.LOGIN, pages.ask, methods=["GET"]),
        Route(rules.LOGIN, pages.sign_in, methods=["POST"]),
        Route(rules.LOGOUT, pages.ask_to_leave, methods=["GET"]),
        Route(rules.LOGOUT, pages.log_out, methods=["POST"]),
        Route(rules.HEALTH, _health, methods=["GET"]),
        Route(rules.MARK, _mark, methods=["GET"]),
    ]


async def _health(_request: Request) -> Response:
    return JSONResponse({"status": "ok"}, headers={"cache-control": "no-store"})


async def _mark(_request: Request) -> Response:
    return FileResponse(_MARK_FILE, headers={"cache-control": "public, max-age=86400"})


class _Pages:
    def __init__(self, sign_ins: SignIns, secret: str, provider: str):
        self._sign_ins = sign_ins
        self._secret = secret
        self._provider = provider

    async def ask(self, request: Request) -> Response:
        next_path = rules.local_path(request.query_params.get("next", "/"))
        if await to_thread.run_sync(self._sign_ins.user, _session_cookie(request)):
            return RedirectResponse(next_path, 303)
        language = languages.asked(request)
        answer = self._form(request, next_path=next_path, language=language)
        if language:
            _remember(answer, request, language)
        return answer

    async def sign_in(self, request: Request) -> Response:
        form = await _read_form(request)
        next_path, user_name = rules.local_path(_field(form, "next")), _field(form, "user_name").strip()
        if not self._is_ours(request, form):
            return self._form(
                request, next_path=next_path, user_name=user_name, problem=_EXPIRED_FORM, status=403
            )
        outcome = await to_thread.run_sync(
            self._sign_ins.sign_in,
            user_name,
            _field(form, "password"),
            request.client.host if request.client else "",
            _session_cookie(request),
        )
        if isinstance(outcome, Refused):
            return self._refuse(request, outcome, next_path, user_name)
        if (language := _field(form, "language")) in LANGUAGES:
            await to_thread.run_sync(self._sign_ins.choose_language, outcome, language)
        answer = RedirectResponse(next_path, 303)
        cookies.begin_session(answer, request, outcome, self._sign_ins.lasting)
        return answer

    async def ask_to_leave(self, request: Request) -> Response:
        if rules.is_own_link(request.headers) and "everywhere" not in request.query_params:
            return await self._leave(request)
        cookie = request.cookies.get(CSRF_COOKIE) or new_csrf_cookie()
        with speaking(languages.of(request)):
            answer = log_out_form(csrf_token=csrf_token(cookie, self._secret))
        answer.set_cookie(CSRF_COOKIE, cookie, **cookies.flags(request))
        return answer

    async def log_out(self, request: Request) -> Response:
        form = await _read_form(request)
        if not self._is_ours(request, form):
            return RedirectResponse(rules.LOGOUT, 303)
        return await self._leave(request, everywhere=_field(form, "everywhere") == "1")

    async def _leave(self, request: Request, *, everywhere: bool = False) -> Response:
        user = await to_thread.run_sync(self._sign_ins.user, _session_cookie(request))
        leave = partial(self._sign_ins.sign_out, _session_cookie(request), everywhere=everywhere)
        await to_thread.run_sync(leave)
        answer = RedirectResponse(rules.LOGIN, 303)
        if user and user.language:
            _remember(answer, request, user.language)
        answer.delete_cookie(SESSION_COOKIE, path="/")
        return answer

    def _is_ours(self, request: Request, form: FormData) -> bool:
        cookie = request.cookies.get(CSRF_COOKIE, "")
        token = _field(form, "csrf_token")
        return rules.is_own_form(request.headers) and csrf_matches(token, cookie, self._secret)

    def _refuse(self, request: Request, refused: Refused, next_path: str, user_name: str) -> Response:
        problem, status = {
            "wrong": (_WRONG, 401),
            "no_pages": (_NO_PAGES, 403),
            "locked": ("", 429),
        }[refused.reason]
        answer = self._form(
            request,
            next_path=next_path,
            user_name=user_name,
            problem=problem,
            locked_until=refused.until,
            status=status,
        )
        if refused.until:
            answer.headers["retry-after"] = str(_seconds_until(refused.until))
        return answer

    def _form(
        self, request: Request, *, problem: str = "", locked_until: datetime | None = None, **parts: Any
    ) -> Response:
        """`problem` in English."""
        cookie = request.cookies.get(CSRF_COOKIE) or new_csrf_cookie()
        token = csrf_token(cookie, self._secret)
        with speaking(languages.of(request)):
            told = _locked_sentence(locked_until) if locked_until else _(problem)
            answer = sign_in_form(csrf_token=token, provider=self._provider, problem=told, **parts)
        answer.set_cookie(CSRF_COOKIE, cookie, **cookies.flags(request))
        return answer


async def _read_form(request: Request) -> FormData:
    length = request.headers.get("content-length", "")
    if not length.isdecimal() or int(length) > _MAX_FORM_BYTES:
        return FormData()
    return await request.form(max_files=0, max_fields=10)


def _field(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return storable(value) if isinstance(value, str) else ""


def _session_cookie(request: Request) -> str:
    return request.cookies.get(SESSION_COOKIE, "")


def _remember(answer: Response, request: Request, language: str) -> None:
    answer.set_cookie(languages.COOKIE, language, max_age=languages.LASTING, **cookies.flags(request))


def _seconds_until(until: datetime | None) -> int:
    return max(1, round((until - datetime.now(UTC)).total_seconds())) if until else 0


def _locked_sentence(until: datetime | None) -> str:
    minutes = -(-_seconds_until(until) // 60)
    return ngettext(
        "Too many failed sign-ins. Try again in {n} minute.",
        "Too many failed sign-ins. Try again in {n} minutes.",
        minutes,
    )
