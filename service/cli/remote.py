"""Asking a running service, for the commands that do: plain HTTP, and every failure one line."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from service.client import AwayError, Ledger, NoAnswerError

F = TypeVar("F", bound=Callable[..., Any])


def service_options(command: F) -> F:
    """`--url` and `--key`: which service, and as whom."""
    for option in (
        click.option(
            "--key", envvar="CONSENT_LEDGER_KEY", required=True, help="An API key. Also CONSENT_LEDGER_KEY."
        ),
        click.option(
            "--url", envvar="CONSENT_LEDGER_URL", default="http://127.0.0.1:8000", show_default=True
        ),
    ):
        command = option(command)
    return command


@contextmanager
def asking(url: str, key: str, *, without: str) -> Iterator[Ledger]:
    """A running service through its client, which believes signed answers alone.

    Raises `click.ClickException` where there is no answer. `without`: what it means to get none.
    """
    try:
        with Ledger(url, key) as ledger:
            yield ledger
    except AwayError as error:
        raise click.ClickException(f"no answer from {url}: {without}") from error
    except NoAnswerError as error:
        raise click.ClickException(str(error)) from error
    except ValueError as error:
        raise click.ClickException(f"--url: {error}") from error


class Service:
    """A running service, as this key may use it. `without`: what it means to get no answer."""

    def __init__(self, url: str, key: str, *, without: str, seconds: float = 15) -> None:
        if not url.startswith(("http://", "https://")):
            raise click.ClickException("--url begins with http:// or https://")
        self._url = url.rstrip("/")
        self._key = key
        self._without = without
        self._seconds = seconds

    def call(self, method: str, path: str, body: bytes | None = None) -> Any:  # noqa: ANN401 - any JSON
        """The answer's JSON. Raises `ClickException` where there is none, or a refusal."""
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked
            self._url + path,
            body,
            {"content-type": "application/json", "authorization": f"Bearer {self._key}"},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=self._seconds) as response:  # noqa: S310 - as above
                return json.load(response)
        except urllib.error.HTTPError as refusal:
            raise click.ClickException(told(refusal.code, refusal.read())) from refusal
        except (OSError, ValueError) as error:
            raise click.ClickException(f"no answer from {self._url}: {self._without}") from error


def told(status: int, raw: bytes) -> str:
    """A problem of the service in one line."""
    try:
        problem = json.loads(raw)
        title, detail = problem["title"], problem.get("detail", "")
        places = "; ".join(
            f"{error['pointer']}: {error['message']}"
            for error in problem.get("errors", [])
            if error.get("pointer")
        )
    except (ValueError, KeyError, TypeError):
        return f"the service answered {status}"
    more = places or (detail if detail != title else "")
    return f"{title}: {more}" if more else str(title)
