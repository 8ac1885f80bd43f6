"""The contract, for programs and for people, and a page for every type of problem."""

from typing import Any

from litestar import Response
from litestar.params import FromPath

from service.api.bodies import ApiRequest, respond
from service.api.callers.principal import PUBLIC
from service.api.contract import openapi_document
from service.api.docs_page import HEADERS, docs_page, problem_page
from service.api.problem_types import PROBLEM_TYPES
from service.api.reading import get
from service.core.errors import NotFoundError
from service.ledger.verifier_page import content_security_policy, verifier_page

_HTML = "text/html"
_VERIFIER = verifier_page()
_VERIFIER_HEADERS = {
    "cache-control": "public, max-age=300",
    "content-security-policy": f"{content_security_policy(_VERIFIER)}; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def _contract(request: ApiRequest) -> dict[str, Any]:
    state = request.app.state
    if "contract" not in state:
        state.contract = openapi_document(request.app)
    contract: dict[str, Any] = state.contract
    return contract


@get("/openapi.json", opt={"scope": PUBLIC, "etag": True})
async def read_contract(request: ApiRequest) -> Response[bytes]:
    """The OpenAPI document of this very program."""
    return respond(_contract(request), headers={"cache-control": "public, max-age=300"})


@get("/docs", opt={"scope": PUBLIC, "etag": True, "produces": (_HTML,)})
async def read_docs(request: ApiRequest) -> Response[bytes]:
    """The same for people: one page, without a script, with nothing from elsewhere."""
    return Response(docs_page(_contract(request)).encode(), media_type=_HTML, headers=HEADERS)


@get("/problems/{slug:str}", opt={"scope": PUBLIC, "etag": True, "produces": (_HTML,)})
async def read_problem(slug: FromPath[str]) -> Response[bytes]:
    """What a type of problem means, and what to do; `slug` is the last part of the problem's `type`."""
    kind = PROBLEM_TYPES.get(slug)
    if kind is None:
        raise NotFoundError("there is no such type of problem")
    return Response(problem_page(kind).encode(), media_type=_HTML, headers=HEADERS)


@get("/verify", opt={"scope": PUBLIC, "etag": True, "produces": (_HTML,)})
async def read_verifier() -> Response[bytes]:
    """The page in which anybody verifies a bundle: in the browser, with nothing sent anywhere."""
    return Response(_VERIFIER, media_type=_HTML, headers=_VERIFIER_HEADERS)
