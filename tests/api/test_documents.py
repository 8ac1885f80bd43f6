"""The contract says all there is to say, its examples hold, and its pages name nothing from elsewhere."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from service.api.problem_types import PROBLEM_TYPES
from tests.api.test_every_route import routes
from tests.support.http_service import Service
from tests.support.problem_guide import PATH, guide

JSON = "application/json"
PROBLEM = "application/problem+json"
API = Path(__file__).parents[2] / "service" / "api"


@pytest.fixture
async def document(service: Service) -> dict[str, Any]:
    found: dict[str, Any] = (await service.client.get("/openapi.json")).json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def complaints(document: dict[str, Any], schema: dict[str, Any], value: object) -> list[str]:
    whole = schema | {"components": document["components"]}
    return [
        f"{error.json_path}: {error.message}"[:300]
        for error in Draft202012Validator(whole).iter_errors(value)
    ]


async def test_the_document_is_valid_openapi(document: dict[str, Any]) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


async def test_every_route_is_in_it_and_nothing_else(service: Service, document: dict[str, Any]) -> None:
    served = {(route.method.lower(), route.path) for route in routes(service.app) if route.method != "HEAD"}
    assert {(method, path) for method, path, _ in operations(document)} == served


async def test_every_route_that_is_got_has_a_head(service: Service) -> None:
    found = {route.name for route in routes(service.app)}
    assert {("HEAD", path) for method, path in found if method == "GET"} <= found


async def test_every_body_has_an_example_that_keeps_its_schema(document: dict[str, Any]) -> None:
    wrong = []
    for method, path, operation in operations(document):
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for kind, content in (pair for body in bodies for pair in body.get("content", {}).items()):
            examples = [content["example"]] if "example" in content else content["examples"]
            if kind == PROBLEM:
                examples = [document["components"]["examples"][name]["value"] for name in examples]
            for example in examples:
                wrong += [
                    f"{method} {path} {kind} {it}" for it in complaints(document, content["schema"], example)
                ]
    assert not wrong, "\n".join(wrong)


async def test_every_operation_has_a_name_a_summary_and_documented_refusals(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)
    for method, path, operation in operations(document):
        assert re.fullmatch("[a-z]+[A-Za-z]*", operation["operationId"])
        assert operation["summary"]
        assert operation["tags"]
        assert "500" in operation["responses"], (method, path)
        assert not operation["security"] or {"401", "403", "429"} <= operation["responses"].keys()
        assert all("description" in each and "example" in each for each in operation["parameters"])


SETUP = ("registerSender", "publishForm", "publishRulebook", "recordEvent")


async def test_the_service_takes_every_example_and_answers_as_documented(
    service: Service, document: dict[str, Any]
) -> None:
    found = {
        operation["operationId"]: (method, path, operation)
        for method, path, operation in operations(document)
    }
    for name in (*SETUP, *(found.keys() - {*SETUP})):
        method, path, operation = found[name]
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            if kind not in (JSON, "application/x-ndjson") or path.startswith("/u/") or "{" in path:
                continue  # what is done to one webhook is shown where there is one
            sent = {"json": content["example"]} if kind == JSON else {"content": content["example"]}
            response = await service.client.request(method, path, headers={"content-type": kind}, **sent)
            documented = operation["responses"].get(str(response.status_code), {}).get("content", {})
            answered = response.headers["content-type"].partition(";")[0]
            assert response.status_code < 300, (name, response.text)
            assert answered in documented, (name, answered)
            if answered == JSON or answered.endswith("+json"):
                assert complaints(document, documented[answered]["schema"], response.json()) == [], name


async def test_every_reason_code_is_explained(document: dict[str, Any]) -> None:
    schema = document["components"]["schemas"]["ReasonCode"]
    assert all(f"- `{code}` (" in schema["description"] for code in schema["enum"])


def test_the_guide_to_problems_is_made_from_the_table() -> None:
    assert PATH.read_text(encoding="utf-8") == guide(), "python -m tests.support.problem_guide"


def test_every_problem_that_is_raised_is_in_the_table_with_its_status() -> None:
    raised = set()
    for path in API.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "ApiError":
                status, slug = (getattr(argument, "value", None) for argument in node.args[:2])
                raised.add((slug, status))
    assert raised
    assert all(status in PROBLEM_TYPES[str(slug)].statuses for slug, status in raised)


@pytest.mark.parametrize("path", ["/docs", "/problems/quota-exceeded"])
async def test_the_pages_name_no_other_host_and_run_no_script(service: Service, path: str) -> None:
    page = await service.client.get(path)
    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "<script" not in page.text
    assert re.findall(r'(?:src|href|action)="(?!/|#)[^"]*"|url\(|@import', page.text) == []


async def test_a_type_of_problem_that_is_none_has_no_page(service: Service) -> None:
    assert (await service.client.get("/problems/nothing")).status_code == 404


STATE = (
    "/v1/rulebook",
    "/v1/forms",
    "/v1/senders",
    "/openapi.json",
    "/.well-known/jwks.json",
    "/log/main/checkpoint",
)


@pytest.mark.parametrize("path", STATE)
async def test_what_has_not_changed_is_a_304_and_head_says_what_get_would(
    service: Service, path: str
) -> None:
    whole = await service.client.get(path)
    head = await service.client.head(path)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("etag", "content-length", "content-type"):
        assert head.headers[name] == whole.headers[name]
    again = await service.client.get(path, headers={"if-none-match": f'"x", W/{whole.headers["etag"]}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", whole.headers["etag"])
    assert (await service.client.get(path, headers={"if-none-match": '"other"'})).status_code == 200


async def test_a_new_sender_is_a_new_state(service: Service) -> None:
    before = (await service.client.get("/v1/senders")).headers["etag"]
    await service.client.post("/v1/senders", json={"id": "b", "legal_name": "B", "country": "NL"})
    assert (await service.client.get("/v1/senders", headers={"if-none-match": before})).status_code == 200


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("text/html", 406),
        ("application/json;q=0", 406),
        ("*/*;q=0", 406),
        ("application/*", 200),
        ("text/html, */*;q=0.1", 200),
        ("nonsense", 200),
    ],
)
async def test_an_accept_that_cannot_be_met_is_a_406(service: Service, accept: str, status: int) -> None:
    answer = await service.client.get("/v1/senders", headers={"accept": accept})
    assert answer.status_code == status
    assert status == 200 or answer.json()["type"].endswith(":not-acceptable")


async def test_what_is_written_is_answered_whatever_accept_says(service: Service) -> None:
    sender = {"id": "b", "legal_name": "B", "country": "NL"}
    answer = await service.client.post("/v1/senders", json=sender, headers={"accept": "text/html"})
    assert answer.status_code == 201


async def test_a_method_that_is_not_allowed_says_which_are(service: Service) -> None:
    answer = await service.client.delete("/v1/senders")
    assert answer.status_code == 405
    assert {name.strip() for name in answer.headers["allow"].split(",")} >= {"GET", "HEAD", "POST"}
    assert answer.json()["type"].endswith(":method-not-allowed")


async def test_a_path_that_is_none_keeps_the_callers_request_id(service: Service) -> None:
    answer = await service.client.get("/v1/nothing", headers={"x-request-id": "crm-4711"})
    assert answer.headers["x-request-id"] == answer.json()["request_id"] == "crm-4711"
