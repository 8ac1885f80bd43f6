"""`consent-ledger scenarios`, as a stranger uses it: right, different, and whatever a file may be."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml

from service.cli.entry import run
from service.wiring.trial import trial_database
from tests.cli.test_program import program as installed
from tests.support import cases
from tests.support.databases import execute, fetch_value
from tests.support.program_nursery import Nursery, RunProgram

A_TRIAL = """
import sys
from service.wiring.trial import trial_database
with trial_database(sys.argv[1]) as dsn:
    print(dsn, flush=True)
    sys.stdin.read()
"""

CASES = cases.worked()
GRANT: dict[str, Any] = {
    "date": "2026-01-10",
    "type": "consent_granted",
    "address": "one@example.org",
    "categories": ["newsletter"],
    "channels": ["email"],
    "senders": ["acme"],
    "method": "web_form",
    "evidence": "documented",
}
STOP: dict[str, Any] = {
    "date": "2026-02-10",
    "type": "objection",
    "address": "one@example.org",
    "scope": "all_marketing",
}
QUESTION: dict[str, Any] = {
    "at": "2026-03-10",
    "channel": "email",
    "address": "one@example.org",
    "kind": "commercial",
    "category": "newsletter",
    "sender": "acme",
    "identity_in_message": True,
    "optout_in_message": True,
}


def case(name: str = "own-1", **changes: object) -> dict[str, Any]:
    return {
        "id": name,
        "jurisdiction": "NL",
        "title": "Agreed on a form",
        "recipient": "consumer",
        "facts": [GRANT],
        "question": QUESTION,
        "expected": {"answer": "allow", "reason_code": "CONSENT"},
    } | changes


def written(folder: Path, *cases: object) -> str:
    file = folder / "own.yaml"
    file.write_text(yaml.safe_dump(list(cases), sort_keys=False), encoding="utf-8")
    return str(file)


@pytest.fixture
def program(nursery: Nursery) -> RunProgram:
    return nursery.run


def test_the_shipped_cases_are_all_as_expected_from_any_folder(tmp_path: Path) -> None:
    done = installed("scenarios", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["summary"] == f"{len(CASES)} of {len(CASES)} as expected"
    assert [found["id"] for found in told["cases"]] == [one["id"] for one in CASES]
    assert all(found["explanation"]["text"] for found in told["cases"])


def test_a_file_by_a_relative_path_is_a_table_with_a_summary(program: RunProgram, tmp_path: Path) -> None:
    written(tmp_path, case())
    done = program("scenarios", "own.yaml", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode().splitlines()
    assert "own-1" in done.stdout.decode()
    assert lines[-1] == "1 of 1 as expected"


def test_a_difference_is_shown_and_is_status_one(program: RunProgram, tmp_path: Path) -> None:
    other = case("own-2", facts=[GRANT, STOP])
    done = program("scenarios", written(tmp_path, case(), other), "--json", folder=tmp_path)
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert (told["as_expected"], told["total"], told["ok"]) == (1, 2, False)
    wrong = told["cases"][1]
    assert wrong["expected"] == {"answer": "allow", "reason_code": "CONSENT"}
    assert wrong["got"] == {"answer": "deny", "reason_code": "OBJECTED"}
    assert not wrong["ok"]


def test_cases_on_a_configured_server_leave_nothing_behind(
    program: RunProgram, tmp_path: Path, server_dsn: str
) -> None:
    done = program("scenarios", written(tmp_path, case()), "--database-url", server_dsn)
    assert done.returncode == 0, done.stderr
    left = "SELECT 1/count(*) FROM pg_database WHERE datname LIKE 'consent_ledger_trial_%'"
    with pytest.raises(Exception, match="division by zero"):
        execute(server_dsn, left)


def test_what_a_killed_run_left_is_dropped_by_the_next_and_what_is_in_use_is_not(
    program: RunProgram, tmp_path: Path, server_dsn: str
) -> None:
    arguments = [sys.executable, "-c", A_TRIAL, server_dsn]
    with (
        trial_database(server_dsn) as in_use,
        subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run,
    ):
        assert run.stdout is not None
        left = run.stdout.readline().decode().strip()
        run.kill()
        run.wait()
        assert fetch_value(left, "SELECT 1") == 1, "nothing was left to be dropped"
        done = program("scenarios", written(tmp_path, case()), "--database-url", server_dsn)
        assert done.returncode == 0, done.stderr
        with pytest.raises(asyncpg.InvalidCatalogNameError):
            fetch_value(left, "SELECT 1")
        assert fetch_value(in_use, "SELECT 1") == 1


LATE = GRANT | {"recorded": "2026-04-01"}


@pytest.mark.parametrize("how", [(), ("--pure",)], ids=["in a ledger", "in memory"])
def test_what_arrived_late_counts_by_when_it_was_known(
    program: RunProgram, tmp_path: Path, how: tuple[str, ...]
) -> None:
    none = {"answer": "deny", "reason_code": "NO_BASIS"}
    done = program(
        "scenarios",
        written(
            tmp_path,
            case("known-now", facts=[LATE]),
            case(
                "not-known-then", facts=[LATE], question=QUESTION | {"known_at": "2026-03-10"}, expected=none
            ),
            case("not-happened-then", question=QUESTION | {"at": "2026-01-09"}, expected=none),
        ),
        *how,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_some_cases_can_be_run(program: RunProgram, tmp_path: Path) -> None:
    file = written(tmp_path, case("a"), case("b"), case("c"))
    told = json.loads(program("scenarios", file, "--pure", "--only", "a", "--only", "c", "--json").stdout)
    assert [found["id"] for found in told["cases"]] == ["a", "c"]
    assert program("scenarios", file, "--pure", "--only", "z").returncode == 2


def test_a_case_that_is_not_understood_stops_no_other(program: RunProgram, tmp_path: Path) -> None:
    strange = case("strange", facts=[GRANT | {"mood": "good"}])
    done = program("scenarios", written(tmp_path, strange, case()), "--pure", "--json")
    assert done.returncode == 2
    told = json.loads(done.stdout)
    assert told["summary"] == "1 of 2 as expected"
    assert "strange: fact 1 (consent_granted), field /mood" in told["cases"][0]["error"]
    assert done.stderr.decode().count("\n") == 1


# What is wrong with a case, and what the one line must say.
STRANGE: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown fact": ({"facts": [{**STOP, "type": "moon_landed"}]}, "fact 1 (moon_landed), field /type"),
    "an unknown field of the question": ({"question": QUESTION | {"mood": 1}}, "question, field /mood"),
    "an unknown field of the case": ({"mood": 1}, "'mood'"),
    "an unknown channel": ({"question": QUESTION | {"channel": "pigeon"}}, "question, field /channel"),
    "a number for a flag": (
        {"question": QUESTION | {"optout_in_message": 1}},
        "question, field /optout_in_message",
    ),
    "an unknown recipient": ({"recipient": "martian"}, "question, field /recipient"),
    "an address that is none": (
        {"facts": [GRANT | {"address": "nobody"}]},
        "fact 1 (consent_granted), field /",
    ),
    "no facts at all but a text": ({"facts": "none"}, "'facts'"),
    "a fact without a date": ({"facts": [{"type": "objection"}]}, "fact 1 needs a type and a date"),
    "a day that is none": ({"facts": [GRANT | {"date": "2026-02-30"}]}, "field /date"),
    "a fact recorded before it happened": (
        {"facts": [GRANT | {"recorded": "2026-01-09"}]},
        "field /recorded",
    ),
    "nothing expected": ({"expected": {}}, "expected.answer"),
    "a similarity that is no pair": ({"similar_products": ["a"]}, "'similar_products'"),
    "no time of the question": ({"question": {**QUESTION, "at": "soon"}}, "question, field /at"),
}


def test_a_case_that_is_not_understood_is_one_line_with_its_place(
    program: RunProgram, tmp_path: Path
) -> None:
    cases = [case() | change | {"id": name} for name, (change, _) in STRANGE.items()]
    done = program("scenarios", written(tmp_path, *cases), "--pure")
    assert done.returncode == 2
    lines = done.stderr.decode().splitlines()
    assert len(lines) == len(STRANGE)
    for line, (name, (_, says)) in zip(lines, STRANGE.items(), strict=True):
        assert line.startswith(f"consent-ledger: {name}: ")
        assert says in line


# What the file holds, and what the one line must say.
FILES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "no cases"),
    "an empty list": (b"[]", "no cases"),
    "a case alone": (b"id: a\n", "a list"),
    "a list of words": (b"- a\n- b\n", "case 1"),
    "a case without its id": (b"- id: a\n- title: b\n", "case 2 has no id"),
    "the same id twice": (b"- id: a\n- id: a\n", "two cases have the id a"),
    "broken YAML": (b"- id: a\n  facts: [\n", "line 3, column 1"),
    "the same key twice": (b"- id: a\n  title: x\n  title: y\n", "line 3, column 3"),
    "a day that is none": (b"- id: a\n  facts:\n  - date: 2026-02-30\n", "line 3, column 11"),
    "bytes that are no text": (b"- id: \xff\xfe\n", "UTF-8"),
    "a Python object": (b"- !!python/object/apply:os.system ['true']\n", "line 1"),
    "nesting without end": (b"[" * 50_000, "nested deeper"),
    "a billion laughs": (
        b"- id: a\n  title: &a [x,x,x,x,x,x,x,x,x]\n"
        + b"".join(b"  k%d: &%c [%s]\n" % (n, 98 + n, b",".join([b"*%c" % (97 + n)] * 9)) for n in range(9)),
        "more values",
    ),
    "nine megabytes": (b"#" * 9_000_000, "8 MiB"),
}


def told(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run the program's door in this process: its status, output and errors."""
    status = run(arguments)
    output, errors = capfd.readouterr()
    return status, output, errors


@pytest.mark.parametrize(("content", "says"), FILES.values(), ids=FILES)
def test_a_file_that_cannot_be_read_is_one_line_that_says_where(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], content: bytes, says: str
) -> None:
    file = tmp_path / "own.yaml"
    file.write_bytes(content)
    status, output, errors = told(capfd, "scenarios", str(file), "--pure")
    assert (status, output) == (2, "")
    (line,) = errors.splitlines()
    assert says in line


@pytest.mark.parametrize(("name", "says"), [("nowhere.yaml", "there is no file"), (".", "is a folder")])
def test_a_file_that_is_not_there_is_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, says: str
) -> None:
    status, _, errors = told(capfd, "scenarios", str(tmp_path / name))
    assert (status, errors.count("\n")) == (2, 1)
    assert says in errors


def test_a_server_that_does_not_answer_is_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    server = "postgresql://127.0.0.1:9/none"
    status, _, errors = told(capfd, "scenarios", written(tmp_path, case()), "--database-url", server)
    assert (status, errors.count("\n")) == (2, 1)


def test_a_phone_number_and_a_time_of_day_need_no_quotes(program: RunProgram, tmp_path: Path) -> None:
    call = QUESTION | {"channel": "phone_live", "address": "PHONE", "local_time": "CLOCK"}
    agreed = GRANT | {"channels": ["phone_live"], "address": "PHONE"}
    file = Path(written(tmp_path, case(facts=[agreed], question=call)))
    text = file.read_text(encoding="utf-8").replace("PHONE", "+31201234567").replace("CLOCK", "21:30")
    file.write_text(text, encoding="utf-8")
    done = program("scenarios", str(file), "--pure")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_file_may_come_from_standard_input(program: RunProgram) -> None:
    done = program("scenarios", "-", "--pure", text=yaml.safe_dump([case()]).encode())
    assert done.returncode == 0, done.stderr


def test_the_boundary_cases_are_run_when_asked_for(program: RunProgram, tmp_path: Path) -> None:
    done = program("scenarios", "--boundary", "--only", "NL-consent-valid", "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["summary"] == "1 of 1 as expected"
    in_memory = program("scenarios", "--boundary", "--pure", folder=tmp_path)
    assert in_memory.returncode == 0, in_memory.stdout[-2000:]


def test_the_boundary_cases_beside_a_file_are_one_line(program: RunProgram, tmp_path: Path) -> None:
    done = program("scenarios", "--boundary", written(tmp_path, case()), folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
