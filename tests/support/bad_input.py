"""The catalogue of bad input: rows 1 to 56 are about the request, its JSON, its parameters and times."""

from collections.abc import Mapping
from typing import Final

from tests.support.bad_input_content import CONTENT
from tests.support.bad_input_rows import Row, Sent, ask, event, put, read, typed

_CHUNKED: Final = ("content-type: application/json", "transfer-encoding: chunked")
_BIG: Final = b'{"a":"' + b"x" * 9_000_000 + b'"}'


REQUESTS: Final[Mapping[int, Row]] = {
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
}

ROWS: Final = {**REQUESTS, **CONTENT}
