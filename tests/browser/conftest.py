"""A real Chromium, where one is installed, and the program it visits."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.support.databases import a_database
from tests.support.program_nursery import Nursery
from tests.support.served import Served, served

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window, with a profile of its own that is thrown away.

    For one module: while its driver lives, this thread has a running event loop, and no other test may.
    """
    installed = next(filter(None, map(shutil.which, _NAMES)), None)
    if installed is None:
        pytest.skip(f"no browser: none of {', '.join(_NAMES)} is installed (on Debian: apt install chromium)")
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=installed, args=list(_FLAGS))
        yield started
        started.close()


@pytest.fixture(scope="module")
def visited(
    browser: Browser,  # noqa: ARG001 - without one there is nothing to start
    nursery: Nursery,
    server_dsn: str,
    migrated_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Served]:
    """The program with the sender Acme, whose categories have names for people."""
    with (
        a_database(server_dsn, template=migrated_template) as dsn,
        served(nursery, dsn, tmp_path_factory.mktemp("visited")) as started,
    ):
        label = "News & offers from the garden, four times a year"
        rulebook = {"schema": 1, "categories": {"newsletter": {}, "garden": {"label": label}}}
        started.call("PUT", "/v1/rulebook", rulebook)
        yield started
