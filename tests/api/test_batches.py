"""Many events at once: each answered on its own, in order."""

import json

from tests.support.http_service import Service, grant, withdrawal

NDJSON = {"content-type": "application/x-ndjson"}


async def test_a_list_is_answered_item_by_item(service: Service) -> None:
    bad = {**grant("bad"), "method": "telepathy"}
    answer = await service.client.post("/v1/events/batch", json={"events": [grant(), bad, grant()]})
    assert answer.status_code == 207
    assert [item["status"] for item in answer.json()["items"]] == [201, 400, 200]


async def test_a_list_of_a_thousand_and_one_is_refused_whole(service: Service) -> None:
    events = [grant(f"e{number}") for number in range(1_001)]
    assert (await service.client.post("/v1/events/batch", json={"events": events})).status_code == 413
    assert (await service.check())["decision"] == "deny"


async def test_lines_are_answered_line_by_line_with_a_summary_last(service: Service) -> None:
    sent = [json.dumps(grant(f"e{number}")) for number in range(600)]
    sent[7] = "{broken"
    sent[9] = json.dumps(withdrawal("e8"))
    answer = await service.client.post("/v1/events/batch", content="\n".join(sent), headers=NDJSON)
    *lines, last = [json.loads(line) for line in answer.text.splitlines()]
    assert [lines[place]["status"] for place in (6, 7, 8, 9, 599)] == [201, 400, 201, 409, 201]
    assert last == {"summary": {"recorded": 598, "replayed": 0, "refused": 2}}


async def test_indices_follow_the_order_of_the_lines(service: Service) -> None:
    sent = "\n".join(json.dumps(grant(f"e{number}")) for number in range(300))
    answer = await service.client.post("/v1/events/batch", content=sent, headers=NDJSON)
    indices = [json.loads(line)["receipt"]["index"] for line in answer.text.splitlines()[:-1]]
    assert indices == sorted(set(indices))


async def test_an_endless_line_is_cut_off(service: Service) -> None:
    answer = await service.client.post("/v1/events/batch", content="x" * 70_000, headers=NDJSON)
    assert json.loads(answer.text.splitlines()[0])["status"] == 413
