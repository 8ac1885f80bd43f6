"""A list in, the same list with answers out: for people with a spreadsheet, and for jobs that get killed."""

import csv
import http.server
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest

from service.cli.check_file.table import open_table, safe
from service.cli.demo.theatre import Client, free_port
from service.core.verifier import verify_bundle
from tests.cli.test_program import program as installed
from tests.support.http_service import JANE
from tests.support.program_nursery import Nursery, RunProgram, Wanted, own_environment

ASKED = ("--sender", "acme", "--category", "newsletter", "--country", "NL", "--recipient", "consumer")


def command(port: int, key: str, path: Path, *more: str) -> list[str]:
    where = ("--url", f"http://127.0.0.1:{port}", "--key", key)
    return ["check", "--file", str(path), *where, *ASKED, *more]


@pytest.fixture
def check(nursery: Nursery) -> RunProgram:
    """Ask a service about a list."""

    def asked(client: Client, path: Path, *more: str) -> "subprocess.CompletedProcess[bytes]":
        return nursery.run(*command(client.port, client.key, path, *more))

    return asked


def rows_of(path: Path, delimiter: str = ",") -> list[list[str]]:
    return list(
        csv.reader(path.read_text(encoding="utf-8-sig").splitlines(keepends=True), delimiter=delimiter)
    )


def a_list(path: Path, count: int) -> Path:
    people = (f"person-{number}@example.org,{number}" for number in range(count))
    path.write_text("email,number\n" + "\n".join(people) + f"\n{JANE['value']},last\n", encoding="utf-8")
    return path


def test_each_row_comes_back_with_its_answer_and_broken_ones_with_the_reason(
    client: Client, tmp_path: Path
) -> None:
    given = tmp_path / "list.csv"
    given.write_text(
        f'name,E-mail,note\nJane,{JANE["value"]},"two\nlines"\n=1+1,broken,\nBob,b@example.org,-5\n'
    )
    done = installed(*command(client.port, client.key, given))
    assert done.returncode == 1, done.stderr
    assert b"3 rows: 1 allow, 1 deny, 1 refused" in done.stdout
    header, jane, broken, bob = rows_of(tmp_path / "list.answers.csv")
    assert header == [
        "name",
        "E-mail",
        "note",
        "decision",
        "reason_code",
        "needs_human",
        "expires_at",
        "problem",
    ]
    assert jane[:5] == ["Jane", JANE["value"], "two\nlines", "allow", "CONSENT"]
    assert (broken[0], broken[3], broken[-1]) == ("'=1+1", "refused", "an e-mail address has an @")
    assert bob[2:5] == ["'-5", "deny", "NO_BASIS"]


def test_every_row_can_be_proved_afterwards(check: RunProgram, client: Client, tmp_path: Path) -> None:
    given = a_list(tmp_path / "list.csv", 10)
    assert check(client, given).returncode == 0
    told = json.loads((tmp_path / "list.answers.csv.proof.json").read_text())
    (campaign,) = told["campaigns"]
    asked = {"campaign": campaign["campaign"], "line": 11, "address": JANE}
    status, bundle = client.call("POST", "/v1/proofs", asked)
    assert status == 200, bundle
    assert verify_bundle(bundle, verifiers=[client.verifier()]).verified


def test_the_audit_of_a_ledger_with_campaigns_finds_nothing(
    check: RunProgram, nursery: Nursery, client: Client, data: Path, tmp_path: Path
) -> None:
    assert check(client, a_list(tmp_path / "list.csv", 10)).returncode == 0
    done = nursery.run("audit", "--data", str(data), "--json")
    assert (done.returncode, json.loads(done.stdout)["findings"]) == (0, [])


@pytest.mark.parametrize(
    ("encoding", "delimiter"),
    [("utf-8", ","), ("utf-8-sig", ";"), ("utf-16", "\t"), ("latin-1", ";")],
)
def test_lists_are_read_as_people_have_them(
    check: RunProgram, client: Client, tmp_path: Path, encoding: str, delimiter: str
) -> None:
    given = tmp_path / "list.csv"
    given.write_text(
        delimiter.join(("naam", "e-mail")) + "\n" + delimiter.join(("Zoë", JANE["value"])), encoding
    )
    done = check(client, given)
    assert done.returncode == 0, done.stderr
    assert (b"latin-1" in done.stderr) == (encoding == "latin-1")
    assert rows_of(tmp_path / "list.answers.csv", delimiter)[1][:3] == ["Zoë", JANE["value"], "allow"]


def test_a_phone_number_stays_usable_and_a_formula_does_not() -> None:
    cells = ["+31612345678", "+1+cmd|' /C calc'!A0", "=1", "-1", "@x", "\tx", "plain", "1-1"]
    assert list(map(safe, cells)) == [cells[0], *("'" + cell for cell in cells[1:6]), "plain", "1-1"]


@pytest.mark.parametrize(
    ("text", "column", "channel", "expected"),
    [
        ("Email\na@b.nl\n", None, "email", (0, True, 1)),
        ("id;E-Mail Address\n1;a@b.nl\n", None, "email", (1, True, 1)),
        ("phone,email\n+31612345678,a@b.nl\n", None, "sms", (0, True, 1)),
        ("phone,email\n+31612345678,a@b.nl\n", None, "email", (1, True, 1)),
        ("a@b.nl\nc@d.nl\n", None, "email", (0, False, 2)),
        ("1,a@b.nl\n\n2,c@d.nl\n", None, "email", (1, False, 2)),
        ("wie,waar\nx,a@b.nl\n", "waar", "email", (1, True, 1)),
        ("wie,waar\nx,a@b.nl\n", "2", "email", (1, True, 1)),
    ],
)
def test_the_column_of_the_addresses_is_found(
    tmp_path: Path, text: str, column: str | None, channel: str, expected: tuple[int, bool, int]
) -> None:
    path = tmp_path / "list.csv"
    path.write_text(text)
    table = open_table(path, column=column, encoding=None, channel=channel)
    assert (table.column, table.header is not None, table.rows) == expected


@pytest.mark.parametrize(
    ("content", "column"),
    [(b"", None), (b"wie,waar\nx,y\n", None), (b"email,email\na,b\n", None), (b"email\na@b.nl\n", "phone")],
)
def test_what_would_have_to_be_guessed_is_refused(tmp_path: Path, content: bytes, column: str | None) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(content)
    with pytest.raises(click.ClickException):
        open_table(path, column=column, encoding=None, channel="email")


def test_a_killed_job_goes_on_and_ends_with_the_same_output(
    check: RunProgram, nursery: Nursery, client: Client, tmp_path: Path
) -> None:
    whole, cut = a_list(tmp_path / "whole.csv", 60_000), a_list(tmp_path / "cut.csv", 60_000)
    assert check(client, whole).returncode == 0
    journal, kills = tmp_path / "cut.answers.csv.part.json", 0
    while not (tmp_path / "cut.answers.csv").exists():
        wanted = Wanted(command(client.port, client.key, cut), own_environment())
        job = nursery.start(wanted, output=tmp_path / "said", errors=tmp_path / "said")
        before = rows_done(journal)
        while kills < 2 and job.status() is None and rows_done(journal) == before:
            time.sleep(0.01)
        if kills < 2 and job.status() is None:
            job.kill()
            kills += 1
        job.wait(120)
    assert kills == 2
    assert (tmp_path / "cut.answers.csv").read_bytes() == (tmp_path / "whole.answers.csv").read_bytes()
    told = json.loads((tmp_path / "cut.answers.csv.proof.json").read_text())
    assert len(told["campaigns"]) >= 2
    assert not journal.exists()


def rows_done(journal: Path) -> int:
    return int(json.loads(journal.read_bytes())["rows"]) if journal.exists() else 0


def test_another_list_or_question_does_not_go_on_with_what_is_there(
    check: RunProgram, client: Client, tmp_path: Path
) -> None:
    given = a_list(tmp_path / "list.csv", 5)
    away = Client(free_port(), client.key)
    assert check(away, given, "--patience", "0").returncode == 2
    given.write_text(given.read_text() + "new@example.org,1\n")
    done = check(client, given)
    assert done.returncode == 2
    assert b"belongs to another list or question" in done.stderr


def test_without_a_service_it_says_how_to_go_on_and_allows_nothing(
    check: RunProgram, client: Client, tmp_path: Path
) -> None:
    given = a_list(tmp_path / "list.csv", 5)
    done = check(Client(free_port(), client.key), given, "--patience", "0.2")
    assert done.returncode == 2
    assert b"0 of 6 rows are done. Do not send to the others. Run the same command again" in done.stderr
    assert b"Traceback" not in done.stderr
    assert not (tmp_path / "list.answers.csv").exists()
    assert check(client, given).returncode == 0


def test_a_wrong_key_is_told_at_once(check: RunProgram, client: Client, tmp_path: Path) -> None:
    done = check(Client(client.port, "clk_wrong"), a_list(tmp_path / "list.csv", 5))
    assert done.returncode == 2
    assert b"A valid API key or access token is needed\n" in done.stderr


class _CutOffServer(http.server.ThreadingHTTPServer):
    answered = 0


class _Unfinished(http.server.BaseHTTPRequestHandler):
    """A service that answers one row and is cut off, then is overloaded."""

    def do_POST(self) -> None:
        assert isinstance(self.server, _CutOffServer)
        self.read_body()
        first = self.server.answered == 0
        self.server.answered += 1
        self.send_response(200 if first else 503)
        self.end_headers()
        if first:
            allowed = {
                "decision": "allow",
                "reason_code": "CONSENT",
                "needs_human": False,
                "expires_at": None,
            }
            for said in ({"campaign": "00"}, {"line": 1, "status": 200, **allowed}):
                self.wfile.write(json.dumps(said).encode() + b"\n")

    def read_body(self) -> None:
        """Take all of it: closing with some unread would reset the connection, and the answer with it."""
        if "content-length" in self.headers:
            self.rfile.read(int(self.headers["content-length"]))
            return
        while size := int(self.rfile.readline(), 16):
            self.rfile.read(size + 2)
        self.rfile.readline()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def an_unfinished_service(kind: type[_Unfinished] = _Unfinished) -> Iterator[int]:
    server = _CutOffServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def test_a_service_that_is_cut_off_has_answered_what_it_answered(
    check: RunProgram, client: Client, tmp_path: Path
) -> None:
    given = a_list(tmp_path / "list.csv", 5)
    with an_unfinished_service() as port:
        done = check(Client(port, "k"), given, "--patience", "0.2")
    assert done.returncode == 2
    assert b"1 of 6 rows are done" in done.stderr
    assert check(client, given).returncode == 0
    assert len(rows_of(tmp_path / "list.answers.csv")) == 7


class _Forger(_Unfinished):
    """A service that allows everything, and has signed nothing."""

    def do_POST(self) -> None:
        self.read_body()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"decision": "allow", "reason_code": "CONSENT"}')


def test_an_allow_that_the_ledger_did_not_sign_is_none(nursery: Nursery) -> None:
    with an_unfinished_service(_Forger) as port:
        done = nursery.run("check", "a@b.nl", "--key", "k", *ASKED, "--url", f"http://127.0.0.1:{port}")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"the answer has no token" in done.stderr


@pytest.mark.parametrize("more", [(), ("a@b.nl", "--file", "x.csv")])
def test_one_address_or_one_list(nursery: Nursery, more: tuple[str, ...]) -> None:
    done = nursery.run("check", *more, "--key", "k", *ASKED)
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
