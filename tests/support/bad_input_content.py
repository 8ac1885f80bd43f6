"""Rows 57 to 101 of the catalogue of bad input: what the content says, and who says it."""

import json
from collections.abc import Mapping
from typing import Any, Final

from tests.support.bad_input_rows import INNER_HOSTS, Row, Sent, ask, event, typed, webhook
from tests.support.http_service import grant, question

_BATCH: Final = "/v1/events/batch"
_SHAPE: Final = "the size of an item is a matter of shape: 400 or 422 by what is wrong, never 2xx"


def _batch(count: int, status: int) -> Sent:
    events: list[dict[str, Any]] = [grant(f"n-{number}") for number in range(count)]
    return Sent(status, json.dumps({"events": events}).encode(), _BATCH)


CONTENT: Final[Mapping[int, Row]] = {
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
    93: Row(
        "a webhook to http:, file:, gopher:, with a password, to port 22",
        "422",
        tuple(
            webhook(url)
            for url in (
                *("http://crm.example.org/", "file:///etc/passwd", "gopher://crm.example.org/"),
                *("https://user:pass@crm.example.org/", "https://crm.example.org:22/"),
            )
        ),
    ),
    94: Row(
        "a webhook to a host that is not public, however it is spelt",
        "refused when it is made, and at every attempt",
        tuple(webhook(f"https://{host}/hook") for host in INNER_HOSTS),
        shown="test_no_host_of_the_catalogue_leads_to_a_listener_inside",
    ),
    95: Row(
        "a webhook's secret, empty or of one character",
        "ours, 32 bytes",
        (
            webhook("https://crm.example.org/", 400, secret=""),
            webhook("https://crm.example.org/", 400, secret="x"),  # noqa: S106 - it is refused
        ),
        shown="test_secrets_are_not_in_the_database_in_the_clear",
    ),
    96: Row(
        "a webhook's reply of 10 GB, a bomb of headers",
        "64 KiB read, 1 KiB kept",
        shown="test_of_an_endless_answer_little_is_read_and_less_is_kept",
        differs="64 KiB are read, so that the connection of a usual answer can be kept",
    ),
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
