"""Signing in at an OpenID Connect provider: away to it, and back.

In the gate, not by `st.login`: Streamlit's cookie of who signed in is believed until it expires, whatever
happens to the user, and its script runs for nobody whom the gate has not let in. Here both ways of signing in
end in the same session, which logging out, deactivating and a new password end at once.
"""

from __future__ import annotations

import logging
import time
from html import escape

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from dashboard.gate import cookies, languages, rules
from dashboard.gate.forms import message_page
from dashboard.gate.journeys import COOKIE, LASTING, Journey
from dashboard.gate.provider import Provider, ProviderError
from dashboard.gate.signing import SESSION_COOKIE
from dashboard.gate.signins import Refused, SignIns
from db.identities import Identity
from languages import N_, _, speaking

_log = logging.getLogger(__name__)

# Threads that may wait for the provider: the others, of all pages, are not kept by one that is slow.
_WAITING = 4

_TOO_LATE = N_("This sign-in was begun in another browser, twice, or too long ago. Please begin anew.")


def oidc_routes(*, sign_ins: SignIns, provider: Provider, secret: str, contact: str) -> list[Route]:
    ways = _Ways(sign_ins, provider, secret, contact)
    return [
        Route(rules.OIDC_BEGIN, ways.begin, methods=["GET"]),
        Route(rules.OIDC_BACK, ways.back, methods=["GET"]),
    ]


class _Ways:
    def __init__(self, sign_ins: SignIns, provider: Provider, secret: str, contact: str):
        self._sign_ins = sign_ins
        self._provider = provider
        self._secret = secret
        self._contact = contact
        self._waiting = CapacityLimiter(_WAITING)

    async def begin(self, request: Request) -> Response:
        next_path = rules.local_path(request.query_params.get("next", "/"))
        journey = Journey.begin(next_path, time.time(), self._secret)
        try:
            where = await to_thread.run_sync(
                self._provider.address, journey, _redirect_uri(request), limiter=self._waiting
            )
        except ProviderError as error:
            with speaking(languages.of(request)):
                return self._failed(error)
        answer = RedirectResponse(where, 303)
        answer.set_cookie(COOKIE, journey.cookie, max_age=LASTING, **cookies.flags(request))
        return answer

    async def back(self, request: Request) -> Response:
        with speaking(languages.of(request)):
            answer = await self._arrived(request)
        answer.delete_cookie(COOKIE, path="/")
        return answer

    async def _arrived(self, request: Request) -> Response:
        said = request.query_params
        journey = Journey.read(request.cookies.get(COOKIE, ""), time.time(), self._secret)
        if journey is None or not journey.is_of(said.get("state", "")):
            return message_page(_("Sign in again"), _(_TOO_LATE), status=400)
        if "code" not in said:
            # Whoever pressed Cancel there wants to be here.
            return RedirectResponse(rules.LOGIN, 303)
        try:
            person = await to_thread.run_sync(
                self._provider.person,
                said["code"],
                journey,
                _redirect_uri(request),
                limiter=self._waiting,
            )
        except ProviderError as error:
            return self._failed(error)
        outcome = await to_thread.run_sync(
            self._sign_ins.sign_in_person, person, request.cookies.get(SESSION_COOKIE, "")
        )
        if isinstance(outcome, Refused):
            return self._refused(outcome, person)
        answer = RedirectResponse(journey.next_path, 303)
        cookies.begin_session(answer, request, outcome, self._sign_ins.lasting)
        return answer

    def _failed(self, error: ProviderError) -> Response:
        _log.warning("Nobody could sign in at %s: %s", self._provider.name, error)
        return message_page(
            _("That did not work"),
            _(
                "{provider} cannot be reached, or did not say who you are. Try again in a moment.",
                provider=self._provider.name,
            ),
            status=502,
        )

    def _refused(self, refused: Refused, person: Identity) -> Response:
        _log.warning("%r at %s was refused: %s", person.subject, self._provider.name, refused.reason)
        title, sentence = _REFUSALS[refused.reason]
        told = _(
            "You are signed in at {provider} as {who}.",
            provider=self._provider.name,
            who=person.email or _("no e-mail address"),
        )
        return message_page(
            _(title),
            f"{told} {_(sentence)}",
            after=f"<p>{escape(self._whom_to_ask())}</p>",
            status=403,
        )

    def _whom_to_ask(self) -> str:
        return _(
            "Ask {contact} to let you in.", contact=self._contact or _("an administrator of this dashboard")
        )


_REFUSALS = {
    "unknown": (N_("No account here yet"), N_("This dashboard has no account with that address.")),
    "unverified": (
        N_("Your e-mail address is not confirmed"),
        N_("Only an address that was confirmed there can open an account here."),
    ),
    "other_person": (
        N_("This account is somebody else's"),
        N_("The account with that address is linked to another person there."),
    ),
    "deactivated": (N_("This account is deactivated"), N_("It may not be used any more.")),
    "no_pages": (
        N_("Nothing to see here"),
        N_("This account has no stations to look at. Drivers find their sessions in the mobile app."),
    ),
}


def _redirect_uri(request: Request) -> str:
    # The provider sends nobody to an address that was not registered there, whatever Host says.
    return f"{request.url.scheme}://{request.url.netloc}{rules.OIDC_BACK}"
