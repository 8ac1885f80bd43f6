"""The program behind a real socket, with two workers: a click that reached one is a no for both."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from tests.support.http_service import JANE, grant
from tests.support.served import Served

ONE_CLICK = b"List-Unsubscribe=One-Click"


def person(name: str) -> dict[str, str]:
    return {**JANE, "value": f"{name}@example.org"}


def test_after_the_click_every_process_says_no(way_out: Served) -> None:
    way_out.call("POST", "/v1/events", grant("every", address=person("every")))
    allowed = way_out.check(address=person("every"))
    url = allowed["unsubscribe"]["List-Unsubscribe"].strip("<>")
    assert way_out.ask("POST", url, ONE_CLICK).status == 200
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: way_out.check(address=person("every")), range(40)))
    assert {(answer["decision"], answer["reason_code"]) for answer in answers} == {("deny", "WITHDRAWN")}


def test_clicks_that_reach_both_processes_at_once_are_one_event(way_out: Served) -> None:
    receipt = way_out.call("POST", "/v1/events", grant("both", address=person("both")))
    url = way_out.link(address=person("both"))
    ready = threading.Barrier(16)

    def click(_: int) -> int:
        ready.wait()
        return way_out.ask("POST", url, ONE_CLICK).status

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(click, range(16))) == {200}
    assert way_out.check(address=person("both"))["position"] == receipt["position"] + 2


def test_the_link_leads_to_where_the_program_listens(way_out: Served) -> None:
    assert way_out.link().startswith(f"http://127.0.0.1:{way_out.port}/u/")


def test_the_barest_request_is_enough(way_out: Served) -> None:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    way_out.call("POST", "/v1/events", grant("bare", address=person("bare"), occurred_at=now))
    path = way_out.link(address=person("bare")).removeprefix(way_out.url)
    request = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(ONE_CLICK)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", way_out.port), timeout=10) as connection:
        connection.sendall(request + ONE_CLICK)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
    assert way_out.check(address=person("bare"))["decision"] == "deny"
