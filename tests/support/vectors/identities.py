"""Vectors of who and what: addresses, subject keys, canonical JSON, records, commitments, forms."""

from collections.abc import Iterator
from typing import Any

from tests.support.log_writer import ORIGIN, SECRET
from tests.support.vectors.case import Vectors

OPENING = bytes(range(32, 64)).hex()
HASH = "ab" * 32
ZERO = "00" * 32
EVENT = {
    "type": "consent_granted",
    "occurred_at": "2026-11-23T10:15:00.000Z",
    "sender": "acme",
    "categories": ["newsletter"],
    "channels": ["email"],
    "method": "checkbox",
    "checkbox_default": "unticked",
    "evidence_grade": "documented",
}

EMAILS = {
    "plain": "jane@example.org",
    "upper case": "Jane.DOE@Example.ORG",
    "spaces and a tab around it": " \tjane@example.org ",
    "dots and tags are kept": "ja.ne+news@example.org",
    "every character of an atom": "!#$%&'*+-/=?^_`{|}~0az@example.org",
    "domain with an umlaut": "jane@B\u00dcCHER.example",
    "its A-label": "jane@xn--bcher-kva.example",
    "sharp s is not ss": "jane@stra\u00dfe.example",
    "full-width letters and an ideographic full stop": "jane@\uff25\uff38ample\u3002org",
    "local part with a decomposed accent": "andre\u0301@example.org",
    "local part in upper case beyond ASCII": "\u00c5SE@example.org",
    "a name that only one house resolves": "jane@intern.local",
    "64 octets before the at sign": f"{'a' * 64}@example.org",
}
NO_EMAILS = {
    "nothing": ("", "there is no @"),
    "no at sign": ("jane.example.org", "there is no @"),
    "no local part": ("@example.org", "the local part is empty"),
    "two at signs": ("a@b@example.org", "the local part holds an @"),
    "quoted local part": ('"a b"@example.org', "a quoted local part"),
    "comment": ("jane(work)@example.org", "a character that no atom holds"),
    "address literal": ("jane@[192.0.2.1]", "an address literal"),
    "host without a domain": ("jane@localhost", "a domain has two labels at least"),
    "top-level domain that ends in a digit": ("jane@example.a1", "the last label ends in a letter"),
    "trailing dot": ("jane@example.org.", "an empty label"),
    "leading dot": (".jane@example.org", "an atom is empty"),
    "two dots": ("jane..doe@example.org", "an atom is empty"),
    "space within": ("jane doe@example.org", "a character that no atom holds"),
    "line feed at the end": ("jane@example.org\n", "a control character"),
    "NUL": ("jane\x00@example.org", "a control character"),
    "zero-width space": ("ja\u200bne@example.org", "an invisible character"),
    "bidirectional override": ("\u202ejane@example.org", "an invisible character"),
    "no-break space": ("ja\u00a0ne@example.org", "a space beyond ASCII"),
    "begins with a combining mark": ("\u0301jane@example.org", "it would combine with what stands before"),
    "underscore in the domain": ("jane@ex_ample.org", "no host name (STD 3)"),
    "label that begins with a hyphen": ("jane@-example.org", "no host name (STD 3)"),
    "reserved label": ("jane@ab--cd.org", "hyphens in third and fourth place without an A-label"),
    "A-label that decodes to nothing": ("jane@xn--a.com", "not an A-label (IDNA 2008)"),
    "label of 64": (f"jane@{'b' * 64}.org", "a label has at most 63 octets"),
    "65 octets before the at sign": (f"{'a' * 65}@example.org", "a local part has at most 64 octets"),
    "66 octets in 33 characters before the at sign": (
        f"{chr(0xE9) * 33}@example.org",
        "a local part has at most 64 octets",
    ),
    "255 octets": (f"{'a' * 64}@{'.'.join(['b' * 63] * 2)}.{'c' * 58}.org", "at most 254 octets"),
    "321 characters": (f"{'a' * 309}@example.org", "at most 320 characters are read"),
}
PHONES = {
    "plain": "+31612345678",
    "spaces": " +31 6 1234 5678",
    "hyphens and brackets": "+1 (202) 555-0143",
    "dots and slashes": "+49.30/901820",
    "a country whose numbers begin with 0": "+39 06 1234567",
}
NO_PHONES = {
    "nothing": ("", "there is no +"),
    "without its country": ("0612345678", "there is no +"),
    "exit code instead of a plus sign": ("0031612345678", "there is no +"),
    "letters": ("+31 6 CALL ME", "a character that is no digit"),
    "national prefix in brackets": ("+49 (0)30 901820", "a national prefix"),
    "national prefix": ("+31 06 1234 5678", "a national prefix"),
    "no such country": ("+999999999999999", "no country has this code"),
    "too short for its country": ("+31612", "no number of that country has this length"),
    "too long for its country": ("+1 202 555 014399", "no number of that country has this length"),
    "line feed at the end": ("+31612345678\n", "a character that is no digit"),
    "digits of another script": ("+\u0663\u0661612345678", "a character that is no digit"),
}


def addresses() -> Iterator[Vectors]:
    """Canonical addresses."""
    email = Vectors("address/email", "From what was typed to the canonical form, version 1.")
    for name, value in EMAILS.items():
        email.accept(name, value=value)
    for name, (value, reason) in NO_EMAILS.items():
        email.refuse(name, reason, value=value)
    phone = Vectors("address/phone", "From what was typed to E.164, version 1.")
    for name, value in PHONES.items():
        phone.accept(name, value=value)
    for name, (value, reason) in NO_PHONES.items():
        phone.refuse(name, reason, value=value)
    yield from (email, phone)


def keys_of_subjects() -> Iterator[Vectors]:
    """Subject keys and the commitment to their secret."""
    key = Vectors("subject-key/key", "The key of a subject under K_sub (hex).")
    secret = SECRET.hex()
    key.accept("e-mail", secret=secret, kind="email", address="jane@example.org")
    key.accept("phone", secret=secret, kind="phone", address="+31612345678")
    key.accept("sender", secret=secret, kind="sender", address="acme")
    key.accept("the ledger itself", secret=secret, kind="sender", address="ledger")
    key.accept("length in bytes, not characters", secret=secret, kind="email", address="\u00e5se@example.org")
    key.accept("another ledger's secret", secret="ff" * 32, kind="email", address="jane@example.org")
    key.refuse("secret of 31 bytes", "K_sub has 32 bytes", secret=secret[2:], kind="email", address="a@b.org")
    key.refuse(
        "secret of 33 bytes, the last zero",
        "K_sub has 32 bytes: HMAC would take both for one key",
        secret=secret + "00",
        kind="email",
        address="a@b.org",
    )
    committed = Vectors("subject-key/secret", "What the genesis entry says of K_sub.")
    committed.accept("a secret", secret=secret)
    committed.refuse("secret of 31 bytes", "K_sub has 32 bytes", secret=secret[2:])
    yield from (key, committed)


def json_values() -> Iterator[Vectors]:
    """Canonical JSON."""
    value = Vectors("canonical-json/value", "From a JSON text to its canonical form.")
    for name, text in {
        "white space": ' { "a" : [ 1 , true , null ] } ',
        "order of keys": '{"b":1,"a":2,"A":3,"aa":4,"_":5}',
        "escapes that need not be": '"\\u0041\\/\\u20ac"',
        "escapes that must be": '"\\u0008\\u0009\\u000a\\u000c\\u000d\\u001f\\"\\\\"',
        "beyond the basic plane": '"\\ud83d\\ude00"',
        "no normalisation": '["\\u00e9","e\\u0301"]',
        "largest integers": "[9007199254740991,-9007199254740991]",
        "nested 32 deep": "[" * 32 + "]" * 32,
        "delete is no control character here": '"\\u007f"',
    }.items():
        value.accept(name, text=text)
    for name, (text, reason) in {
        "fraction": ("1.0", "a number is an integer"),
        "exponent": ("1e2", "a number is an integer"),
        "integer too large": ("9007199254740992", "an integer of at most 2^53 - 1"),
        "not a number": ("NaN", "no JSON"),
        "key twice": ('{"a":1,"a":1}', "a key stands once"),
        "key twice, once escaped": ('{"a":1,"\\u0061":2}', "a key stands once"),
        "key beyond ASCII": ('{"\u00e9":1}', "a key is ASCII"),
        "lone surrogate": ('"\\ud800"', "a string is Unicode"),
        "NUL in a string": ('"\\u0000"', "a string holds no NUL"),
        "text after the value": ("{} {}", "one value"),
        "nested 33 deep": ("[" * 33 + "]" * 33, "at most 32 deep"),
        "byte order mark": ("\ufeff{}", "no byte order mark"),
        "nothing": ("", "no JSON"),
    }.items():
        value.refuse(name, reason, text=text)
    value.refuse("invalid UTF-8", "a text is UTF-8", bytes="22ff22")
    value.refuse("surrogate in UTF-8", "a text is UTF-8", bytes="22eda08022")
    yield value


def records() -> Iterator[Vectors]:
    """Records, written and read."""
    write = Vectors("record/write", "From its parts to the bytes of a record.")
    parts: dict[str, Any] = {"event": EVENT, "origin": ORIGIN, "subject": HASH, "seq": 0, "prev": ZERO}
    text = write.accept("first of its subject, with evidence", **parts, evidence="cd" * 32)["record"]
    plain = write.accept("later, without evidence", **parts | {"seq": 7, "prev": HASH}, evidence=None)[
        "record"
    ]
    read = Vectors("record/read", "From the bytes of a record to its parts.")
    read.accept("with evidence", record=text)
    read.accept("without evidence", record=plain)
    for name, (old, new, reason) in {
        "white space": (",", ", ", "not canonical"),
        "unknown field": ('"schema":1', '"schema":1,"sector":1', "an unknown field"),
        "no origin": ('"origin":"ledger.example/acme/1",', "", "a field is missing"),
        "another version": ('"schema":1', '"schema":2', "not a version that is known"),
        "version that is true": ('"schema":1', '"schema":true', "not a version that is known"),
        "count below zero": ('"seq":0', '"seq":-1', "seq counts from 0"),
        "count that is a text": ('"seq":0', '"seq":"0"', "seq counts from 0"),
        "hash in upper case": ("cd" * 32, "CD" * 32, "a hash is 64 lower-case hex digits"),
        "hash cut off": (HASH, HASH[2:], "a hash is 64 lower-case hex digits"),
        "evidence that is null": ('"' + "cd" * 32 + '"', "null", "what is not there is left out"),
        "event that is a list": ('"event":{', '"event":[{', "not JSON"),
    }.items():
        read.refuse(name, reason, record=text.replace(old, new, 1))
    read.refuse("a list", "a record is an object", record="[]")
    yield from (write, read)


def commitments() -> Iterator[Vectors]:
    """Commitments, chains and heads."""
    record = Vectors("commitment/record", "What the log holds of a record.")
    evidence = Vectors("commitment/evidence", "What a record holds of its evidence.")
    for vectors, name, text in (
        (record, "record", '{"event":{}}'),
        (evidence, "evidence", '{"ip":"192.0.2.1"}'),
    ):
        vectors.accept("a commitment", opening=OPENING, **{name: text})
        vectors.accept("another opening, another commitment", opening="00" * 32, **{name: text})
        vectors.refuse("opening of 31 bytes", "an opening has 32 bytes", opening=OPENING[2:], **{name: text})
    chained = Vectors("chain/subject", "The heads of a subject's chain, H_0 first.")
    events = [{"index": index, "commitment": f"{index:02x}" * 32} for index in (2, 5, 65, 255)]
    chained.accept("no event yet", events=[])
    chained.accept("four events", events=events)
    chained.accept("the same events in another order", events=events[::-1])
    head = Vectors("head/value", "The value of a subject in the map.")
    head.accept("one event", event_count=1, last_index=2, chain=HASH)
    head.accept("many events", event_count=70_000, last_index=2**40 + 1, chain="cd" * 32)
    yield from (record, evidence, chained, head)


def forms() -> Iterator[Vectors]:
    """Forms and their ids."""
    form = Vectors("form/id", "From a form as it is published to its canonical text and id.")
    box = {"name": "newsletter", "label": "Send me the newsletter", "default": "unticked"}
    whole: dict[str, Any] = {"language": "en", "title": "Newsletter", "text": "May we?", "boxes": [box]}
    form.accept("smallest", form={"language": "en", "title": "T", "text": "x"})
    form.accept("one box", form=whole)
    form.accept(
        "everything said",
        form=whole
        | {
            "kind": "checkout",
            "collector": "acme",
            "privacy_notice_url": "https://example.org/privacy",
            "consent_in_terms": True,
            "notice_given": True,
            "notice_means": "terms_only",
            "optout_offered": False,
            "screenshot_sha256": HASH,
            "boxes": [box | {"default": "ticked", "categories": ["newsletter"], "channels": ["email"]}],
        },
    )
    form.accept(
        "defaults spelled out have the same id", form=whole | {"kind": "web_form", "notice_given": None}
    )
    wrong: dict[str, tuple[dict[str, Any], str]] = {
        "unknown field": ({"colour": "red"}, "an unknown field"),
        "title of another type": ({"title": 1}, "not the type"),
        "empty text": ({"text": ""}, "a text is not empty"),
        "box default of another set": ({"boxes": [box | {"default": "maybe"}]}, "unticked or ticked"),
        "box without a label": ({"boxes": [{"name": "a", "default": "ticked"}]}, "a field is missing"),
        "two boxes of one name": ({"boxes": [box, box]}, "a name stands once"),
        "language with a line feed": ({"language": "en\n"}, "not a language tag"),
    }
    for name, (changes, reason) in wrong.items():
        form.refuse(name, reason, form=whole | changes)
    yield form


def all_of_them() -> Iterator[Vectors]:
    """Every file of this module."""
    for made in (addresses, keys_of_subjects, json_values, records, commitments, forms):
        yield from made()
