"""The running receiver against its own description: all checks and phases of schemathesis, two owners."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from receiver_app import People, announce_a_job, populate
from receiver_process import agreeing_backend, receivers
from sqlalchemy import Engine

HERE = Path(__file__).resolve().parent
EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "2")

CONFIG = """
[auth.wfc]
path = "{people}"
peers = ["owner", "other owner"]

# Some of what fits cannot be granted; a check of ours looks at the reasons.
[checks]
positive_data_acceptance.expected-statuses = ["2xx", "400", "401", "404", "409", "422"]

# Each asks for what is its own, for what is the other's, and for what nobody has.
[dictionaries]
stations.values = {stations}
places.values = {places}
transactions.values = {transactions}
users.values = {users}
tokens.values = {tokens}
payments.values = {payments}

[parameters]
"path.station_id" = {{ dictionary = "stations", probability = 0.5 }}
"path.transaction_id" = {{ dictionary = "transactions", probability = 0.5 }}
"path.token" = {{ dictionary = "tokens", probability = 0.5 }}
"path.session_token" = {{ dictionary = "payments", probability = 0.5 }}
"query.station_id" = {{ dictionary = "stations", probability = 0.5 }}
"query.transaction_id" = {{ dictionary = "transactions", probability = 0.5 }}
"body.station_id" = {{ dictionary = "stations", probability = 0.5 }}
"body.charging_station_id" = {{ dictionary = "places", probability = 0.5 }}
"body.transaction_id" = {{ dictionary = "transactions", probability = 0.5 }}
"body.user_id" = {{ dictionary = "users", probability = 0.5 }}
"""


def _config(people: People, file: Path) -> str:
    values = {
        "stations": [people.station_id, people.foreign_station_id],
        "places": [people.place_id, people.foreign_place_id],
        "transactions": [people.transaction_id, people.foreign_transaction_id],
        "tokens": [people.token],
        "payments": [people.session_token],
        "users": [str(people.user_ids[who]) for who in ("driver", "other owner")],
    }
    return CONFIG.format(people=file, **{name: json.dumps(each) for name, each in values.items()})


def _people(people: People) -> str:
    """As Web Fuzzing Commons writes down who may come in."""
    header = "Authorization"
    return json.dumps(
        {
            "auth": [
                {"name": who, "fixedHeaders": [{"name": header, "value": f"Token {people.tokens[who]}"}]}
                for who in ("owner", "other owner")
            ]
        }
    )


def _markers(people: People) -> str:
    """What belongs to each owner, by its token."""
    return json.dumps(
        {
            people.tokens["owner"]: [people.station_id, people.place_id, "Addis Charge"],
            people.tokens["other owner"]: [people.foreign_station_id, "Elsewhere", "Far Away"],
        }
    )


def test_no_answer_differs_from_the_description(engine: Engine, tmp_path: Path) -> None:
    people = populate(engine)
    announce_a_job(engine)
    (tmp_path / "people.json").write_text(_people(people))
    (tmp_path / "schemathesis.toml").write_text(_config(people, tmp_path / "people.json"))
    with agreeing_backend() as backend, receivers(engine, **_settings(backend.url)) as (url,):
        run = subprocess.run(
            [
                *(str(Path(sys.executable).with_name("schemathesis")), "--config-file"),
                *(str(tmp_path / "schemathesis.toml"), "run", f"{url}/openapi.json"),
                *("--phases", "examples,coverage,fuzzing,stateful", "--checks", "all"),
                *("--max-examples", EXAMPLES, "--seed", "20260304", "--no-color", "--continue-on-failure"),
            ],
            cwd=tmp_path,
            env=os.environ
            | {
                "SCHEMATHESIS_HOOKS": "schemathesis_checks",
                "PYTHONPATH": str(HERE),
                "MARKERS_BY_TOKEN": _markers(people),
            },
            capture_output=True,
            text=True,
            check=False,
        )
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-5_000:]


def _settings(backend: str) -> dict[str, str]:
    return {
        "OCPP_BASE_URL": backend,
        "WEBHOOK_ALLOW_UNSIGNED": "true",
        "PAYMENT_PROVIDER": "sandbox",
        "CHAPA_WEBHOOK_SECRET": "whsec_test",
        "PAYMENTS_PER_MINUTE": "0",
        "RATE_LIMIT_PER_MINUTE": "0",
        "COMMANDS_PER_MINUTE": "0",
        "AUTH_FAILURES_PER_MINUTE": "0",
    }
