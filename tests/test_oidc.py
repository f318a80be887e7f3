"""Signing in at an OpenID Connect provider: who comes in, who does not, and what ends it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from browser import browsing, fill_in_sign_in
from dashboard_server import serving, session_cookie, sign_in
from factories import add_owner, add_user, make_store
from identity_provider import CLIENT_ID, CLIENT_SECRET, IdentityProvider, providing
from joserfc.jwk import RSAKey
from playwright.sync_api import Browser, expect
from sqlalchemy import Engine, select
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect
from websockets.typing import Origin

from dashboard.gate.journeys import COOKIE, LASTING, Journey
from dashboard.gate.provider import Provider, ProviderError
from dashboard.gate.signing import SESSION_COOKIE
from db import accounts
from db.access import AccessError
from db.engine import reading, writing
from db.identities import Identity, Stranger, user_of
from db.models import AuditEntry, User, utc_now
from settings import ConfigurationError, load

Forge = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture(scope="module")
def store_of_gate(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    engine = make_store(tmp_path_factory.mktemp("oidc"))
    with writing(engine) as store:
        owner = add_owner(store)
        for name, role in (("admin", "admin"), ("selam", "owner"), ("leaver", "owner"), ("driver", "driver")):
            user = add_user(store, name, role, owner if role == "owner" else None)
            accounts.set_email(store, None, user, f"{name}@example.com")
        leaver = accounts.find_user(store, "leaver")
        leaver.is_active = False
    return engine


@pytest.fixture(scope="module")
def running_provider() -> Iterator[IdentityProvider]:
    with providing() as provider:
        yield provider


@pytest.fixture
def provider(running_provider: IdentityProvider) -> IdentityProvider:
    running_provider.reset()
    return running_provider


@pytest.fixture(scope="module")
def url(store_of_gate: Engine, running_provider: IdentityProvider) -> Iterator[str]:
    with serving(
        store_of_gate,
        OIDC_ISSUER=running_provider.url,
        OIDC_CLIENT_ID=CLIENT_ID,
        OIDC_CLIENT_SECRET=CLIENT_SECRET,
        OIDC_NAME="Addis ID",
        OIDC_CONTACT="it@addis.example",
    ) as url:
        yield url


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browsing() as browser:
        yield browser


def person(name: str, **claims: Any) -> dict[str, Any]:
    return {
        "sub": f"subject of {name}",
        "email": f"{name}@example.com",
        "email_verified": True,
    } | claims


def come_in(url: str, next_path: str = "/") -> tuple[requests.Session, requests.Response]:
    """Go to the provider and back, as a browser would; the answer is the one to the coming back."""
    browser = requests.Session()
    away = browser.get(f"{url}/oidc/login", params={"next": next_path}, allow_redirects=False, timeout=10)
    back = browser.get(away.headers["location"], allow_redirects=False, timeout=10)
    return browser, browser.get(back.headers["location"], allow_redirects=False, timeout=20)


def test_a_person_whose_address_an_admin_entered_comes_in(
    url: str, provider: IdentityProvider, store_of_gate: Engine
) -> None:
    provider.person = person("selam", email="Selam@Example.com")
    browser, answer = come_in(url, "/live?state=faulted")
    assert (answer.status_code, answer.headers["location"]) == (303, "/live?state=faulted")
    assert session_cookie(browser) and COOKIE not in browser.cookies
    with reading(store_of_gate) as store:
        told = store.scalar(select(AuditEntry).where(AuditEntry.action == "link identity"))
        assert told and told.subject == "selam" and told.details["subject"] == "subject of selam"


def test_an_address_is_taken_from_user_info_where_the_token_has_none(
    url: str, provider: IdentityProvider
) -> None:
    provider.person = {"sub": "subject of admin"}
    provider.user_info = person("admin")
    assert come_in(url)[1].headers["location"] == "/"


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        (person("stranger"), "No account here yet"),
        (person("admin", sub="a new one", email_verified=False), "not confirmed"),
        (person("admin", sub="a new one", email_verified="false"), "not confirmed"),
        ({"sub": "nobody knows"}, "not confirmed"),
        (person("leaver"), "deactivated"),
        (person("driver"), "mobile app"),
    ],
)
def test_a_person_without_an_account_is_told_whom_to_ask(
    url: str, provider: IdentityProvider, claims: dict[str, Any], told: str
) -> None:
    provider.person = provider.user_info = claims
    browser, answer = come_in(url)
    assert answer.status_code == 403 and told in answer.text and "it@addis.example" in answer.text
    assert SESSION_COOKIE not in browser.cookies


@pytest.mark.parametrize(
    "forge",
    [
        lambda claims: claims | {"nonce": "of another journey"},
        lambda claims: {name: value for name, value in claims.items() if name != "nonce"},
        lambda claims: claims | {"exp": claims["iat"] - 3600},
        lambda claims: claims | {"iat": claims["iat"] + 3600},
        lambda claims: claims | {"aud": "another client"},
        lambda claims: claims | {"aud": [CLIENT_ID, "another client"]},
        lambda claims: claims | {"azp": "another client"},
        lambda claims: claims | {"iss": "https://evil.example"},
        lambda claims: claims | {"sub": ""},
        lambda claims: claims | {"sub": 7},
    ],
)
def test_a_token_that_is_wrong_in_one_thing_lets_nobody_in(
    url: str, provider: IdentityProvider, forge: Forge
) -> None:
    provider.person, provider.forge = person("admin"), forge
    browser, answer = come_in(url)
    assert answer.status_code == 502 and SESSION_COOKIE not in browser.cookies


def test_a_token_signed_with_another_key_lets_nobody_in(url: str, provider: IdentityProvider) -> None:
    provider.person, provider.key = person("admin"), RSAKey.generate_key(2048, {"kid": "first"})
    assert come_in(url)[1].status_code == 502


def test_bytes_that_do_not_end_and_keys_that_are_none_let_nobody_in(
    provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"issuer": provider.url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "name": "Addis"}
    about = provider.metadata()
    monkeypatch.setattr(provider, "metadata", lambda: about | {"jwks_uri": f"{provider.url}/userinfo"})
    with pytest.raises(ProviderError, match="keys cannot be read"):
        Provider(**asked)._key_set()
    monkeypatch.setattr(provider, "metadata", lambda: about | {"more": "x" * (1 << 20)})
    with pytest.raises(ProviderError, match="does not end"):
        Provider(**asked)._told("jwks_uri")


def test_a_provider_that_is_away_is_not_waited_for_by_each_visitor(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def be_away(_method: str, address: str, **_parts: Any) -> None:
        asked.append(address)
        raise requests.ConnectTimeout

    monkeypatch.setattr(requests, "request", be_away)
    provider = Provider(issuer="https://id.example", client_id="x", client_secret=None, name="Addis ID")
    for _ in range(3):
        with pytest.raises(ProviderError):
            provider.address(Journey.begin("/", 0, "secret"), "https://here.example")
    assert len(asked) == 1


@pytest.mark.parametrize("state", ["", "forged", "\u00e9"])
def test_a_forged_state_is_refused(url: str, provider: IdentityProvider, state: str) -> None:
    provider.person = person("admin")
    browser = requests.Session()
    away = browser.get(f"{url}/oidc/login", allow_redirects=False, timeout=10)
    back = browser.get(away.headers["location"], allow_redirects=False, timeout=10)
    code = re.search(r"code=([^&]+)", back.headers["location"])
    assert code
    answer = browser.get(f"{url}/oidc/callback?code={code[1]}&state={state}", timeout=10)
    assert answer.status_code == 400 and SESSION_COOKIE not in browser.cookies


def test_the_way_back_of_one_browser_is_of_no_use_to_another(url: str, provider: IdentityProvider) -> None:
    provider.person = person("admin")
    away = requests.get(f"{url}/oidc/login", allow_redirects=False, timeout=10)
    back = requests.get(away.headers["location"], allow_redirects=False, timeout=10)
    victim = requests.Session()
    victim.get(f"{url}/oidc/login", allow_redirects=False, timeout=10)
    assert victim.get(back.headers["location"], timeout=10).status_code == 400


def test_a_way_back_works_once(url: str, provider: IdentityProvider) -> None:
    provider.person = person("admin")
    browser, answer = come_in(url)
    assert answer.request.url
    again = browser.get(answer.request.url, allow_redirects=False, timeout=10)
    assert again.status_code == 400


def test_cancelling_at_the_provider_leads_to_the_form(url: str) -> None:
    browser = requests.Session()
    away = browser.get(f"{url}/oidc/login", allow_redirects=False, timeout=10)
    state = re.search(r"state=([0-9a-f]+)", away.headers["location"])
    assert state
    back = f"{url}/oidc/callback?error=access_denied&state={state[1]}"
    answer = browser.get(back, allow_redirects=False, timeout=10)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


def test_a_foreign_site_is_never_where_one_arrives(url: str, provider: IdentityProvider) -> None:
    provider.person = person("admin")
    assert come_in(url, "https://evil.example")[1].headers["location"] == "/"


def test_passwords_work_beside_the_provider(url: str) -> None:
    assert sign_in(url, "admin")[1].status_code == 303
    assert "Sign in with Addis ID" in requests.get(f"{url}/login", timeout=10).text


def test_logging_out_everywhere_ends_the_sessions_of_all_browsers_however_they_came_in(
    url: str, provider: IdentityProvider, chromium: Browser
) -> None:
    provider.person = person("selam")
    office, phone = chromium.new_context(), chromium.new_context()
    by_provider = office.new_page()
    by_provider.goto(f"{url}/live")
    by_provider.get_by_role("link", name="Sign in with Addis ID").click()
    expect(by_provider.get_by_role("heading", name="Live")).to_be_visible(timeout=30_000)
    by_provider.reload()
    expect(by_provider.get_by_role("heading", name="Live")).to_be_visible(timeout=30_000)
    by_password = fill_in_sign_in(phone, url, "/my-access")
    expect(by_password.get_by_role("heading", name="Access")).to_be_visible(timeout=30_000)
    by_password.get_by_role("link", name="Log out everywhere").click()
    by_password.get_by_role("button", name="Log out everywhere").click()
    expect(by_password.get_by_label("User name")).to_be_visible(timeout=30_000)
    expect(by_provider.get_by_label("User name")).to_be_visible(timeout=30_000)
    assert urlsplit(by_provider.url).path == "/login"
    office.close()
    phone.close()


def test_an_open_socket_says_nothing_more_once_an_admin_ended_the_session(
    url: str, store_of_gate: Engine
) -> None:
    browser, _ = sign_in(url, "selam")
    address, cookie = url.replace("http", "ws"), f"{SESSION_COOKIE}={session_cookie(browser)}"
    with connect(
        f"{address}/_stcore/stream", origin=Origin(url), additional_headers={"Cookie": cookie}
    ) as socket:
        with writing(store_of_gate) as store:
            accounts.end_sessions(store, None, accounts.find_user(store, "selam"))
        socket.send(BackMsg(rerun_script=ClientState()).SerializeToString())
        assert ForwardMsg.FromString(socket.recv(10, decode=False)).auth_redirect.url == "/login"
        with pytest.raises(ConnectionClosedError, match="1008"):
            socket.recv(10)


def make_user(engine: Engine, name: str = "selam", email: str = "selam@example.com") -> None:
    with writing(engine) as store:
        accounts.create_user(
            store, None, user_name=name, role="admin", password=None, name="", owner="", email=email
        )


def verified(subject: str, email: str = "selam@example.com", issuer: str = "https://id.example") -> Identity:
    return Identity(issuer, subject, email, is_verified=True)


def test_once_linked_the_subject_counts_and_not_the_address(engine: Engine) -> None:
    make_user(engine)
    with writing(engine) as store:
        linked = user_of(store, verified("s-1"))
        assert user_of(store, Identity("https://id.example", "s-1", "new@example.com")) is linked
        with pytest.raises(Stranger, match="other_person"):
            user_of(store, verified("s-2"))


def test_an_address_that_only_looks_alike_is_another_one(engine: Engine) -> None:
    make_user(engine, "kidist", "kidist@example.com")
    with writing(engine) as store, pytest.raises(Stranger, match="unknown"):
        user_of(store, verified("s-1", "\u212aidist@example.com"))


def test_a_subject_of_another_provider_is_another_person(engine: Engine) -> None:
    make_user(engine)
    with writing(engine) as store:
        user_of(store, verified("s-1"))
        with pytest.raises(Stranger, match="unknown"):
            user_of(store, verified("s-1", "other@example.com", "https://evil.example"))


def test_a_new_address_unlinks_who_the_user_was_and_signs_it_out(engine: Engine) -> None:
    make_user(engine)
    with writing(engine) as store:
        user = user_of(store, verified("s-1"))
        accounts.set_email(store, None, user, "Hana@Example.com")
        assert user_of(store, verified("s-2", "hana@example.com")) is user
        with pytest.raises(Stranger, match="unknown"):
            user_of(store, verified("s-1"))


def test_a_deactivated_user_is_not_linked(engine: Engine) -> None:
    make_user(engine)
    with writing(engine) as store:
        make_admin = add_user(store, "admin")
        accounts.deactivate_user(store, make_admin, accounts.find_user(store, "selam"), utc_now())
        assert not user_of(store, verified("s-1")).is_active
        assert store.scalar(select(User.oidc_subject).where(User.user_name == "selam")) is None


def test_two_users_cannot_have_one_address(engine: Engine) -> None:
    make_user(engine)
    with pytest.raises(AccessError, match="selam has this e-mail address already"):
        make_user(engine, "hana", "SELAM@example.com")


def test_a_journey_ends_after_ten_minutes_and_is_read_with_its_secret_only() -> None:
    journey = Journey.begin("/live?a=1:2", 1000, "secret")
    assert Journey.read(journey.cookie, 1000 + LASTING, "secret") == journey
    assert Journey.read(journey.cookie, 1001 + LASTING, "secret") is None
    assert Journey.read(journey.cookie, 1000, "another secret") is None
    assert len({journey.state, journey.nonce, journey.verifier}) == 3


@pytest.mark.parametrize("issuer", ["http://id.example", "https://", "id.example", "https://u@id.example"])
def test_an_issuer_that_anybody_could_pretend_to_be_is_refused(issuer: str) -> None:
    with pytest.raises(ConfigurationError, match="OIDC_ISSUER"):
        load(None, oidc_issuer=issuer, oidc_client_id="x")
