"""`GET /v1/consistency`: that the log only ever grew, from a checkpoint that a caller kept to a later one."""

import base64
import re

from litestar import Response

from service.api.bodies import ApiRequest, respond
from service.api.reading import get
from service.api.services import asked_by
from service.core.errors import InputError

_SIZE = re.compile(r"[1-9][0-9]{0,15}")


@get("/v1/consistency", opt={"scope": None, "etag": True})
async def read_consistency(request: ApiRequest) -> Response[bytes]:
    """The proof (RFC 9162 §2.1.4) that the first `from` entries are the beginning of the first `to`.

    `from` is the size of a checkpoint that the caller kept (default: 1), `to` that of a later one (default:
    the newest, which the answer then shows). The caller verifies: roots stand in the checkpoints, not here.
    """
    ledger, _ = asked_by(request)
    proved = await ledger.published.consistency(_size(request, "from"), _size(request, "to"))
    return respond(
        {
            "origin": ledger.keys.origin,
            "from": proved.size1,
            "to": proved.size2,
            "proof": [base64.b64encode(each).decode() for each in proved.proof],
            "checkpoint": proved.checkpoint.decode() if proved.checkpoint is not None else None,
        },
        headers={"cache-control": "no-cache"},
    )


def _size(request: ApiRequest, name: str) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    if not _SIZE.fullmatch(text):
        raise InputError("a size is a positive whole number", pointer=f"/query/{name}", code="value")
    return int(text)
