"""The catalogue of bad input: 101 rows, what is sent for each, and what must come back.

A row is sent over a socket here (`sent`), or is what another test shows (`shown`, its name), or belongs to an
interface that is not this one (`elsewhere`, and why). `differs`: why we do otherwise.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.support.http_service import grant, question


@dataclass(frozen=True)
class Sent:
    """One request: method, path, body and headers, and the statuses that are right for it."""

    status: int
    body: bytes = b""
    path: str = "/v1/events"
    method: str = "POST"
    headers: tuple[str, ...] = ("content-type: application/json",)
    length: bool = True


@dataclass(frozen=True)
class Row:
    """One row of the catalogue."""

    what: str
    wanted: str
    sent: tuple[Sent, ...] = ()
    shown: str = ""
    elsewhere: str = ""
    differs: str = ""


def event(event_id: str = "e-1", **changes: object) -> bytes:
    """The usual event, changed."""
    return json.dumps(grant(event_id, **changes)).encode()


def put(fragment: str) -> bytes:
    """The usual event with a fragment of JSON put in as it is."""
    return event()[:-1] + b"," + fragment.encode() + b"}"


def ask(value: str, status: int, kind: str = "email") -> Sent:
    """A check about an address."""
    body = json.dumps(question(address={"kind": kind, "value": value})).encode()
    return Sent(status, body, "/v1/checks")


def read(query: str, status: int) -> Sent:
    """The feed, with this query."""
    return Sent(status, method="GET", path="/v1/events?" + query, headers=())


def typed(status: int, *headers: str, body: bytes | None = None) -> Sent:
    """The usual event under other headers."""
    return Sent(status, event() if body is None else body, headers=headers)


_CHUNKED: Final = ("content-type: application/json", "transfer-encoding: chunked")
_LATER: Final = "belongs to subscriptions, which have an interface and tests of their own"
_BIG: Final = b'{"a":"' + b"x" * 9_000_000 + b'"}'
_BATCH: Final = "/v1/events/batch"
_SHAPE: Final = "the size of an item is a matter of shape: 400 or 422 by what is wrong, never 2xx"


def _batch(count: int, status: int) -> Sent:
    events: list[dict[str, Any]] = [grant(f"n-{number}") for number in range(count)]
    return Sent(status, json.dumps({"events": events}).encode(), _BATCH)


ROWS: Final[Mapping[int, Row]] = {
    1: Row("a body of 9 MB", "413", (Sent(413, _BIG),)),
    2: Row("a body of 11 MB with its length", "413", (Sent(413, _BIG + b" " * 2_000_000),)),
    3: Row(
        "20 MB in chunks",
        "413",
        (Sent(413, b"%x\r\n%b\r\n0\r\n\r\n" % (len(_BIG), _BIG), headers=_CHUNKED, length=False),),
    ),
    4: Row(
        "a body of 1 GB",
        "413 at once",
        (
            Sent(
                413,
                b"{",
                headers=("content-type: application/json", "content-length: 1073741824"),
                length=False,
            ),
        ),
    ),
    5: Row("the limit is set explicitly", "tested", shown="test_a_body_over_the_limit_of_its_route_is_a_413"),
    6: Row("a gzip body", "415", (typed(415, "content-type: application/json", "content-encoding: gzip"),)),
    7: Row(
        "a gzip bomb",
        "413 or 415",
        (
            typed(
                415,
                "content-type: application/json",
                "content-encoding: gzip",
                body=b"\x1f\x8b" + b"\0" * 1000,
            ),
        ),
    ),
    8: Row("a body dripped", "408", shown="test_a_body_that_drips_is_a_408_and_is_no_error_of_ours"),
    9: Row("headers dripped", "408", shown="test_a_head_that_does_not_end_in_time_is_a_408"),
    10: Row("a header of 70 KB", "431", (typed(431, "x-long: " + "x" * 70_000),)),
    11: Row("2,000 headers", "431", (typed(431, *(f"x-{n}: 1" for n in range(2_000))),)),
    12: Row(
        "a URL of 70 KB",
        "414",
        (Sent(414, path="/v1/events?after=" + "1" * 70_000, method="GET", headers=()),),
    ),
    13: Row("Content-Length and Transfer-Encoding", "400", (typed(400, *_CHUNKED),)),
    14: Row(
        "a negative Content-Length",
        "400",
        (Sent(400, event(), headers=("content-length: -1",), length=False),),
    ),
    15: Row("a bare CR in a header", "400", (typed(400, "x-y: a\rb"),)),
    16: Row(
        "TRACE and DELETE on a POST route",
        "405",
        (Sent(405, method="DELETE", path="/v1/checks"), Sent(405, method="TRACE", path="/v1/checks")),
    ),
    17: Row("text/plain", "415", (typed(415, "content-type: text/plain"),)),
    18: Row("no Content-Type", "415", (typed(415),)),
    19: Row("msgpack", "415", (typed(415, "content-type: application/msgpack"),)),
    20: Row("an empty body", "400", (Sent(400),)),
    21: Row("null, a list, a number", "400", (Sent(400, b"null"), Sent(400, b"[]"), Sent(400, b"7"))),
    22: Row("truncated JSON", "400", (Sent(400, event()[:-5]),)),
    23: Row("a second document behind it", "400", (Sent(400, event() + event()),)),
    24: Row("comments", "400", (Sent(400, b"/* hi */" + event()),)),
    25: Row("a byte order mark", "400", (Sent(400, b"\xef\xbb\xbf" + event()),)),
    26: Row("UTF-16", "400", (Sent(400, event().decode().encode("utf-16")),)),
    27: Row("invalid UTF-8", "400", (Sent(400, event().replace(b"e-1", b"e\xff\xfe")),)),
    28: Row("overlong UTF-8", "400", (Sent(400, event().replace(b"e-1", b"\xc0\xae")),)),
    29: Row(
        "nesting of 2,000",
        "400",
        (Sent(400, put('"x":' + "[" * 2_000 + "]" * 2_000)), Sent(400, b"[" * 17 + b"]" * 17)),
    ),
    30: Row("nesting of 100,000", "400", (Sent(400, b"[" * 100_000),)),
    31: Row("duplicate keys", "400", (Sent(400, put('"sender":"acme"')),)),
    32: Row("an unknown field", "400", (Sent(400, event(favourite="x")),)),
    33: Row("NaN, Infinity", "400", (Sent(400, put('"age":NaN')), Sent(400, put('"age":Infinity')))),
    34: Row("1e400", "400", (Sent(400, put('"age":1e400')),)),
    35: Row("an integer of 2^64", "400", (Sent(400, event(age=2**64)),)),
    36: Row("an integer of 5,000 digits", "400", (Sent(400, put('"age":' + "9" * 5_000)),)),
    37: Row(
        '"5", 5.0 and true for a number',
        "400",
        (Sent(400, event(age="5")), Sent(400, put('"age":5.0')), Sent(400, event(age=True))),
    ),
    38: Row("an escaped NUL", "400", (Sent(400, event("a\x00b")),)),
    39: Row("a raw NUL", "400", (Sent(400, event().replace(b"e-1", b"e\x00")),)),
    40: Row("a lone surrogate", "400", (Sent(400, event().replace(b"e-1", b"\\ud800")),)),
    41: Row(
        "an address of 321 characters",
        "422",
        (ask("x" * 310 + "@example.org", 400),),
        differs="longer than the schema allows: 400, like every other length",
    ),
    42: Row("%00 in a path", "400", (Sent(400, method="GET", path="/v1/forms/%00", headers=()),)),
    43: Row("%ff in a path", "400", (Sent(400, method="GET", path="/v1/forms/%ff", headers=()),)),
    44: Row("..%2f in a path", "404", (Sent(404, method="GET", path="/v1/forms/..%2f..%2fetc", headers=()),)),
    45: Row("a parameter twice", "400", (read("after=1&after=2", 400),)),
    46: Row(
        "an address in a query", "checks go by POST; no such parameter", (read("subject=a+b@x.com", 400),)
    ),
    47: Row("limit=1000000000", "400", (read("limit=1000000000", 400),)),
    48: Row("limit=-1", "400", (read("limit=-1", 400),)),
    49: Row("limit of 4,000 digits", "400", (read("limit=" + "9" * 4_000, 400),)),
    50: Row("limit in Arabic digits", "400", (read("limit=%D9%A3", 400),)),
    51: Row("a time without a zone", "400", (Sent(400, event(occurred_at="2026-01-10T10:15:00")),)),
    52: Row("a leap second", "400", (Sent(400, event(occurred_at="2026-01-10T23:59:60Z")),)),
    53: Row(
        "year 0, offset +99:00",
        "400",
        (
            Sent(400, event(occurred_at="0000-01-10T23:59:50Z")),
            Sent(400, event(occurred_at="2026-01-10T23:59:50+99:00")),
        ),
    ),
    54: Row(
        "year 9999, year 294277, infinity",
        "422",
        (
            Sent(422, event(occurred_at="9999-01-10T23:59:50Z")),
            Sent(400, event(occurred_at="294277-01-10T23:59:50Z")),
            Sent(400, event(occurred_at="infinity")),
        ),
        differs="what is no RFC 3339 time at all is a matter of shape: 400",
    ),
    55: Row("in the future", "422", (Sent(422, event(occurred_at="2096-01-10T23:59:50Z")),)),
    56: Row("before 1990", "422", (Sent(422, event(occurred_at="1970-01-10T23:59:50Z")),)),
    57: Row(
        "an upper-case local part",
        "one canonical form",
        (ask("JANE@EXAMPLE.ORG", 200),),
        shown="test_one_mailbox_has_one_form",
    ),
    58: Row(
        "dots and +tag",
        "never merged",
        (ask("j.a.n.e+x@gmail.com", 200),),
        shown="test_dots_and_tags_are_never_merged",
    ),
    59: Row(
        "NFC and NFD",
        "NFC",
        (ask("jos\u00e9@example.org", 200), ask("jose\u0301@example.org", 200)),
        shown="test_one_mailbox_has_one_form",
    ),
    60: Row("a full-width domain", "canonicalise", (ask("a@ＥＸＡＭＰＬＥ.com", 200),)),  # noqa: RUF001 - what is sent
    61: Row(
        "a soft hyphen in a domain",
        "canonicalise",
        (ask("a@exam\u00adple.com", 422),),
        differs="refused like every invisible character (row 71): nobody can have meant it",
    ),
    62: Row(
        "a domain in both spellings",
        "one subject",
        (ask("a@b\u00fccher.example.org", 200), ask("a@xn--bcher-kva.example.org", 200)),
        shown="test_one_mailbox_has_one_form",
    ),
    63: Row(
        "a Cyrillic look-alike",
        "a subject of its own",
        (ask("a@payp\u0430l.com", 200),),
        differs="not flagged: a subject of its own has no consent, so it is a deny",
    ),
    64: Row("invalid punycode", "422", (ask("a@xn--a.com", 422),)),
    65: Row(
        "bad labels", "422", (ask("a@" + "x" * 64 + ".com", 422), ask("a@b..com", 422), ask("a@-b.com", 422))
    ),
    66: Row(
        "characters whose case changes length",
        "a fixed algorithm",
        (ask("a@stra\u1e9ee.de", 200),),
        shown="test_the_canonical_form_is_its_own_canonical_form",
    ),
    67: Row(
        "the Turkish dotted I",
        "no locale",
        (ask("\u0130@example.org", 200),),
        shown="test_the_canonical_form_is_its_own_canonical_form",
    ),
    68: Row(
        "a quoted local part, comments", "422", (ask('"a b"@example.org', 422), ask("a(c)@example.org", 422))
    ),
    69: Row("an IP literal", "422", (ask("a@[127.0.0.1]", 422),)),
    70: Row("CR and LF in an address", "422", (ask("a@example.org\r\nBcc: b@example.org", 422),)),
    71: Row(
        "bidi and zero-width characters",
        "422",
        (ask("a\u202eb@example.org", 422), ask("a\u200bb@example.org", 422)),
    ),
    72: Row(
        "phone numbers that are none",
        "422",
        (ask("+49 (0) x", 422, "phone"), ask("phone", 422, "phone"), ask("+" + "1" * 50, 422, "phone")),
    ),
    73: Row("% and _ in an address", "equality only", (ask("%@example.org", 200), ask("_@example.org", 200))),
    74: Row("SQL text", "as any text", (Sent(201, event("'; drop table entries; --")),)),
    75: Row(
        "a formula in a CSV cell", "escaped", shown="test_a_phone_number_stays_usable_and_a_formula_does_not"
    ),
    76: Row(
        "HTML in a form",
        "stored as it is",
        (
            Sent(
                201,
                json.dumps(
                    {"language": "en", "title": "<b>", "text": "<script>x</script>", "boxes": []}
                ).encode(),
                "/v1/forms",
            ),
        ),
    ),
    77: Row("a key of 9 KB", "400", (Sent(400, event("x" * 9_000)),)),
    78: Row(
        "an idempotency key of 1 MB, of NUL, empty",
        "400",
        (
            typed(400, "content-type: application/json", "idempotency-key: " + "x" * 300),
            typed(400, "content-type: application/json", "idempotency-key: a b"),
        ),
        shown="test_a_key_belongs_to_one_request",
        differs="it may be missing: source_event_id does the same for ever; reused: 422, as the draft has it",
    ),
    79: Row(
        "an idempotency key of another ledger",
        "new",
        shown="test_a_key_counts_within_one_credential_and_one_path",
    ),
    80: Row(
        "a ledger in the body",
        "never trusted",
        (Sent(400, event(ledger="other")),),
        shown="test_a_ledger_named_in_the_body_is_refused",
        differs="an unknown field: 400 says what is wrong, 403 would suggest that it could be allowed",
    ),
    81: Row(
        "a guessed id of another ledger",
        "404",
        (Sent(404, method="GET", path="/v1/forms/" + "0" * 64, headers=()),),
        shown="test_every_route_that_takes_an_id_says_404_to_an_id_of_another_ledger",
    ),
    82: Row(
        "an unknown category, 10,000 of them",
        "422, capped",
        (Sent(400, event(categories=[f"c{n}" for n in range(10_000)])),),
        differs=_SHAPE,
    ),
    83: Row(
        "a tick without its form",
        "422",
        (Sent(400, event(method="ticked")),),
        differs="a field that the type needs is missing: 400 by the rule for all missing fields",
    ),
    84: Row(
        "seq, hash, recorded_at",
        "400",
        (
            Sent(400, event(seq=1)),
            Sent(400, event(hash="0")),
            Sent(400, event(recorded_at="2026-01-01T00:00:00Z")),
        ),
    ),
    85: Row(
        "a batch with one bad item",
        "each on its own",
        (Sent(207, b'{"events":[{},%b]}' % event("b-1"), _BATCH),),
        shown="test_a_list_is_answered_item_by_item",
    ),
    86: Row(
        "the same key twice in a batch",
        "the second is a replay",
        (Sent(207, b'{"events":[%b,%b]}' % (event("b-2"), event("b-2")), _BATCH),),
    ),
    87: Row(
        "a batch of 0 and of too many",
        "400, 413",
        (_batch(0, 413), _batch(1_001, 413)),
        differs="0 items are outside 1 to 1,000 too, and have the same type of problem",
    ),
    88: Row(
        "a campaign against enumeration",
        "429",
        shown="test_a_key_can_ask_about_so_many_different_addresses_a_day",
    ),
    89: Row(
        "a position of the future",
        "400, at once",
        (
            Sent(422, json.dumps(question(min_position=10**9)).encode(), "/v1/checks"),
            Sent(400, json.dumps(question(min_position=-1)).encode(), "/v1/checks"),
        ),
        differs="positions are plain numbers of one log and no secret; one of the future is well formed: 422",
    ),
    90: Row(
        "tiles beyond the tree, of 2^63",
        "400",
        (
            Sent(404, method="GET", path="/log/main/tile/0/999", headers=()),
            Sent(404, method="GET", path="/log/main/tile/0/9223372036854775808", headers=()),
        ),
        differs="a tile is a resource: tlog-tiles has 404 for one that is not there",
    ),
    91: Row(
        "a checkpoint of another log",
        "origin mismatch",
        elsewhere="of the verifier: `consent-ledger verify` pins the origin",
        shown="test_the_bundles_that_are_forged_are_told_apart",
    ),
    92: Row(
        "forged inclusion proofs",
        "refused",
        elsewhere="of the verifier",
        shown="test_no_mutated_inclusion_proof_verifies",
    ),
    93: Row("a webhook's URL", "422", elsewhere=_LATER),
    94: Row("a webhook's host", "refused twice", elsewhere=_LATER),
    95: Row("a webhook's secret", "ours", elsewhere=_LATER),
    96: Row("a webhook's reply", "read up to a limit", elsewhere=_LATER),
    97: Row(
        "an unsubscribe token that is not ours",
        "one neutral page",
        (Sent(404, method="GET", path="/u/abc", headers=()),),
        shown="test_a_link_that_is_not_ours_says_what_to_do_and_nothing_else",
    ),
    98: Row(
        "a scanner's GET and HEAD",
        "nothing changes",
        shown="test_whoever_only_fetches_the_link_changes_nothing",
    ),
    99: Row(
        "a POST without the form's value",
        "nothing changes",
        shown="test_a_post_that_asks_for_nothing_changes_nothing_and_says_so",
    ),
    100: Row(
        "a JWT of alg none",
        "401",
        (
            Sent(
                401,
                event(),
                headers=(
                    "content-type: application/json",
                    "authorization: Bearer eyJhbGciOiJub25lIn0.eyJpc3MiOiJ4In0.",
                ),
            ),
        ),
        shown="test_what_is_no_access_token_for_us_is_nobody",
    ),
    101: Row(
        "X-Forwarded-For",
        "never believed",
        (typed(201, "content-type: application/json", "x-forwarded-for: 192.0.2.1"),),
    ),
}
