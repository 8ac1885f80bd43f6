"""Callers as they should be: each keeps sending its event under the same id until it is acknowledged."""

import http.client
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.support.workload import Event, Promised

AT_ONCE = 6
_PATIENCE_SECONDS = 40
_ANSWER_SECONDS = 25

Receipt = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: Any


def ask(port: int, key: str, path: str, body: object = None) -> Reply | None:
    """One request; None when no (whole) answer came."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS)
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    try:
        if body is None:
            connection.request("GET", path, headers=headers)
        else:
            connection.request("POST", path, json.dumps(body).encode(), headers)
        answer = connection.getresponse()
        raw = answer.read()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, told, json.loads(raw))
    except TimeoutError:
        raise
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def is_a_clear_refusal(reply: Reply) -> bool:
    """Whether it says "not now, come again" the way it must be said."""
    return (
        reply.status == http.client.SERVICE_UNAVAILABLE
        and reply.headers["content-type"] == "application/problem+json"
        and int(reply.headers["retry-after"]) >= 1
        and reply.body["type"] == "urn:consent-ledger:problem:temporarily-unavailable"
    )


Trouble = Literal["no answer", "refused"]


@dataclass
class Delivery:
    """What became of some events: the receipt of each, and what had to be endured on the way."""

    receipts: dict[str, Receipt] = field(default_factory=dict)
    promised: Promised = field(default_factory=Promised)
    troubles: Counter[Trouble] = field(default_factory=Counter)
    replays: int = 0
    _progress: threading.Condition = field(default_factory=threading.Condition)

    def keep(self, event: Event, reply: Reply) -> None:
        """Remember an acknowledgement; the same event gets the same receipt for ever."""
        event_id, receipt = event["source_event_id"], dict(reply.body)
        with self._progress:
            self.replays += receipt.pop("replayed")
            assert self.receipts.setdefault(event_id, receipt) == receipt, f"{event_id} has two receipts"
            self.promised.keep(event_id, receipt["index"], receipt["leaf_hash"])
            self._progress.notify_all()

    def endure(self, trouble: Trouble) -> None:
        """Count what went wrong."""
        with self._progress:
            self.troubles[trouble] += 1
            self._progress.notify_all()

    def wait_for(self, receipts: int = 0, *, trouble: int = 0) -> None:
        """Return when so many are acknowledged, and so much trouble was had."""
        with self._progress:
            enough = self._progress.wait_for(
                lambda: len(self.receipts) >= receipts and self.troubles.total() >= trouble, _PATIENCE_SECONDS
            )
            assert enough, f"{len(self.receipts)} receipts, {self.troubles}"


@dataclass(frozen=True)
class Callers:
    """Some callers with one key. `doors`: ports of services on the same ledger; any will do."""

    key: str
    doors: Sequence[int]
    seed: object = 0

    @contextmanager
    def delivering(self, events: Sequence[Event], delivery: Delivery | None = None) -> Iterator[Delivery]:
        """Deliver these events while the block does its worst; leaves when each is acknowledged."""
        delivery, until = delivery or Delivery(), time.monotonic() + _PATIENCE_SECONDS
        waiting = iter(events)
        lock = threading.Lock()

        def one(number: int) -> None:
            chance = random.Random(f"{self.seed} {number}")  # noqa: S311 - repeatable, not secret
            while True:
                with lock:
                    event = next(waiting, None)
                if event is None:
                    return
                while not self._sent(event, chance.choice(self.doors), delivery):
                    assert time.monotonic() < until, f"not acknowledged in time: {delivery.troubles}"
                    time.sleep(chance.uniform(0.02, 0.1))

        with ThreadPoolExecutor(AT_ONCE) as threads:
            callers: list[Future[None]] = [threads.submit(one, number) for number in range(AT_ONCE)]
            yield delivery
            for caller in callers:
                caller.result()

    def deliver(self, events: Sequence[Event], delivery: Delivery | None = None) -> Delivery:
        """Deliver them in peace; into `delivery` it must fit what was acknowledged before."""
        with self.delivering(events, delivery) as done:
            pass
        return done

    def _sent(self, event: Event, door: int, delivery: Delivery) -> bool:
        reply = ask(door, self.key, "/v1/events", event)
        if reply is None:
            delivery.endure("no answer")
            return False
        if reply.status in (http.client.OK, http.client.CREATED):
            delivery.keep(event, reply)
            return True
        assert is_a_clear_refusal(reply), reply
        delivery.endure("refused")
        return False
