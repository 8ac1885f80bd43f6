"""Exports: what each operation is called, takes and answers."""

from collections.abc import Mapping
from typing import Any, Final

from service.api.bodies import JSON
from service.api.contract import examples as ex
from service.api.contract.parts import EXPORTING, Content, Operation, in_json
from service.api.contract.shapes import ref
from service.api.exports import ZIP

_RANGE: Final = {
    "name": "Range",
    "in": "header",
    "description": "One range of bytes: a download that was cut off goes on where it stopped.",
    "schema": {"type": "string", "pattern": "^bytes=([0-9]+-[0-9]*|-[0-9]+)$"},
    "example": "bytes=0-",
}
_EXPORT: Final[dict[str, Any]] = {
    "id": "0f" * 16,
    "status": "ready",
    "scope": "addresses",
    "created_by": ex.KEY["id"],
    "created_at": "2026-11-24T08:00:00.000Z",
    "expires_at": "2026-12-01T08:00:00.000Z",
    "size": 1043,
    "files": 27,
    "files_done": 27,
    "bytes": 40_960,
}
_NEW: Final = {
    "addresses": [{"kind": "email", "value": "jane@example.org"}],
    "question": {name: value for name, value in ex.DEFAULTS.items() if name != "unsubscribe"},
    "held_sizes": [3],
    "disclose": True,
    "language": "nl",
}
_BEGUN: Final = _EXPORT | {"status": "preparing", "size": None, "files": 0, "files_done": 0, "bytes": None}
_TOKEN: Final = {
    "token": "cle_" + "QUFB" * 20,
    "expires_at": "2026-11-24T09:00:00.000Z",
    "url": f"https://ledger.example/v1/exports/{_EXPORT['id']}/content",
}
_LIST: Final = {
    "type": "object",
    "properties": {"items": {"type": "array", "items": ref("Export")}},
    "required": ["items"],
}
_FILE: Final = (Content(ZIP, {"type": "string", "format": "binary"}, "PK…"),)

EXPORTS: Final[Mapping[tuple[str, str], Operation]] = {
    ("post", "/v1/exports"): Operation(
        "createExport",
        EXPORTING,
        "Ask for an export",
        {202: (in_json("Export", _BEGUN),)},
        (in_json("NewExport", _NEW),),
        refusals=("validation", "question", "address", "not-found"),
        answer_headers=("Idempotency-Replayed",),
    ),
    ("get", "/v1/exports"): Operation(
        "listExports",
        EXPORTING,
        "List exports",
        {200: (Content(JSON, _LIST, {"items": [_EXPORT]}),)},
    ),
    ("get", "/v1/exports/{export_id}"): Operation(
        "readExport",
        EXPORTING,
        "Read an export",
        {200: (in_json("Export", _EXPORT),)},
        refusals=("not-found",),
    ),
    ("post", "/v1/exports/{export_id}/tokens"): Operation(
        "makeExportToken",
        EXPORTING,
        "Make a token that fetches an export",
        {201: (in_json("ExportToken", _TOKEN),)},
        refusals=("not-found", "state", "gone"),
        answer_headers=("Idempotency-Replayed",),
    ),
    ("get", "/v1/exports/{export_id}/content"): Operation(
        "fetchExport",
        EXPORTING,
        "Fetch an export",
        {200: _FILE, 206: _FILE},
        parameters=(_RANGE,),
        refusals=("unauthenticated", "gone", "state", "range"),
    ),
}
