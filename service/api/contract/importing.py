"""What the import of old lists takes and answers."""

from collections.abc import Mapping
from typing import Final

from service.api.bodies import NDJSON
from service.api.contract import examples as ex
from service.api.contract.parts import RECORDING, Operation, in_json, in_lines

_IMPORT: Final[ex.Json] = {
    "about": {
        "sender": "acme",
        "categories": ["newsletter"],
        "timezone": "Europe/Amsterdam",
        "exported_at": "2026-11-20T09:00:00+01:00",
    },
    "rows": [
        {"email": "ann@example.org", "opted_in_at": "2026-03-16 14:40:47", "opted_in_ip": "192.0.2.7"},
        {"email": "bob@example.org", "status": "unsubscribed"},
        {"email": "no address"},
    ],
}
_ANSWER: Final[ex.Json] = {
    "items": [
        {"line": 1, "status": 200, "grade": "B", "events": ["consent_granted"]},
        {"line": 2, "status": 200, "grade": "no", "events": ["consent_withdrawn"]},
        {"line": 3, "status": 422, "problem": ex.EVENTS_ANSWER["items"][1]["problem"]},
    ],
    "summary": {
        "rows": 3,
        "grades": {"A": 0, "B": 1, "C": 0, "D": 0, "no": 1, "bounced": 0},
        "refused": 1,
        "recorded": 0,
        "known": 0,
        "committed": False,
    },
}

IMPORTS: Final[Mapping[tuple[str, str], Operation]] = {
    ("post", "/v1/imports"): Operation(
        "importRows",
        RECORDING,
        "Take over an old list",
        {
            207: (in_json("ImportAnswer", _ANSWER),),
            200: (
                in_lines(
                    NDJSON,
                    *_ANSWER["items"],
                    {"summary": _ANSWER["summary"]},
                    meaning="An `ImportedRow` for every row, in order; a summary last.",
                ),
            ),
        },
        (
            in_json("ImportRequest", _IMPORT),
            in_lines(
                NDJSON,
                {"about": _IMPORT["about"]},
                *_IMPORT["rows"],
                meaning="What the import is about on a line of its own, then a row a line, without end.",
            ),
        ),
        refusals=("too-many-items", "validation"),
        answer_headers=("Idempotency-Replayed",),
    ),
}
