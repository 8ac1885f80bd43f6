"""Several worker processes on one port: whichever of them is scraped answers for all."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.http_service import question

ASKED = 40


@contextmanager
def two_workers(dsn: str, data: Path) -> Iterator[tuple[str, str]]:
    """Their address and a key that opens everything."""
    command = [sys.executable, "-m", "service", "serve", "--workers", "2", "--port", "0", "--example-sender"]
    environment = os.environ | {"DATABASE_URL": dsn, "CONSENT_LEDGER_DATA_DIR": str(data)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stdout is not None
        try:
            said = ""
            while "curl" not in said:
                line = process.stdout.readline()
                assert line, "it ended before it served"
                said += line
            url, key = re.search(r"http://\S+", said), re.search(r"clk_\S+", said)
            assert url is not None
            assert key is not None
            yield url[0], key[0]
        finally:
            process.terminate()


def test_a_scrape_of_any_worker_shows_what_all_have_counted(database_dsn: str, tmp_path: Path) -> None:
    counted = set()
    with two_workers(database_dsn, tmp_path) as (url, key):
        for _ in range(ASKED):  # each on a connection of its own, so that both workers get some
            headers = {"authorization": f"Bearer {key}"}
            assert httpx.post(f"{url}/v1/checks", json=question(), headers=headers).status_code == 200
        for _ in range(8):
            text = httpx.get(f"{url}/metrics").text
            counted |= set(re.findall(r"^ledger_checks_total{.*} ([0-9.]+)$", text, re.MULTILINE))
    assert counted == {f"{ASKED}.0"}
