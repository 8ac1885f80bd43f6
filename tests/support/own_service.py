"""The program, serving: forked from the nursery, over a database that it is given or one of its own."""

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from service.cli.demo.theatre import SCOPES, Client
from tests.support.patience import PATIENCE_SECONDS
from tests.support.program_nursery import Nursery, Run, Wanted, own_environment

_READY = re.compile(rb"is ready on http://127\.0\.0\.1:(\d+)")


@contextmanager
def serving(nursery: Nursery, data: Path, *more: str, environment: Mapping[str, str]) -> Iterator[int]:
    """The port of a service over this data folder; stopped on leaving."""
    arguments = ["serve", "--port", "0", "--data", str(data), *more]
    output, errors = data / "service.out", data / "service.log"
    run = nursery.start(Wanted(arguments, dict(environment)), output=output, errors=errors)
    try:
        yield _port(run, output, errors)
        run.stop()
    finally:
        run.kill()


def _port(run: Run, output: Path, errors: Path) -> int:
    until = time.monotonic() + PATIENCE_SECONDS
    while not (said := _READY.search(output.read_bytes())):
        assert run.status(0.01) is None, errors.read_text(encoding="utf-8")
        assert time.monotonic() < until, errors.read_text(encoding="utf-8")
    return int(said[1])


@contextmanager
def opened(nursery: Nursery, data: Path) -> Iterator[Client]:
    """A service over an empty ledger in this folder, and a client of it, as the theatre opens one."""
    environment = own_environment()
    with serving(nursery, data, environment=environment) as port:
        yield Client(port, made_key(nursery, data, SCOPES, environment, "--label", "demo"))


def made_key(
    nursery: Nursery, data: Path, scopes: Iterable[str], environment: Mapping[str, str], *more: str
) -> str:
    """A key with these scopes, by the command line."""
    asked = [part for scope in scopes for part in ("--scope", scope)]
    arguments = ("keys", "create", "--data", str(data), "--json", *more, *asked)
    made = nursery.run(*arguments, environment=environment)
    assert made.returncode == 0, made.stderr
    return str(json.loads(made.stdout)["key"])
