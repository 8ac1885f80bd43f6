"""What a fresh ledger needs before somebody can use it: a key, perhaps an example sender, a greeting."""

import json
import os
import shlex

from service.api.callers.principal import SCOPES
from service.ledger.catalogue import Sender
from service.settings import Settings
from service.wiring.clock import now_ms
from service.wiring.compose import Composition
from service.wiring.key_ring import issue_key
from service.wiring.keys.files import keys_directory

EXAMPLE_SENDER = Sender("acme", "Acme B.V.", "NL", "business")
FIRST_KEY_DAYS = 365

_EXAMPLE_QUESTION = {
    "sender": EXAMPLE_SENDER.id,
    "category": "newsletter",
    "channel": "email",
    "kind": "commercial",
    "address": {"kind": "email", "value": "jane@example.org"},
    "recipient": {"country": "NL", "kind": "consumer"},
    "message": {"optout": True, "identity": True},
}


async def prepare(
    settings: Settings, composition: Composition, *, example_sender: bool, first_key: bool = True
) -> str | None:
    """Register the example sender if asked to, and return the first API key of a ledger that never had one.

    `first_key`: False makes none, where what is printed ends in a log.

    Doing it again changes nothing.
    """
    ledger = await composition.access.ledger(settings.ledger)
    if example_sender:
        await composition.services.ledgers[ledger.ledger_id].configuration.register_sender(EXAMPLE_SENDER)
    if not first_key or await composition.access.keys(ledger.ledger_id):
        return None
    text, _ = await issue_key(
        composition.access,
        ledger.ledger_id,
        scopes=frozenset(SCOPES),
        label="first key",
        days=FIRST_KEY_DAYS,
        now_ms=now_ms(),
        random=os.urandom,
    )
    return text


def greeting(settings: Settings, url: str, key: str | None, *, example_sender: bool) -> str:
    """What to print when the service takes requests. `key`: the one that was made just now, if any."""
    lines = [f"Consent ledger {settings.ledger!r} is ready on {url}"]
    if key is not None:
        keys = keys_directory(settings.data_dir, settings.ledger)
        lines += [
            "",
            f"API key (every scope, {FIRST_KEY_DAYS} days; it is not kept and will not be shown again):",
            f"  {key}",
            "",
            f"Copy {keys} to a safe place: nobody can go on with this ledger without these keys.",
            "",
            *_first_question(url, key, example_sender=example_sender),
        ]
    return "\n".join(lines)


def _first_question(url: str, key: str, *, example_sender: bool) -> list[str]:
    authorization = f"Authorization: Bearer {key}"
    if not example_sender:
        return ["Who may send? Paste:", shlex.join(["curl", "-sS", f"{url}/v1/senders", "-H", authorization])]
    words = ["curl", "-sS", f"{url}/v1/checks", "-H", authorization, "-H", "Content-Type: application/json"]
    words += ["-d", json.dumps(_EXAMPLE_QUESTION, separators=(",", ":"))]
    return ["May Acme send its newsletter to this address? Paste:", shlex.join(words)]
