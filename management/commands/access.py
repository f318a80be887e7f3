"""Who may come in: users, tokens, keys of charge points."""

from __future__ import annotations

import getpass
import os
import sys
from argparse import ArgumentParser, Namespace

from db import migrate as migrations
from db.access import AccessError
from management import people, station_keys
from management.commands.command import Commands, engine_of, nothing, number, whole
from settings import load


def create_user(options: Namespace) -> None:
    """Make a user who can sign in to the dashboard."""
    engine = engine_of(load())
    # Often the first command of all.
    migrations.upgrade(engine)
    people.add_user(
        engine,
        user_name=options.user_name,
        role=options.role,
        password=None if options.no_password else _ask_password(),
        name=options.name,
        owner=options.owner,
        new_owner=options.new_owner,
        email=options.email,
    )
    print(f"Made the user {options.user_name}.")


def create_token(options: Namespace) -> None:
    """Make a token of the REST API; it is shown once."""
    print(
        people.add_token(engine_of(load()), user_name=options.user_name, name=options.name, days=options.days)
    )


def list_users(_: Namespace) -> None:
    """List the users, with their role, state and number of tokens."""
    people.print_users(engine_of(load()))


def set_password(options: Namespace) -> None:
    """Give a user a new password; whoever is signed in as this user is signed out."""
    name = options.user_name
    may_come = people.change_password(engine_of(load()), user_name=name, password=_ask_password())
    print(f"{name} has a new password.")
    if not may_come:
        print(f"{name} is deactivated and cannot sign in; activate-user mends that.", file=sys.stderr)


def set_email(options: Namespace) -> None:
    """Say by which address the OpenID Connect provider knows a user; who signed in before is signed out."""
    people.change_email(engine_of(load()), user_name=options.user_name, email=options.email)
    print(f"{options.user_name} signs in at the provider as {options.email or 'nobody'} from now on.")


def end_sessions(options: Namespace) -> None:
    """Sign a user out in every browser; it may sign in again."""
    ended = people.end_sessions(engine_of(load()), options.user_name)
    print(f"Ended {ended} session{'' if ended == 1 else 's'} of {options.user_name}.")


def deactivate_user(options: Namespace) -> None:
    """Let a user in no more: its sign-ins end and its tokens are revoked at once."""
    people.deactivate(engine_of(load()), options.user_name)
    print(f"{options.user_name} is deactivated, signed out, and its tokens are revoked.")


def activate_user(options: Namespace) -> None:
    """Let a deactivated user in again, with its password of before; its tokens stay revoked."""
    people.activate(engine_of(load()), options.user_name)
    print(f"{options.user_name} is active. Tokens that were revoked stay so: make new ones.")


def list_tokens(options: Namespace) -> None:
    """List the tokens of the REST API that are active: whose, until when, when last used."""
    people.print_tokens(engine_of(load()), user_name=options.user, all_of_them=options.all)


def revoke_token(options: Namespace) -> None:
    """Have a token refused from now on, by its number in list-tokens."""
    people.revoke(engine_of(load()), options.token_id)
    print(f"Token {options.token_id} is revoked.")


def create_station_key(options: Namespace) -> None:
    """Make the key with which a charge point connects; it is shown once and replaces any before."""
    settings = load()
    # The key alone on standard output, so that a script can take it.
    print(station_keys.create(settings, options.station_id))
    print(station_keys.how_to_connect(settings, options.station_id), file=sys.stderr)
    if not station_keys.is_known(settings, options.station_id):
        print(station_keys.NOT_KNOWN, file=sys.stderr)


def _ask_password() -> str:
    """Never an argument: arguments are seen by everybody on the machine."""
    if given := os.environ.get("NEW_USER_PASSWORD"):
        return given
    if not sys.stdin.isatty():
        if piped := sys.stdin.readline().rstrip("\r\n"):
            return piped
        raise AccessError("no password: give it on standard input, or set NEW_USER_PASSWORD")
    typed = getpass.getpass("Password: ")
    if getpass.getpass("The same again: ") != typed:
        raise AccessError("the two passwords differ; nothing was changed")
    return typed


def _user_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("user_name")
    parser.add_argument("--role", choices=("admin", "owner", "driver"), required=True)
    parser.add_argument("--name", default="", help="the name that is shown")
    parser.add_argument("--owner", help="whose stations a user of the role owner sees")
    parser.add_argument("--new-owner", action="store_true", help="make this owner where there is none yet")
    parser.add_argument("--email", default="", help="address by which the OpenID Connect provider knows it")
    parser.add_argument("--no-password", action="store_true", help="signs in at that provider only")


def _token_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("user_name", help="the user that the token acts for")
    parser.add_argument("--name", default="", help="what the token is for")
    parser.add_argument("--days", type=whole(1, 36_500), help="days until it ends (default: never)")


def _token_list_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--user", help="only the tokens of this user")
    parser.add_argument("--all", action="store_true", help="those that expired or were revoked, too")


def _token_id_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("token_id", type=number, help="the number that list-tokens shows")


def _user_name_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("user_name")


def _email_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("user_name")
    parser.add_argument("email", help='the address; "" for none')


def _station_key_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("station_id", help="the last step of the address that the charge point connects to")


COMMANDS: Commands = {
    "create-user": (create_user, _user_arguments),
    "create-token": (create_token, _token_arguments),
    "list-users": (list_users, nothing),
    "set-password": (set_password, _user_name_arguments),
    "set-email": (set_email, _email_arguments),
    "end-sessions": (end_sessions, _user_name_arguments),
    "deactivate-user": (deactivate_user, _user_name_arguments),
    "activate-user": (activate_user, _user_name_arguments),
    "list-tokens": (list_tokens, _token_list_arguments),
    "revoke-token": (revoke_token, _token_id_arguments),
    "create-station-key": (create_station_key, _station_key_arguments),
}
