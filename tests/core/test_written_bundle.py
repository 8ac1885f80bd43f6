"""schemas/bundle.md, a verifier's steps in words: its example is the vector's, and it names every part."""

import json
import re
from typing import Any, Final

from tests.support.plain_reader.bundles import Bundle
from tests.support.plain_reader.identities import chained, committed, sha256
from tests.support.plain_reader.texts import unbase64
from tests.support.vectors.case import FOLDER

TEXT: Final = (FOLDER.parent / "bundle.md").read_text(encoding="utf-8")
ROWS: Final = dict(re.findall(r"^\| (.+?) \| `([0-9a-f]{64})` \|$", TEXT, re.MULTILINE))
NAMED: Final = re.search(r"`vectors/(bundle/[\w-]+\.json)`", TEXT)


def example() -> tuple[Bundle, dict[str, Any]]:
    """The vector that the page names, read to the end, and what it says."""
    assert NAMED is not None
    vector = json.loads((FOLDER / NAMED[1]).read_text(encoding="utf-8"))
    reader = Bundle(vector["vkeys"], vector["held"], vector["documents"])
    for step in reader.steps(vector["bundle"]):
        step()
    return reader, reader.said


def value_of(begin: str) -> bytes:
    """What the table says of the row that begins so."""
    (found,) = (value for name, value in ROWS.items() if name.startswith(begin))
    return bytes.fromhex(found)


def leaf(reader: Bundle, index: int) -> bytes:
    return sha256(b"\0", reader.raw[index])


def test_the_example_is_the_vector_it_names() -> None:
    reader, said = example()
    (subject,) = said["subjects"]
    (event,) = subject["events"]
    assert value_of("K_sub").hex() == said["subject_key_secret"]
    assert value_of("subject key of").hex() == subject["subject_key"]
    assert value_of("opening") == unbase64(event["opening"])
    assert value_of("`prev_leaf_hash` of entry 2") == unbase64(event["prev_leaf_hash"])
    assert [value_of(f"leaf hash of entry {index}") for index in (0, 2, 3)] == [
        leaf(reader, index) for index in (0, 2, 3)
    ]
    assert value_of("root of the log") == reader.root
    assert (value_of("`map_root`").hex(), said["log_proof"]) == (reader.epoch["map_root"], "")


def test_the_record_of_the_example_leads_to_its_map_root() -> None:
    reader, said = example()
    (subject,) = said["subjects"]
    (written,) = re.findall(r'^    (\{"event".*?\})\n\n', TEXT, re.MULTILINE | re.DOTALL)
    record = written.replace("\n    ", "")
    assert record == reader.histories.records[subject["subject_key"]][2]
    commitment = committed(b"clv1/commit", value_of("opening").hex(), record)
    assert commitment == value_of("commitment")
    head = chained(bytes(32), 2, commitment)
    assert head == value_of("head")
    value = sha256(b"clv1/head", (1).to_bytes(8), (2).to_bytes(8), head)
    assert value == value_of("its value in the map")
    assert sha256(b"\2", value_of("subject key of"), value) == value_of("its leaf in the map")
    assert sha256(b"\3", bytes(32), value_of("its leaf in the map")) == value_of("`map_root`")


def test_every_part_of_a_bundle_is_on_the_page() -> None:
    schema = json.loads((FOLDER.parent / "bundle.v1.json").read_text(encoding="utf-8"))
    parts = [schema, *schema["$defs"].values()]
    names = {name for part in parts for name in part["properties"]}
    assert sorted(name for name in names if not re.search(rf"\b{name}\b", TEXT)) == []
