"""That the log only grows: what the operation is called, takes and answers, and the schema of its body."""

from collections.abc import Mapping
from typing import Any, Final

from service.api.contract import examples as ex
from service.api.contract.parameters import query
from service.api.contract.parts import PROVING, Operation, in_json

Schema = dict[str, Any]

_SIZE: Final[Schema] = {"type": "integer", "minimum": 1, "maximum": 10**16 - 1}
GROWTH: Final[Mapping[tuple[str, str], Operation]] = {
    ("get", "/v1/consistency"): Operation(
        "proveConsistency",
        PROVING,
        "Prove that the log only grew",
        {
            200: (
                in_json(
                    "Consistency",
                    {
                        "origin": "ledger.example/acme/1",
                        "from": 3,
                        "to": 4,
                        "proof": ["CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="],
                        "checkpoint": ex.CHECKPOINT,
                    },
                ),
            )
        },
        parameters=(
            query("from", "The size of a checkpoint that was kept.", _SIZE | {"default": 1}, example=1),
            query("to", "The size of a later one. By default the newest.", _SIZE, example=1),
        ),
        refusals=("validation", "malformed-request"),
    ),
}


def growth_shapes() -> dict[str, Schema]:
    """The schema of the answer."""
    fields: Schema = {
        "origin": {"type": "string"},
        "from": _SIZE,
        "to": _SIZE,
        "proof": {
            "type": "array",
            "description": "RFC 9162 section 2.1.4, each hash in base64.",
            "items": {"type": "string", "contentEncoding": "base64"},
            "maxItems": 126,
        },
        "checkpoint": {
            "type": ["string", "null"],
            "description": "The signed note of the later size, where a checkpoint was signed for it.",
        },
    }
    return {"Consistency": {"type": "object", "properties": fields, "required": list(fields)}}
