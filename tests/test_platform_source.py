"""MengedMate's list over HTTP, which may have any shape, and may be anything but a list."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest
from locator import Answer, cut, drip, html, reply, silence
from mengedmate import (
    OWN,
    PUBLIC,
    TOKEN,
    Platform,
    connector,
    paged,
    running_platform,
    station,
    station_id,
)

from ocpp_integration.platform.http import TRIES
from ocpp_integration.platform.listing import Listing, StationKey
from ocpp_integration.transport import MAX_ANSWER_BYTES

HEAD = b"HTTP/1.1 200 OK\r\n"
UNUSABLE: dict[str, Answer] = {
    "HTML": html(),
    "an empty body": reply(200, b""),
    "an object that is no page": reply(200, {"detail": "hello"}),
    "results that are no list": reply(200, {"results": "none", "next": None}),
    "a next that is no address": reply(200, {"results": [], "next": 7}),
    "a number": reply(200, b"7"),
    "NaN": reply(200, b"[NaN]"),
    "half a body": cut(HEAD + b"Content-Length: 100\r\n\r\n[]"),
    "a connection cut in the headers": cut(HEAD + b"Content-Le"),
    "a connection closed at once": cut(b""),
    "too much once unpacked": reply(
        200, gzip.compress(b" " * (MAX_ANSWER_BYTES + 1)), Content_Encoding="gzip"
    ),
    "a redirect to another host": reply(302, b"", Location="http://127.0.0.2/"),
    "a refused token": reply(401, {"detail": "Invalid token."}),
    "a failure": reply(500, b"oops"),
}


@pytest.fixture
def platform() -> Iterator[Platform]:
    with running_platform() as running:
        running.lists()
        yield running


def names(listing: Listing) -> list[object]:
    return [each.fields["name"] for each in listing.stations]


# Lists


class _Enough(Exception):
    pass


def _no_more(_found: int) -> None:
    raise _Enough


def test_reading_can_be_ended_between_pages(platform: Platform) -> None:
    paged(platform, OWN, [station(1)], [station(2)], [station(3)])
    with pytest.raises(_Enough):
        platform.source().read(_no_more)
    assert len(platform.requests) == 1


def test_an_array_is_a_list(platform: Platform) -> None:
    platform.lists(station(1), station(2))
    listing = platform.source().read()
    assert (names(listing), listing.complete, listing.problems) == (["Station 1", "Station 2"], True, [])


@pytest.mark.parametrize("absolute", [True, False])
def test_pages_are_read_to_the_last(platform: Platform, absolute: bool) -> None:
    paged(platform, OWN, [station(1)], [station(2)], [station(3)], absolute=absolute)
    listing = platform.source().read()
    assert (names(listing), listing.complete) == (["Station 1", "Station 2", "Station 3"], True)


def test_a_root_with_a_path_is_kept(platform: Platform) -> None:
    platform.answer(f"/mm{OWN}", reply(200, [station(1)]))
    listing = platform.source(mengedmate_url=f"{platform.url}/mm/", mengedmate_stations="own").read()
    assert names(listing) == ["Station 1"]


def test_each_request_carries_the_token(platform: Platform) -> None:
    paged(platform, OWN, [station(1)], [station(2)])
    platform.source().read()
    assert {token for _, token in platform.requests} == {f"Token {TOKEN}"}


def test_a_netrc_does_not_replace_the_token(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    platform.source().read()
    assert {token for _, token in platform.requests} == {f"Token {TOKEN}"}


def test_public_stations_are_asked_for_their_connectors(platform: Platform) -> None:
    platform.lists(public=[station(5, connector(1), connector(2)), station(6)])
    listing = platform.source().read()
    assert [len(each.connectors or ()) for each in listing.stations] == [2, 2]
    assert not any(each.is_own for each in listing.stations)


def test_a_station_in_both_lists_is_taken_from_the_own(platform: Platform) -> None:
    platform.lists(station(1, name="Own"), public=[station(1, name="Public")])
    listing = platform.source().read()
    assert [(each.fields["name"], each.is_own) for each in listing.stations] == [("Own", True)]
    assert f"{PUBLIC}{station_id(1)}/" not in platform.paths()


@pytest.mark.parametrize(("which", "paths"), [("own", [OWN]), ("public", [PUBLIC]), ("all", [OWN, PUBLIC])])
def test_only_the_lists_that_are_wanted_are_read(platform: Platform, which: str, paths: list[str]) -> None:
    platform.source(mengedmate_stations=which).read()
    assert platform.paths() == paths


@pytest.mark.parametrize("external_id", [17, "17", "0f0e0d0c-0b0a-4009-8807-060504030201"])
def test_both_kinds_of_connector_ids_are_read(platform: Platform, external_id: int | str) -> None:
    platform.lists(station(1, connector(external_id, quantity=2)))
    (read,) = platform.source().read().stations
    assert [(each.external_id, each.unit) for each in read.connectors or ()] == [
        (str(external_id), 1),
        (str(external_id), 2),
    ]


def test_a_wrong_station_is_left_out_and_named(platform: Platform) -> None:
    platform.lists(station(1, latitude="north"), station(2))
    listing = platform.source().read()
    assert (names(listing), listing.left_out, listing.complete) == (
        ["Station 2"],
        [StationKey(station_id(1))],
        True,
    )
    assert "Station 1" in listing.problems[0] and "latitude" in listing.problems[0]


@pytest.mark.parametrize("row", ["a text", None, {"name": "Nameless"}, {"id": "7", "name": "Seven"}])
def test_a_row_that_could_be_any_station_makes_the_list_incomplete(platform: Platform, row: object) -> None:
    platform.answer(OWN, reply(200, [row, station(2)]))
    listing = platform.source().read()
    assert (names(listing), listing.complete, len(listing.problems)) == (["Station 2"], False, 1)


def test_ids_of_ours_are_not_taken_from_the_platform(platform: Platform) -> None:
    platform.lists(station(1, connector(1, connector_id=7), station_id="MINE"))
    (read,) = platform.source().read().stations
    assert read.key.ocpp_id is None
    assert [each.number for each in read.connectors or ()] == [None]


# Failures


@pytest.mark.parametrize("answer", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_what_is_no_list_is_a_problem_and_no_empty_list(platform: Platform, answer: Answer) -> None:
    platform.answer(OWN, answer)
    listing = platform.source(mengedmate_stations="own").read()
    assert (listing.stations, listing.complete, len(listing.problems)) == ([], False, 1)


@pytest.mark.parametrize("answer", UNUSABLE.values(), ids=UNUSABLE.keys())
def test_a_failure_in_the_middle_of_the_pages_keeps_what_came_before(
    platform: Platform, answer: Answer
) -> None:
    paged(platform, OWN, [station(1)], [station(2)], [station(3)])
    platform.answer(f"{OWN}?page=2", answer)
    listing = platform.source().read()
    assert (names(listing), listing.complete) == (["Station 1"], False)


def test_a_list_that_fails_does_not_stop_the_other(platform: Platform) -> None:
    platform.lists(public=[station(5)])
    platform.answer(OWN, html(500))
    listing = platform.source().read()
    assert (names(listing), listing.complete) == (["Station 5"], False)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_passing_failure_is_tried_again(platform: Platform, status: int) -> None:
    platform.answer(OWN, html(status), html(status), reply(200, [station(1)]))
    listing = platform.source(mengedmate_stations="own").read()
    assert (names(listing), listing.complete) == (["Station 1"], True)


def test_tries_come_to_an_end(platform: Platform) -> None:
    platform.answer(OWN, html(500))
    platform.source(mengedmate_stations="own").read()
    assert len(platform.requests) == TRIES


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_is_not_tried_again(platform: Platform, status: int) -> None:
    platform.answer(OWN, html(status))
    platform.source(mengedmate_stations="own").read()
    assert len(platform.requests) == 1


def test_a_refused_token_is_named_and_not_told(platform: Platform) -> None:
    platform.answer(OWN, html(401))
    (problem,) = platform.source(mengedmate_stations="own").read().problems
    assert "MENGEDMATE_TOKEN" in problem and TOKEN not in problem


def test_a_platform_that_is_silent_is_not_waited_for(platform: Platform) -> None:
    platform.answer(OWN, silence(platform.as_locator()))
    listing = platform.source(seconds=0.2, mengedmate_stations="own").read()
    assert "in time" in listing.problems[0] or "cut" in listing.problems[0]


@pytest.mark.parametrize("head", [HEAD, HEAD + b"Content-Length: 9999\r\n\r\n["])
def test_an_answer_that_drips_in_is_not_waited_for(platform: Platform, head: bytes) -> None:
    platform.answer(OWN, drip(platform.as_locator(), head))
    listing = platform.source(seconds=0.2, mengedmate_stations="own").read()
    assert (listing.complete, len(listing.problems)) == (False, 1)


def test_a_platform_that_is_not_there_is_a_problem() -> None:
    with running_platform() as gone:
        source = gone.source(mengedmate_stations="own")
    listing = source.read()
    assert (listing.complete, len(listing.problems)) == (False, 1)


# Where the token goes


def test_the_next_page_at_another_origin_is_not_asked_for(platform: Platform) -> None:
    with running_platform() as other:
        other.lists(station(9))
        for following in (
            other.url + OWN,
            other.url.replace("http:", "") + OWN,
            other.url.replace("127.0.0.1", "localhost") + OWN,
            f"http://127.0.0.1@{other.url.removeprefix('http://')}{OWN}",
        ):
            platform.answer(OWN, reply(200, {"results": [station(1)], "next": following}))
            listing = platform.source(mengedmate_stations="own").read()
            assert (names(listing), listing.complete) == (["Station 1"], False)
        assert other.requests == []


@pytest.mark.parametrize(
    "following", ["file:///etc/passwd", "http://[", "http://127.0.0.1:99999/", "ftp://x/"]
)
def test_the_next_page_that_is_no_address_is_a_problem(platform: Platform, following: str) -> None:
    platform.answer(OWN, reply(200, {"results": [station(1)], "next": following}))
    listing = platform.source(mengedmate_stations="own").read()
    assert (names(listing), listing.complete) == (["Station 1"], False)


def test_a_platform_behind_tls_that_calls_itself_http_is_asked_over_tls(platform: Platform) -> None:
    source = platform.source(mengedmate_url="https://mengedmate.example")
    following = source._within("https://mengedmate.example/a", "http://mengedmate.example/a?page=2")
    assert following == "https://mengedmate.example/a?page=2"


def test_pages_that_go_round_come_to_an_end(platform: Platform) -> None:
    platform.answer(OWN, reply(200, {"results": [station(1)], "next": OWN}))
    listing = platform.source(mengedmate_stations="own").read()
    assert (names(listing), listing.complete, platform.paths()) == (["Station 1"], False, [OWN])


def test_pages_without_an_end_come_to_one(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ocpp_integration.platform.source.MAX_PAGES", 3)
    paged(platform, OWN, *([station(each)] for each in range(1, 9)))
    listing = platform.source(mengedmate_stations="own").read()
    assert (len(listing.stations), listing.complete) == (3, False)


# Details


@pytest.mark.parametrize(
    "answer", [html(404), html(500), html(), reply(200, {}), reply(200, []), reply(302, b"", Location="/")]
)
def test_a_station_whose_detail_fails_is_left_out_and_the_others_are_not(
    platform: Platform, answer: Answer
) -> None:
    platform.lists(public=[station(5), station(6)])
    platform.answer(f"{PUBLIC}{station_id(5)}/", answer)
    listing = platform.source().read()
    assert (names(listing), listing.left_out) == (["Station 6"], [StationKey(station_id(5))])


def test_details_that_all_fail_are_not_all_asked_for(platform: Platform) -> None:
    platform.lists(public=[station(each) for each in range(60)])
    for each in range(60):
        platform.answer(f"{PUBLIC}{station_id(each)}/", html(500))
    listing = platform.source().read()
    asked = {path for path in platform.paths() if path.endswith("/") and path not in (OWN, PUBLIC)}
    assert (len(listing.left_out), len(asked) < 30) == (60, True)


def test_reading_that_ends_among_the_details_asks_for_no_more_of_them(platform: Platform) -> None:
    platform.lists(public=[station(each) for each in range(300)])
    told: list[int] = []

    def enough(found: int) -> None:
        told.append(found)
        if len(told) > 300:
            raise _Enough

    with pytest.raises(_Enough):
        platform.source().read(enough)
    asked = [path for path in platform.paths() if path.endswith("/") and path not in (OWN, PUBLIC)]
    assert len(asked) < 300


def test_an_own_station_without_connectors_is_asked_for_them(platform: Platform) -> None:
    platform.lists(public=[station(1)])
    platform.answer(OWN, reply(200, [station(1) | {"connectors": None}]))
    (read,) = platform.source().read().stations
    assert (len(read.connectors or ()), read.is_own) == (2, True)
