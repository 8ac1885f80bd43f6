"""What the table of operations is made of."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from service.api.bodies import JSON
from service.api.contract.shapes import ref

Schema = dict[str, Any]
HTML, TEXT, OCTETS = "text/html", "text/plain", "application/octet-stream"
FORM_DATA: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
RECORDING, ASKING, HEARING, SETTING_UP = "Recording", "Asking", "Hearing", "Setting up"
PROVING, LEAVING, KEYS, RUNNING = "The public log", "The way out", "Keys", "Running"
PERSON, EXPORTING = "The person", "Exports"
TAGS: Final = {
    RECORDING: "What happened, recorded once and for ever.",
    ASKING: "May this message be sent? And the proof of the answer.",
    LEAVING: "Unsubscribe links: what a message carries, and what the person meets.",
    EXPORTING: "What the ledger holds, in one file that anybody can check without it.",
    PERSON: "What is held of somebody, and its erasure.",
    HEARING: "Every event in order, from any position on.",
    SETTING_UP: "Senders, forms and the rulebook.",
    KEYS: "API keys of one's own ledger.",
    PROVING: "The log that anybody may read and check (C2SP tlog-tiles).",
    RUNNING: "For whoever runs the service.",
}


@dataclass(frozen=True, slots=True)
class Content:
    """A body in one media type."""

    kind: str
    schema: Schema
    example: Any


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. `refusals`: slugs beside those that follow by themselves."""

    id: str
    tag: str
    summary: str
    answers: Mapping[int, tuple[Content, ...]]
    takes: tuple[Content, ...] = ()
    parameters: tuple[Schema, ...] = ()
    refusals: tuple[str, ...] = ()
    answer_headers: tuple[str, ...] = ()


def in_json(name: str, example: Any) -> Content:  # noqa: ANN401 - any JSON
    """A JSON body of a schema of the contract."""
    return Content(JSON, ref(name), example)


def in_lines(kind: str, *examples: Any, meaning: str) -> Content:  # noqa: ANN401 - any JSON
    """A body of lines, whose schema no tool can say."""
    return Content(
        kind, {"type": "string", "description": meaning}, "\n".join(map(json.dumps, examples)) + "\n"
    )
