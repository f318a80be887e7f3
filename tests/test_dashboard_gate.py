"""The gate of the dashboard, as a process with real sockets: who comes in, and who does not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from dashboard_server import csrf_token, serving, session_cookie, sign_in
from factories import add_owner, add_user, make_store
from sqlalchemy import Engine, delete
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from dashboard.gate import preloads
from dashboard.gate.signing import SESSION_COOKIE
from db.engine import writing
from db.models import SignInFailure, User

PAGE = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    engine = make_store(tmp_path_factory.mktemp("gate"))
    with writing(engine) as store:
        owner = add_owner(store)
        add_user(store, "admin")
        add_user(store, "selam", "owner", owner)
        add_user(store, "leaver", "owner", owner)
        add_user(store, "driver", "driver")
    return engine


@pytest.fixture(scope="module")
def url(engine: Engine) -> Iterator[str]:
    with serving(engine) as url:
        yield url


@pytest.fixture(autouse=True)
def no_failures(engine: Engine) -> None:
    with writing(engine) as store:
        store.execute(delete(SignInFailure))


def get(url: str, cookie: str = "", **headers: str) -> requests.Response:
    cookies = {SESSION_COOKIE: cookie} if cookie else None
    return requests.get(url, cookies=cookies, headers=PAGE | headers, allow_redirects=False, timeout=10)


def open_socket(url: str, origin: str | None, cookie: str = "") -> None:
    """Opens the page's WebSocket and closes it again. Raises `InvalidStatus` where it is refused."""
    headers = {"Cookie": f"{SESSION_COOKIE}={cookie}"} if cookie else None
    address = url.replace("http", "ws") + "/_stcore/stream"
    with connect(address, origin=Origin(origin) if origin else None, additional_headers=headers):
        pass


def test_health_needs_no_session(url: str) -> None:
    assert requests.get(f"{url}/healthz", timeout=10).json() == {"status": "ok"}


def test_a_script_of_streamlits_is_compressed_for_who_takes_that_and_the_same_for_others(url: str) -> None:
    (script,) = preloads.SCRIPTS.glob("DateInput.*.js")
    address = f"{url}/static/js/{script.name}"
    plain = requests.get(address, headers={"Accept-Encoding": "identity"}, timeout=10)
    compressed = requests.get(address, headers={"Accept-Encoding": "gzip, br"}, timeout=10)
    assert compressed.headers["content-encoding"] == "gzip"
    assert int(compressed.headers["content-length"]) < int(plain.headers["content-length"]) / 3
    assert compressed.content == plain.content == script.read_bytes()
    for header in ("cache-control", "x-content-type-options"):
        assert compressed.headers[header] == plain.headers[header]


def test_plotlys_function_comes_in_parentheses_and_all_else_of_its_script_as_it_is(url: str) -> None:
    (script,) = preloads.SCRIPTS.glob("PlotlyChart.*.js")
    theirs, served = script.read_text("utf-8"), get(f"{url}/static/js/{script.name}").content.decode()
    assert len(served) == len(theirs) + 2
    bare = served.replace("n,(()=>{var", "n,()=>{var").replace("Plotly=e,e}))", "Plotly=e,e})")
    assert bare == theirs


def test_a_page_without_a_session_leads_to_the_sign_in_form(url: str) -> None:
    answer = get(f"{url}/sessions?period=7d")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Fsessions%3Fperiod%3D7d")


@pytest.mark.parametrize(
    "path", ["/_stcore/health", "/_stcore/metrics", "/_stcore/host-config", "/media/x.png"]
)
def test_what_is_no_page_answers_401_without_a_session(url: str, path: str) -> None:
    assert get(url + path).status_code == 401


def test_uploads_answer_401_without_a_session(url: str) -> None:
    assert requests.put(f"{url}/_stcore/upload_file/a/b", data=b"x", timeout=10).status_code == 401


def test_signing_in_leads_to_the_page_that_was_asked_for(url: str) -> None:
    browser, answer = sign_in(url, "admin", next_path="/live?state=faulted")
    assert (answer.status_code, answer.headers["location"]) == (303, "/live?state=faulted")
    assert get(f"{url}/live", session_cookie(browser)).status_code == 200


@pytest.mark.parametrize(
    "next_path", ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example"]
)
def test_signing_in_never_leads_to_a_foreign_site(url: str, next_path: str) -> None:
    _, answer = sign_in(url, "admin", next_path=next_path)
    assert answer.headers["location"] == "/"


def test_the_session_cookie_is_out_of_reach_of_scripts_and_foreign_sites(url: str) -> None:
    _, answer = sign_in(url, "admin")
    cookie = next(c for c in answer.raw.headers.getlist("set-cookie") if c.startswith(SESSION_COOKIE))
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Secure" not in cookie


def test_a_tampered_cookie_is_no_session(url: str) -> None:
    browser, _ = sign_in(url, "admin")
    token, _, signature = session_cookie(browser).partition(".")
    assert get(url, f"{token[:-1]}x.{signature}").status_code == 303


def test_a_wrong_password_is_refused(url: str) -> None:
    _, answer = sign_in(url, "admin", "not the password")
    assert answer.status_code == 401 and "wrong" in answer.text


def test_an_unknown_name_gets_the_answer_of_a_wrong_password(url: str) -> None:
    _, unknown = sign_in(url, "nobody", "not the password")
    _, wrong = sign_in(url, "nobodx", "not the password")
    assert unknown.status_code == wrong.status_code == 401


def test_a_name_comes_back_into_the_form_escaped(url: str) -> None:
    _, answer = sign_in(url, '"><script>alert(1)</script>', "not the password")
    assert "<script>" not in answer.text


def test_after_five_failures_even_the_right_password_must_wait(url: str) -> None:
    for _ in range(5):
        sign_in(url, "selam", "not the password")
    _, answer = sign_in(url, "selam")
    assert answer.status_code == 429 and "Try again in 15 minutes" in answer.text
    assert int(answer.headers["retry-after"]) > 0


def test_failures_count_against_the_address_too(url: str) -> None:
    for number in range(5):
        sign_in(url, f"somebody{number}", "not the password")
    _, answer = sign_in(url, "admin")
    assert answer.status_code == 429


def test_success_clears_the_failures_of_the_account(url: str) -> None:
    for _ in range(4):
        sign_in(url, "selam", "not the password")
    sign_in(url, "selam")
    for _ in range(4):
        sign_in(url, "selam", "not the password")
    assert sign_in(url, "selam")[1].status_code == 303


def test_a_driver_is_told_where_to_go_instead(url: str) -> None:
    _, answer = sign_in(url, "driver")
    assert answer.status_code == 403 and "mobile app" in answer.text
    assert SESSION_COOKIE not in answer.cookies


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Sec_Fetch_Site": "cross-site"}, {"Origin": "null"}],
)
def test_a_form_sent_from_a_foreign_page_is_refused(url: str, headers: dict[str, str]) -> None:
    _, answer = sign_in(url, "admin", **headers)
    assert answer.status_code == 403


def test_a_form_without_its_token_is_refused(url: str) -> None:
    answer = requests.post(f"{url}/login", data={"user_name": "admin", "password": "x"}, timeout=10)
    assert answer.status_code == 403


def test_a_token_of_another_browser_is_refused(url: str) -> None:
    foreign = csrf_token(requests.get(f"{url}/login", timeout=10).text)
    browser = requests.Session()
    browser.get(f"{url}/login", timeout=10)
    answer = browser.post(f"{url}/login", data={"csrf_token": foreign, "user_name": "admin"}, timeout=10)
    assert answer.status_code == 403


def test_signing_in_again_ends_the_session_before(url: str) -> None:
    browser, _ = sign_in(url, "admin")
    before = session_cookie(browser)
    form = browser.get(f"{url}/logout", timeout=10)
    assert form.status_code == 200
    token = csrf_token(form.text)
    data = {"csrf_token": token, "user_name": "admin", "password": "a long enough password", "next": "/"}
    browser.post(f"{url}/login", data=data, allow_redirects=False, timeout=20)
    assert get(url, before).status_code == 303


def test_the_log_out_link_of_our_own_page_ends_the_session(url: str) -> None:
    browser, _ = sign_in(url, "admin")
    cookie = session_cookie(browser)
    own = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert get(f"{url}/logout", cookie, **own).headers["location"] == "/login"
    assert get(url, cookie).status_code == 303


def test_a_log_out_link_on_a_foreign_page_only_asks(url: str) -> None:
    browser, _ = sign_in(url, "admin")
    cookie = session_cookie(browser)
    foreign = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert "Stay signed in" in get(f"{url}/logout", cookie, **foreign).text
    assert get(url, cookie).status_code == 200


def test_the_log_out_form_ends_the_session(url: str) -> None:
    browser, _ = sign_in(url, "admin")
    cookie = session_cookie(browser)
    token = csrf_token(browser.get(f"{url}/logout", timeout=10).text)
    browser.post(f"{url}/logout", data={"csrf_token": token}, timeout=10)
    assert get(url, cookie).status_code == 303


def test_a_deactivated_user_is_out_at_once(url: str, engine: Engine) -> None:
    browser, _ = sign_in(url, "leaver")
    with writing(engine) as store:
        store.query(User).filter_by(user_name="leaver").update({"is_active": False})
    assert get(url, session_cookie(browser)).status_code == 303


def test_the_socket_opens_for_a_session_from_its_own_page(url: str) -> None:
    browser, _ = sign_in(url, "admin")
    open_socket(url, url, session_cookie(browser))


@pytest.mark.parametrize("cookie", ["", "forged.signature"])
def test_the_socket_is_refused_without_a_session(url: str, cookie: str) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        open_socket(url, url, cookie)


@pytest.mark.parametrize("origin", ["https://evil.example", None])
def test_the_socket_is_refused_to_foreign_pages(url: str, origin: str | None) -> None:
    browser, _ = sign_in(url, "admin")
    with pytest.raises(InvalidStatus, match="403"):
        open_socket(url, origin, session_cookie(browser))


def test_pages_carry_the_security_headers_and_are_not_stored(url: str) -> None:
    browser, _ = sign_in(url, "admin")
    headers = get(url, session_cookie(browser)).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")


@pytest.mark.parametrize("path", ["/nonsense", "/stations/extra", "/access", "/index.html"])
def test_an_address_that_leads_nowhere_is_told_so_with_a_way_home(url: str, path: str) -> None:
    browser, _ = sign_in(url, "selam")
    answer = get(url + path, session_cookie(browser), **{"Accept-Language": "am"})
    assert answer.status_code == 404 and "script" not in answer.text
    assert 'lang="am"' in answer.text and 'href="/"' in answer.text
    assert get(url + path).status_code == 303


def test_the_sign_in_form_allows_no_script(url: str) -> None:
    policy = requests.get(f"{url}/login", timeout=10).headers["content-security-policy"]
    assert policy.startswith("default-src 'none'") and "script-src" not in policy
