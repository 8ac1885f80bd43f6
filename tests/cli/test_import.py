"""An old list in: worth what it can show, refused where it cannot be read, and nothing twice."""

import csv
import json
import time
from pathlib import Path

import pytest

from service.cli.demo.theatre import Client, free_port
from tests.support.http_service import grant, question, withdrawal
from tests.support.imports import EXPORTED, Program, a_list, add_up, counts, size
from tests.support.messy_list import write_messy_list

FORM = {
    "language": "en",
    "title": "Newsletter",
    "collector": "acme",
    "text": "Yes, send me the Acme newsletter. I can leave at any time.",
    "notice_given": True,
    "optout_offered": True,
    "boxes": [
        {
            "name": "newsletter",
            "label": "Newsletter",
            "default": "unticked",
            "categories": ["newsletter"],
            "channels": ["email"],
            "senders": ["acme"],
        }
    ],
}
YES = "2026-05-01 10:15:00,192.0.2.7"


def answer(program: Program, name: str) -> str:
    asked = question(address={"kind": "email", "value": f"{name}@example.org"})
    return str(program.client.post("/v1/checks", asked)["reason_code"])


def test_a_dry_run_says_what_rows_are_worth_and_records_nothing(program: Program, tmp_path: Path) -> None:
    given = a_list(
        tmp_path / "list.csv",
        f"dry-1@example.org,subscribed,{YES}",
        "dry-2@example.org,subscribed,,",
        "dry-3@example.org,unsubscribed,,",
        "nobody,subscribed,,",
        f"dry-1@example.org,subscribed,{YES}",
    )
    before = size(program)
    told = counts(program, given, *EXPORTED, status=1)
    assert {
        name: told[name] for name in ("rows", "A", "B", "C", "D", "no", "bounced", "refused", "repeated")
    } == {"rows": 5, "A": 0, "B": 2, "C": 0, "D": 1, "no": 1, "bounced": 0, "refused": 1, "repeated": 1}
    assert told["problems"] == [{"line": "5", "problem": "an e-mail address has an @"}]
    assert (size(program), [path.name for path in tmp_path.iterdir()]) == (before, ["list.csv"])
    shown = program.run(given, *EXPORTED)
    assert "Nothing was recorded" in shown.stdout
    assert "opted_in_at" in shown.stderr
    assert "dry-1" not in shown.stdout + shown.stderr


def test_the_grade_decides_what_the_ledger_answers(program: Program, tmp_path: Path) -> None:
    form = program.client.post("/v1/forms", FORM)["id"]
    proved = a_list(tmp_path / "proved.csv", f"grade-a@example.org,subscribed,{YES}")
    told = counts(program, proved, "--form", form, "--box", "newsletter", "--commit")
    assert (told["A"], told["recorded"]) == (1, 1)
    rest = a_list(
        tmp_path / "rest.csv",
        f"grade-b@example.org,subscribed,{YES}",
        "grade-c@example.org,subscribed,2023-05-01,",
        "grade-d@example.org,subscribed,,",
        "grade-bare@example.org,,,",
        "grade-no@example.org,unsubscribed,,",
        "grade-dead@example.org,bounced,,",
        f"grade-pending@example.org,pending,{YES}",
    )
    assert counts(program, rest, *EXPORTED, "--commit")["refused"] == 0
    assert {
        name: answer(program, f"grade-{name}")
        for name in ("a", "b", "c", "d", "bare", "no", "dead", "pending")
    } == {
        "a": "CONSENT",
        "b": "CONSENT_UNPROVEN",
        "c": "CONSENT_UNPROVEN",
        "d": "CONSENT_UNPROVEN",
        "bare": "IMPORTED_WITHOUT_PROOF",
        "no": "WITHDRAWN",
        "dead": "ADDRESS_REPLACED",
        "pending": "CONSENT_UNPROVEN",
    }


def test_no_import_lifts_a_no_and_a_no_in_a_list_counts(program: Program, tmp_path: Path) -> None:
    form = program.client.post("/v1/forms", FORM)["id"]
    left, stays = ({"kind": "email", "value": f"{name}@example.org"} for name in ("left", "stays"))
    program.client.post(
        "/v1/events", withdrawal("import-left", address=left, occurred_at="2024-01-01T00:00:00Z")
    )
    program.client.post("/v1/events", grant("import-stays", address=stays))
    assert answer(program, "stays") == "CONSENT"
    given = a_list(
        tmp_path / "list.csv",
        "left@example.org,subscribed,2026-05-01 10:15:00,192.0.2.7",
        "stays@example.org,unsubscribed,,",
    )
    assert counts(program, given, *EXPORTED, "--form", form, "--box", "newsletter", "--commit")["A"] == 1
    assert (answer(program, "left"), answer(program, "stays")) == ("WITHDRAWN", "WITHDRAWN")


def test_running_it_twice_changes_nothing_nor_does_the_same_list_in_another_shape(
    program: Program, tmp_path: Path
) -> None:
    rows = [f"twice-{number}@example.org,subscribed,{YES}" for number in range(50)]
    rows += ["twice-flag@example.org,subscribed,,", "twice-no@example.org,unsubscribed,,"]
    given = a_list(tmp_path / "list.csv", *rows)
    first = counts(program, given, *EXPORTED, "--commit")
    before = size(program)
    again = counts(program, given, *EXPORTED, "--commit")
    assert ((first["recorded"], first["known"]), (again["recorded"], again["known"])) == ((52, 0), (0, 52))
    header = "Note;IP;Signed up;Status;Mail"
    other = a_list(
        tmp_path / "other.csv", *[";".join(("hm", *reversed(row.split(",")))) for row in rows], header=header
    )
    told = ("--map", "address=Mail", "--map", "opted_in_at=Signed up")
    third = counts(program, other, *EXPORTED, *told, "--commit")
    assert (third["recorded"], third["known"]) == (0, 52)
    assert size(program) == before


def test_refused_rows_come_back_to_be_mended_and_imported_again(program: Program, tmp_path: Path) -> None:
    given = tmp_path / "list.csv"
    given.write_bytes(
        b'email;naam;notitie\nmend-1@example.org;"Zo\xc3\xab";"two\nlines"\n'
        b'mend-2 at example.org;=1+1;"a\nb"\n'
        b"mend-3@example.org\nmend-4@example.org;Jos\xe9;x\nmend-5@example.org;Ann;y\n"
    )
    told = counts(program, given, *EXPORTED, "--commit", status=1)
    assert (told["D"], told["refused"], [row["line"] for row in told["problems"]]) == (
        2,
        3,
        ["4-5", "6", "7"],
    )
    rejects = tmp_path / "list.rejects.csv"
    raw = rejects.read_bytes()
    assert b"Jos\xe9" in raw
    header, second, third, fourth = csv.reader(
        raw.decode("utf-8", "replace").splitlines(keepends=True), delimiter=";"
    )
    assert header == ["import_line", "import_problem", "email", "naam", "notitie"]
    assert (second[0], second[2:4]) == ("4-5", ["mend-2 at example.org", "'=1+1"])
    assert third[:2] == ["6", "the row has 1 cells, and the header 3"]
    assert "no text" in fourth[1]
    mended = raw.replace(b" at ", b"@").replace(b"Jos\xe9", b"Jos\xc3\xa9")
    mended = mended.replace(b"mend-3@example.org", b"mend-3@example.org;;")
    rejects.write_bytes(mended)
    again = counts(program, rejects, *EXPORTED, "--commit")
    assert (again["rows"], again["D"], again["recorded"]) == (3, 3, 3)
    # What was being mended is not written over, and a finished import's own file is.
    assert "choose another --rejects" in program.run(given, *EXPORTED, "--commit").stderr
    rejects.write_bytes(raw)
    assert counts(program, given, *EXPORTED, "--commit", status=1)["known"] == 2


@pytest.mark.parametrize(
    ("encoding", "delimiter", "said"),
    [
        ("utf-8", ",", ""),
        ("utf-8-sig", ";", ""),
        ("utf-16", "\t", ""),
        ("cp1252", ";", "read as cp1252"),
        ("latin-1", "|", "read as cp1252"),
    ],
)
def test_lists_are_read_as_people_have_them(
    program: Program, tmp_path: Path, encoding: str, delimiter: str, said: str
) -> None:
    rows = [
        ("naam", "e-mail", "status"),
        ("Zoë", "zoe@example.org", "unsubscribed"),
        ("José", "jose@example.org", ""),
    ]
    given = tmp_path / "list.csv"
    given.write_bytes("\r\n".join(map(delimiter.join, rows)).encode(encoding))
    done = program.run(given, *EXPORTED)
    assert (done.status, said in done.stderr) == (0, True), done.stderr
    assert counts(program, given, *EXPORTED)["no"] == 1
    assert counts(program, given, *EXPORTED, "--encoding", encoding)["no"] == 1


def test_lines_of_json_are_a_list_too(program: Program, tmp_path: Path) -> None:
    given = tmp_path / "list.jsonl"
    people = [
        {
            "email": "json-1@example.org",
            "status": "subscribed",
            "tags": ["a", "b"],
            "created_at": "2021-05-01T10:15:00Z",
        },
        {
            "email": "json-2@example.org",
            "status": "unsubscribed",
            "score": 1.5,
            "vip": True,
            "created_at": None,
        },
    ]
    given.write_text("\n".join(map(json.dumps, people)) + '\n{"email": \n["x"]\n{"email": "no"}\n')
    told = counts(program, given, *EXPORTED, "--commit", status=1)
    assert (told["D"], told["no"], told["refused"]) == (1, 1, 3)
    back = [json.loads(line) for line in (tmp_path / "list.rejects.jsonl").read_text().splitlines()]
    assert [row["import_line"] for row in back] == [3, 4, 5]
    assert back[2] == {"import_line": 5, "import_problem": "an e-mail address has an @", "email": "no"}
    assert (answer(program, "json-1"), answer(program, "json-2")) == ("CONSENT_UNPROVEN", "WITHDRAWN")


def test_a_messy_list_adds_up_and_the_second_time_changes_nothing(program: Program, tmp_path: Path) -> None:
    add_up(program, tmp_path / "messy.csv", 2_000)


def test_a_killed_import_goes_on_and_ends_with_the_same_counts(program: Program, tmp_path: Path) -> None:
    given = tmp_path / "list.csv"
    expected = write_messy_list(given, 6_000, seed=2)
    journal, kills = tmp_path / "list.rejects.csv.json", 0
    while kills < 2:
        job = program.start(given, *EXPORTED, "--commit")
        before = _rows_done(journal)
        while job.status() is None and _rows_done(journal) <= before:
            time.sleep(0.01)
        assert job.status() is None, "it ended before it could be killed"
        job.kill()
        kills += 1
    done = program.run(given, *EXPORTED, "--commit", "--json")
    assert "Going on after row" in done.stderr
    told = json.loads(done.stdout)
    assert {name: told[name] for name in expected} == expected
    with (tmp_path / "list.rejects.csv").open(newline="", errors="replace") as file:
        refused = len(list(csv.reader(file, delimiter=";"))) - 1
    assert (told["rows"], told["refused"]) == (6_000, refused)


def _rows_done(journal: Path) -> int:
    return int(json.loads(journal.read_bytes())["rows"]) if journal.exists() else 0


@pytest.mark.parametrize(
    ("rows", "more", "word"),
    [
        (["a@example.org,,,"], ("--map", "address=nothing"), "no column"),
        (["a@example.org,,,"], ("--map", "address"), "MEANING=COLUMN"),
        (["a@example.org,,,"], ("--timezone", "Middle/Earth"), "time zone"),
        (["a@example.org,,,"], ("--channel", "email", "--channel", "sms"), "one kind"),
        (["a@example.org,,,"], ("--encoding", "klingon"), "no encoding"),
        (["a@example.org,subscribed,2023-05-01 10:00,"], ("--sender", "nobody-knows", "--commit"), "sender"),
        (["a@example.org,subscribed,2023-05-01 10:00,"], ("--key", "clk_wrong", "--commit"), ""),
    ],
)
def test_what_is_wrong_with_the_command_is_one_line(
    program: Program, tmp_path: Path, rows: list[str], more: tuple[str, ...], word: str
) -> None:
    done = program.run(a_list(tmp_path / "list.csv", *rows), *more)
    assert done.status == 2, done.stdout
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("consent-ledger: ")
    assert word in last
    assert "example.org" not in done.stderr


def test_a_list_without_headings_has_to_be_explained(program: Program, tmp_path: Path) -> None:
    given = a_list(tmp_path / "list.csv", "unsubscribed,b@example.org", header="unsubscribed,a@example.org")
    assert "no headings" in program.run(given, *EXPORTED).stderr
    assert counts(program, given, *EXPORTED, "--map", "address=2", "--map", "status=1")["no"] == 2


def test_a_list_of_nothing_but_addresses_explains_itself(program: Program, tmp_path: Path) -> None:
    given = a_list(tmp_path / "list.csv", "only-2@example.org", header="only-1@example.org")
    assert counts(program, given, *EXPORTED)["D"] == 2
    assert counts(program, given, *EXPORTED, "--status", "unsubscribed")["no"] == 2


def test_a_list_in_which_nobody_says_no_is_wondered_at(program: Program, tmp_path: Path) -> None:
    given = a_list(tmp_path / "list.csv", "a@example.org,x", header="email,abgemeldet am")
    assert "No column tells who said no" in program.run(given, *EXPORTED).stderr


def test_rows_without_a_time_wait_for_that_of_the_export(program: Program, tmp_path: Path) -> None:
    told = counts(program, a_list(tmp_path / "list.csv", "a@example.org,subscribed,,"), status=1)
    assert "exported" in told["problems"][0]["problem"]


def test_a_service_that_is_away_loses_nothing(program: Program, tmp_path: Path) -> None:
    given = a_list(tmp_path / "list.csv", "away@example.org,unsubscribed,,")
    away = Client(free_port(), program.client.key)
    done = program.run(given, *EXPORTED, "--commit", "--patience", "0", client=away)
    assert (done.status, "Run the same command again" in done.stderr) == (2, True)
    assert counts(program, given, *EXPORTED, "--commit")["recorded"] == 1


def test_times_are_read_in_the_format_that_is_told(program: Program, tmp_path: Path) -> None:
    given = a_list(tmp_path / "list.csv", "day-1@example.org,subscribed,31/12/2021 10:15,192.0.2.7")
    assert counts(program, given, status=1)["refused"] == 1
    assert counts(program, given, "--time-format", "%d/%m/%Y %H:%M")["B"] == 1


def test_the_mapping_that_is_shown_can_be_kept_and_used(program: Program, tmp_path: Path) -> None:
    given = a_list(tmp_path / "list.csv", "a@example.org,unsubscribed,,")
    kept = tmp_path / "mapping.toml"
    kept.write_text(program.run(given, "--show-mapping").stdout)
    assert counts(program, given, *EXPORTED, "--mapping", str(kept))["no"] == 1
