"""The samples of the subscriber guide, taken from its text and run on real deliveries."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.delivery_world import World
from tests.support.webhook_receiver import Receiver

GUIDE = Path(__file__).parents[2] / "docs" / "subscribers.md"

PYTHON = """
import json, sys
told = json.load(open(sys.argv[1]))
dealt_with, outcomes = {}, []
for request in told["requests"]:
    try:
        event = receive(told["secret"], request["headers"], request["body"].encode(), dealt_with)
        outcomes.append(event and event["data"]["position"])
    except ValueError:
        outcomes.append("refused")
print(json.dumps(outcomes))
"""
TYPESCRIPT = """
import { readFileSync } from "node:fs";
const told = JSON.parse(readFileSync(process.argv[2], "utf8"));
const dealtWith = new Map([["", -1]]);
const outcomes = told.requests.map((request) => {
  try {
    const event = receive(told.secret, new Headers(request.headers), Buffer.from(request.body), dealtWith);
    return event && event.data.position;
  } catch {
    return "refused";
  }
});
console.log(JSON.stringify(outcomes));
"""


def sample(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


@pytest.fixture
async def told(world: World, receiver: Receiver, tmp_path: Path) -> tuple[Path, list[object]]:
    """Requests as they came and were tampered with, and what a receiver should make of each."""
    name = await world.subscribe(receiver)
    first, second = await world.happen(2)
    await world.go()
    by_position = {one.position: one for one in receiver.events}
    sent = [receiver.requests[0], by_position[first], by_position[second], by_position[first]]
    requests: list[dict[str, Any]] = [{"headers": one.headers, "body": one.body.decode()} for one in sent]
    good = requests[1]
    requests += [
        {**good, "body": good["body"] + " "},
        {**good, "headers": {**by_position[first].headers, "webhook-timestamp": "1"}},
        {**good, "headers": {**by_position[first].headers, "webhook-signature": "v1,bm9uZQ=="}},
        {**good, "headers": {**by_position[first].headers, "webhook-signature": "nonsense"}},
        {**good, "headers": {**by_position[first].headers, "webhook-id": "evt_other"}},
    ]
    path = tmp_path / "told.json"
    path.write_text(json.dumps({"secret": world.secrets[name], "requests": requests}))
    return path, [None, first, second, None, *["refused"] * 5]


def run(command: list[str]) -> object:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


async def test_the_python_sample_takes_what_is_ours_once(
    told: tuple[Path, list[object]], tmp_path: Path
) -> None:
    requests, expected = told
    script = tmp_path / "sample.py"
    script.write_text(sample("python") + PYTHON)
    assert run([sys.executable, str(script), str(requests)]) == expected


async def test_the_typescript_sample_takes_what_is_ours_once(
    told: tuple[Path, list[object]], tmp_path: Path
) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed: the TypeScript sample was not run")
    requests, expected = told
    # All its types are inferred, so the sample is JavaScript too, for a Node that strips no types yet.
    script = tmp_path / "sample.mjs"
    script.write_text(sample("typescript") + TYPESCRIPT)
    assert run([node, str(script), str(requests)]) == expected
