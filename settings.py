"""Every setting of the product, read once at a process's entry from the environment and `.env`.

Nothing here is read at import: an entry point calls `load()` and hands the result on.
"""

from __future__ import annotations

import re
import tomllib
from datetime import timedelta
from decimal import Decimal
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BeforeValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from schedule import Schedule

ROOT = Path(__file__).resolve().parent
ENV_FILE = ROOT / ".env"

Network = IPv4Network | IPv6Network
# Written as text, so it is not decoded as the JSON that the fields of a dataclass would be.
Due = Annotated[Schedule, NoDecode, BeforeValidator(Schedule.parse)]


class ConfigurationError(Exception):
    """The configuration cannot be used; the message says which setting and what to do, a line each."""


class Settings(BaseSettings):
    """All settings by the name of their environment variable, in lower case.

    A description becomes the comment above the variable in `.env.example`.
    """

    model_config = SettingsConfigDict(
        extra="ignore", case_sensitive=False, env_ignore_empty=True, hide_input_in_errors=True
    )

    host: str = Field("127.0.0.1", description="Address that every process listens on")
    dashboard_port: int = Field(8501, ge=1, le=65535, description="Port of the dashboard")
    receiver_port: int = Field(8080, ge=1, le=65535, description="Port of webhooks and REST API")
    ocpp_backend_port: int = Field(
        8000, ge=1, le=65535, description="Port of the embedded OCPP backend (locator API and OCPP)"
    )

    database_url: str = Field(
        f"sqlite:///{ROOT / 'data' / 'mengedmate.db'}",
        description="Store of the product, as an SQLAlchemy URL",
    )
    database_read_url: str | None = Field(
        None,
        description="A PostgreSQL replica that the dashboard reads; unset, the store itself",
    )
    database_read_max_lag: float = Field(
        5, ge=0, le=3600, description="Seconds a replica may be behind; further, the store itself is read"
    )
    ocpp_backend_database_url: str = Field(
        f"sqlite:///{ROOT / 'data' / 'ocpp_backend.db'}",
        description="Store of the embedded OCPP backend, as an SQLAlchemy URL",
    )

    ocpp_base_url: str | None = Field(
        None, description="HTTP root of the OCPP backend; unset, the embedded one"
    )
    ocpp_websocket_url: str | None = Field(
        None, description="Charge points connect to this plus their station id"
    )
    ocpp_webhook_url: str | None = Field(
        None, description="Where the OCPP backend posts its events; unset, our receiver"
    )
    ocpp_api_key: SecretStr | None = Field(
        None, description="Sent to the OCPP backend as a bearer token; the embedded one requires it"
    )
    ocpp_timeout: float = Field(30, gt=0, description="Seconds for one request to the OCPP backend")
    ocpp_retry_attempts: int = Field(
        3, ge=0, le=10, description="Further tries after the first, of requests that may be repeated"
    )

    mengedmate_url: str | None = Field(
        None,
        description="HTTP root of the platform MengedMate; with its token, stations are pulled from there",
    )
    mengedmate_token: SecretStr | None = Field(None, description="Token of an account at MengedMate")
    mengedmate_stations: Literal["own", "public", "all"] = Field(
        "all",
        description="Which stations are pulled: the account's own, the public ones of everybody, or all",
    )

    webhook_secret: SecretStr | None = Field(
        None,
        description="Standard Webhooks secret (whsec_...); several separated by a space while one is rotated",
    )
    webhook_allow_unsigned: bool = Field(
        False, description="Accept webhooks without a signature; only for backends that cannot sign"
    )
    rate_limit_per_minute: int = Field(
        600, ge=0, description="Requests a minute of one API token; 0 for any number"
    )
    commands_per_minute: int = Field(
        60,
        ge=0,
        description="Of these, those that ask the OCPP backend (sync, start, stop, status); 0 for any number",
    )
    auth_failures_per_minute: int = Field(
        60,
        ge=0,
        description="Wrong tokens and signatures a minute from one address; 0 for any number",
    )
    webhooks_per_minute: int = Field(
        0,
        ge=0,
        description="Webhooks a minute from one address, each event of a batch for itself; 0 for any number",
    )
    forwarded_allow_ips: str = Field(
        "",
        description="Proxies in front whose X-Forwarded-For counts: addresses or networks, commas between",
    )

    payment_provider: Literal["none", "sandbox", "chapa"] = Field(
        "none",
        description="Who takes what drivers pay in advance: none (no codes), sandbox (play money), or chapa",
    )
    public_url: str | None = Field(
        None,
        description="Address by which phones reach the receiver, as in codes; unset, its own on this machine",
    )
    chapa_secret_key: SecretStr | None = Field(None, description="Secret key of the account at Chapa")
    chapa_webhook_secret: SecretStr | None = Field(
        None, description="Secret hash that callbacks are signed with, those of the sandbox too"
    )
    chapa_url: str = Field("https://api.chapa.co", description="HTTP root of Chapa")
    payments_per_minute: int = Field(
        30,
        ge=0,
        description="Payments, stops and receipts a minute for one address at codes; 0 for any number",
    )

    cookie_secret: SecretStr | None = Field(
        None, description="Signs the cookies of the dashboard's sign-in form"
    )
    session_hours: int = Field(12, ge=1, le=720, description="Hours until a sign-in to the dashboard ends")
    oidc_issuer: str | None = Field(
        None,
        description="Issuer of an OpenID Connect provider to sign in at; unset, passwords only",
    )
    oidc_client_id: str | None = Field(None, description="What the provider calls the dashboard")
    oidc_client_secret: SecretStr | None = Field(
        None, description="Shows the provider that it is the dashboard; unset for a public client"
    )
    oidc_name: str = Field(
        "single sign-on", min_length=1, max_length=60, description="Name of the provider on the sign-in form"
    )
    oidc_contact: str = Field(
        "", max_length=200, description="Whom people may ask whom the provider knows and the dashboard not"
    )
    demo_password: SecretStr | None = Field(None, description="Password of the three demo users")

    timezone: str = Field("Africa/Addis_Ababa", description="Time zone of new stations")
    currency: str = Field("ETB", pattern="^[A-Z]{3}$", description="Currency of new stations (ISO 4217)")
    vat_percent: Decimal = Field(
        Decimal(15), ge=0, le=100, description="VAT contained in the prices of new tariffs, in percent"
    )

    co2e_kg_per_kwh: Decimal | None = Field(
        None,
        ge=0,
        le=10,
        description="kg of CO2e that a kWh charged saves, by the cars and grid around; unset, none is told",
    )

    network_provider: str = Field(
        "MengedMate", min_length=1, description="Name of the network in files for EV-ChART"
    )
    ocpi_country_code: str = Field(
        "ET", pattern="^[A-Z]{2}$", description="Our country in OCPI objects (ISO 3166, two letters)"
    )
    ocpi_party_id: str = Field(
        "MGM",
        pattern="^[A-Z0-9]{3}$",
        description="Our id in that country in OCPI objects (3 characters)",
    )

    heartbeat_interval: int = Field(
        60, ge=5, le=86400, description="Seconds between heartbeats asked of charge points"
    )
    connection_timeout: int = Field(
        60, ge=1, le=3600, description="Seconds a charge point has to begin a transaction it accepted"
    )
    stuck_after: float = Field(
        24,
        gt=0,
        le=8760,
        description="Hours of silence after which a session ends as estimated, its charge point gone",
    )
    meter_interval: int = Field(
        5, ge=1, le=3600, description="Seconds between meter values of the simulated charge points"
    )
    ocpp_require_station_keys: bool = Field(
        True, description="Only charge points with a key of their own may connect (OCPP security profile 1)"
    )
    ocpp_unknown_stations: Literal["refuse", "quarantine"] = Field(
        "refuse",
        description="Charge points of no known station: refuse, or quarantine (recorded, not believed)",
    )
    ocpp_default_protocol: Literal["ocpp1.6", "ocpp2.0.1"] | None = Field(
        None, description="Version spoken with charge points that offer none; unset, they are refused"
    )
    frame_retention_days: int = Field(14, ge=1, le=3650, description="Days that OCPP frames are kept")
    frame_retention_rows: int = Field(1_000_000, ge=1000, description="How many OCPP frames are kept at most")

    apply_interval: float = Field(0.25, gt=0, description="Seconds between looks for recorded webhooks")
    sync_schedule: Due = Field(
        Schedule(seconds=60),
        description='When stations are synced to the backend: seconds, or cron in UTC ("*/5 * * * *")',
    )
    pull_schedule: Due = Field(
        Schedule(seconds=600), description="When stations are pulled from MengedMate: seconds, or cron in UTC"
    )
    poll_schedule: Due = Field(
        Schedule(seconds=30), description="When silent sessions are polled: seconds, or cron in UTC"
    )
    poll_budget: float = Field(
        20, gt=0, description="Seconds that one poll of silent sessions may take; the rest waits for the next"
    )
    poll_limit: int = Field(5000, ge=1, description="How many silent sessions one poll asks for at most")
    poll_parallel: int = Field(
        32, ge=1, le=256, description="How many of them are asked for at once, each over a kept connection"
    )
    presence_schedule: Due = Field(
        Schedule(seconds=60),
        description="When stations that fell silent are looked for: seconds, or cron in UTC",
    )
    stuck_schedule: Due = Field(
        Schedule(seconds=900),
        description="When sessions that nobody will end are closed: seconds, or cron in UTC",
    )
    rollup_schedule: Due = Field(
        Schedule(seconds=600), description="When the statistics are checked: seconds, or cron in UTC"
    )
    retention_schedule: Due = Field(
        Schedule(seconds=3600), description="When old rows are deleted: seconds, or cron in UTC"
    )
    audit_schedule: Due = Field(
        Schedule(seconds=3600), description="When the billing is audited: seconds, or cron in UTC"
    )
    audit_days: int = Field(
        93, ge=0, description="Days after its end that the billing audit looks at a session; 0 for ever"
    )
    session_silent_after: int = Field(
        120, ge=1, description="Seconds without news after which a running session is polled"
    )

    webhook_retention_days: int = Field(
        90, ge=0, description="Days that bodies of applied webhooks are kept; 0 keeps them for ever"
    )
    log_retention_days: int = Field(
        90, ge=0, description="Days that the log of webhooks and commands is kept; 0 for ever"
    )
    meter_value_retention_days: int = Field(
        400, ge=0, description="Days after its end that a session's meter values are kept; 0 for ever"
    )
    job_run_retention_days: int = Field(30, ge=0, description="Days that runs of jobs are kept; 0 for ever")
    sign_in_retention_days: int = Field(
        30, ge=0, description="Days that failed sign-ins are kept; 0 for ever. Expired ones end at once"
    )

    simulator_fleet: Path = Field(
        ROOT / "simulator" / "fleet.toml", description="Fleet that the simulator plays"
    )
    simulator_keys: Path = Field(
        ROOT / "data" / "simulator" / "keys.json",
        description="Keys of the simulated charge points, as JSON by station id",
    )
    simulator_speed: float = Field(
        1, ge=1, le=600, description="How many times faster than real the simulator's time runs"
    )
    simulator_hours: float = Field(
        0,
        ge=0,
        description="Hours before now at which simulated time begins; it runs at the speed above up to now",
    )

    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Least level logged")
    log_format: Literal["text", "json"] = Field("text", description="Log lines as text, or as JSON objects")

    metrics_token: SecretStr | None = Field(
        None, description="Bearer token that reads /metrics; unset, only this machine may"
    )
    jobs_metrics_port: int = Field(
        0, ge=0, le=65535, description="Port of the metrics of the jobs process; 0: it serves none"
    )

    @field_validator("database_url", "ocpp_backend_database_url")
    @classmethod
    def _of_a_store(cls, url: str) -> str:
        if not re.match(r"(sqlite|postgresql)(\+\w+)?://", url):
            raise ValueError("sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME is needed")
        return url

    @field_validator("database_read_url")
    @classmethod
    def _on_postgresql(cls, url: str | None) -> str | None:
        if url and not url.startswith("postgresql"):
            raise ValueError("only PostgreSQL has replicas; leave it unset to read from DATABASE_URL")
        return url

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, name: str) -> str:
        if name not in _timezones():
            raise ValueError(f"no time zone is called {name}; a name such as Africa/Addis_Ababa is needed")
        return name

    @field_validator("mengedmate_url", "public_url", "chapa_url")
    @classmethod
    def _http_root(cls, url: str | None) -> str | None:
        if url is not None and not re.fullmatch(r"https?://[^/\s?#@]+(/[^\s?#]*)?", url):
            raise ValueError("an address such as https://mengedmate.example is needed")
        return url

    @field_validator("forwarded_allow_ips")
    @classmethod
    def _addresses(cls, listed: str) -> str:
        _networks(listed)
        return listed

    @field_validator("oidc_issuer")
    @classmethod
    def _trustworthy_issuer(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        is_here = parts.hostname in ("127.0.0.1", "localhost", "::1")
        if parts.scheme != "https" and not (parts.scheme == "http" and is_here):
            raise ValueError("an https address is needed; over http, anybody on the way could let people in")
        if not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError("an address such as https://accounts.example.com is needed")
        return url

    @model_validator(mode="after")
    def _provider_knows_us(self) -> Settings:
        if self.oidc_issuer is not None and self.oidc_client_id is None:
            raise ValueError("OIDC_ISSUER needs OIDC_CLIENT_ID")
        return self

    @model_validator(mode="after")
    def _payments_can_be_taken(self) -> Settings:
        needed = {
            "none": (),
            "sandbox": ("chapa_webhook_secret",),
            "chapa": ("chapa_webhook_secret", "chapa_secret_key", "public_url"),
        }[self.payment_provider]
        lacking = [name.upper() for name in needed if getattr(self, name) is None]
        if lacking:
            raise ValueError(f"PAYMENT_PROVIDER={self.payment_provider} needs {', '.join(lacking)}")
        return self

    @model_validator(mode="after")
    def _fill_addresses_from_ports(self) -> Settings:
        ours = self.backend_url
        self.ocpp_base_url = (self.ocpp_base_url or ours).rstrip("/")
        self.ocpp_websocket_url = self.ocpp_websocket_url or f"{ours.replace('http', 'ws', 1)}/ws/ev-locator/"
        self.ocpp_webhook_url = self.ocpp_webhook_url or f"{self.receiver_url}/api/ocpp/webhook/"
        return self

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def _host_in_urls(self) -> str:
        # Where every address is listened on, this machine reaches itself at its own.
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        return f"[{host}]" if ":" in host else host

    @property
    def receiver_url(self) -> str:
        return f"http://{self._host_in_urls}:{self.receiver_port}"

    @property
    def phone_url(self) -> str:
        """HTTP root of the pages that codes lead to."""
        return (self.public_url or self.receiver_url).rstrip("/")

    @property
    def dashboard_url(self) -> str:
        return f"http://{self._host_in_urls}:{self.dashboard_port}"

    @property
    def backend_url(self) -> str:
        """HTTP root of the embedded OCPP backend, whether or not it is the one that is used."""
        return f"http://{self._host_in_urls}:{self.ocpp_backend_port}"

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """Secrets that a webhook may be signed with; the first one signs what we send."""
        return tuple(self.webhook_secret.get_secret_value().split()) if self.webhook_secret else ()

    @property
    def pulls_stations(self) -> bool:
        """Whether it is known where stations are pulled from, and in whose name."""
        return self.mengedmate_url is not None and self.mengedmate_token is not None

    @property
    def start_within(self) -> timedelta:
        """How long after it accepted a start a charge point may begin the transaction."""
        return timedelta(seconds=self.connection_timeout)

    @property
    def proxies(self) -> tuple[Network, ...]:
        """The proxies whose word on where a request comes from is taken."""
        return _networks(self.forwarded_allow_ips)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every value that must appear in no log: the secret settings, and the passwords in addresses."""
        held = [value.get_secret_value() for _, value in self if isinstance(value, SecretStr)]
        urls = (urlsplit(url) for name, url in self if name.endswith("_url") and url)
        passwords = [url.password for url in urls if url.password]
        keys = [secret.removeprefix("whsec_") for secret in self.webhook_secrets]
        return (*held, *keys, *passwords, *map(unquote, passwords))

    @property
    def offline_after(self) -> int:
        """Seconds of silence after which a charge point counts as offline."""
        return 3 * self.heartbeat_interval

    @property
    def ocpp_settings(self) -> dict[str, Any]:
        """The settings of the OCPP backend under the names that the platform uses (`OCPP_SETTINGS`)."""
        return {
            "BASE_URL": self.ocpp_base_url,
            "WEBSOCKET_URL": self.ocpp_websocket_url,
            "WEBHOOK_URL": self.ocpp_webhook_url,
            "API_KEY": self.ocpp_api_key.get_secret_value() if self.ocpp_api_key else None,
            "TIMEOUT": self.ocpp_timeout,
            "RETRY_ATTEMPTS": self.ocpp_retry_attempts,
        }


@cache
def version() -> str:
    """The product's, which stands in `pyproject.toml` and nowhere else."""
    described = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return str(described["project"]["version"])


@cache
def _timezones() -> frozenset[str]:
    """The names of all time zones, which are found by reading a folder for each continent."""
    return frozenset(available_timezones())


def _networks(listed: str) -> tuple[Network, ...]:
    """Raises `ValueError`. A star, which uvicorn knows as well, stands for any address."""
    if listed.strip() == "*":
        listed = "0.0.0.0/0,::/0"
    return tuple(ip_network(each.strip()) for each in listed.split(",") if each.strip())


def load(env_file: Path | None = ENV_FILE, **overrides: Any) -> Settings:
    """Settings from the environment, then `env_file`, then the defaults.

    Raises `ConfigurationError` naming every wrong setting in a line of its own.
    """
    try:
        return Settings(_env_file=env_file, **overrides)  # type: ignore[call-arg]
    except ValidationError as error:
        lines = [
            f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors()
        ]
        where = f" in the environment or in {env_file}" if env_file else ""
        told = "\n  ".join(lines)
        raise ConfigurationError(f"Wrong settings{where} (.env.example explains each):\n  {told}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{env_file} cannot be read: {error}") from error
