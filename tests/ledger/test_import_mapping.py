"""What the columns of a list mean: told, from a preset, or by their names, and never in two ways."""

import csv
import io
from datetime import UTC, datetime

import pytest

from service.core.errors import InputError
from service.ledger.importing.mapping import (
    PRESETS,
    as_toml,
    map_columns,
    preset_for,
    read_preset,
    shipped_preset,
)
from service.ledger.importing.rows import About, Rows

ABOUT = About(
    sender="acme",
    categories=("newsletter",),
    channels=("email",),
    exported_at=datetime(2026, 11, 20, tzinfo=UTC),
    timezone="UTC",
)
MAILCHIMP = "Email Address,First Name,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,CC,"
MAILCHIMP_END = "LAST_CHANGED,LEID,EUID,NOTES,TAGS"

# Lists as each system exports them, written for this test: the preset, the file, and what each row comes to.
SAMPLES: dict[str, tuple[str, str, list[tuple[str, list[str]]]]] = {
    "Mailchimp, subscribed": (
        "mailchimp",
        f"""{MAILCHIMP}{MAILCHIMP_END}
ann@example.org,Ann,2,2021-03-16 14:40:47,192.0.2.7,2021-03-16 14:45:00,192.0.2.7,NL,2022-01-01 00:00:00,1,a,,
bob@example.org,Bob,2,,,2020-03-16 14:40:47,192.0.2.1,NL,2022-01-01 00:00:00,2,b,,
eve@example.org,Eve,2,,,,,,2022-01-01 00:00:00,3,c,,
""",
        [
            ("B", ["consent_granted", "consent_confirmed"]),
            ("C", ["address_imported"]),
            ("D", ["address_imported"]),
        ],
    ),
    "Mailchimp, unsubscribed": (
        "mailchimp",
        f"""{MAILCHIMP}UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_REASON,{MAILCHIMP_END}
ann@example.org,Ann,2,2021-03-16 14:40:47,192.0.2.7,,,NL,2023-02-01 10:00:00,March,NORMAL,2023-02-02,1,a,,
bob@example.org,Bob,2,,,,,,,,,2023-02-01 10:00:00,2,b,,
""",
        [("no", ["consent_granted", "consent_withdrawn"]), ("no", ["consent_withdrawn"])],
    ),
    "Mailchimp, cleaned": (
        "mailchimp",
        f"""{MAILCHIMP}CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,{MAILCHIMP_END}
ann@example.org,Ann,2,,,,,,2023-02-01 10:00:00,March,2023-02-01 10:00:00,1,a,,
""",
        [("bounced", ["address_bounced"])],
    ),
    "HubSpot, contacts": (
        "hubspot",
        """Record ID,First Name,Email,Create Date,Unsubscribed from all email,Email hard bounce reason,\
Opted out of email: One to One,Marketing email confirmation status,Legal basis for processing contact's data
1,Ann,ann@example.org,2021-03-16 14:40,,,,,Freely given consent from contact
2,Bob,bob@example.org,2021-03-16 14:40,true,,,,
3,Eve,eve@example.org,2021-03-16 14:40,false,UNKNOWN_USER,,,
4,Dan,dan@example.org,2021-03-16 14:40,,,true,,
5,Zoe,zoe@example.org,2021-03-16 14:40,,,,Confirmed,
""",
        [
            ("D", ["address_imported"]),
            ("no", ["consent_withdrawn"]),
            ("bounced", ["address_imported", "address_bounced"]),
            ("no", ["consent_withdrawn"]),
            ("D", ["address_imported"]),
        ],
    ),
    "HubSpot, unsubscribes and bounces": (
        "hubspot",
        """Email,Portal Bounce,Portal Unsubscribe,Portal Spam Report,Global Bounce,Marketing Information
ann@example.org,,TRUE,,,
bob@example.org,,,TRUE,,
eve@example.org,MAILBOX_FULL,,,,
dan@example.org,,,,,TRUE
""",
        [
            ("no", ["consent_withdrawn"]),
            ("no", ["objection"]),
            ("bounced", ["address_imported", "address_bounced"]),
            ("no", ["consent_withdrawn"]),
        ],
    ),
    "listmonk": (
        "listmonk",
        """uuid,email,name,attributes,status,created_at,updated_at
a,ann@example.org,Ann,"{""city"": ""Delft""}",enabled,2021-03-16 14:40:47.123456 +0000 UTC,2022-01-01 00:00
b,bob@example.org,Bob,{},blocklisted,2021-03-16 14:40:47.1 +0100 CET,2022-01-01 00:00:00 +0000 UTC
c,eve@example.org,Eve,{},disabled,2021-03-16 14:40:47 +0000 +0000,2022-01-01 00:00:00 +0000 UTC
""",
        [("D", ["address_imported"]), ("no", ["consent_withdrawn"]), ("D", ["address_imported"])],
    ),
    "Mautic, contacts": (
        "mautic",
        """id,title,firstname,lastname,email,points,country,last_active
1,,Ann,Bee,ann@example.org,10,Netherlands,2021-03-16 14:40:47
""",
        [("D", ["address_imported"])],
    ),
    "Mautic, its report on do not contact": (
        "mautic",
        """DNC Channel,DNC Comment,DNC Date,DNC Reason,Email
Email,User unsubscribed.,"February 1, 2023 10:00 am",DNC Unsubscribed,ann@example.org
Email,,"February 1, 2023 10:00 pm",DNC Bounced,bob@example.org
Email,by hand,2023-02-01 10:00:00,DNC Manually Unsubscribed,eve@example.org
Email,,,3,zoe@example.org
""",
        [
            ("no", ["consent_withdrawn"]),
            ("bounced", ["address_bounced"]),
            ("no", ["consent_withdrawn"]),
            ("no", ["consent_withdrawn"]),
        ],
    ),
}


@pytest.mark.parametrize(("name", "text", "expected"), SAMPLES.values(), ids=SAMPLES)
def test_a_list_is_known_by_its_columns_and_read_as_its_maker_means_it(
    name: str, text: str, expected: list[tuple[str, list[str]]]
) -> None:
    header, *lines = csv.reader(io.StringIO(text))
    preset = preset_for(header)
    assert preset == shipped_preset(name)
    rows = Rows(map_columns(header, preset, ()), ABOUT, 1_795_564_800_000)
    plans = [rows.read(dict(zip(header, line, strict=True))) for line in lines]
    assert [(plan.verdict, [event["type"] for event in plan.events]) for plan in plans] == expected


def test_every_preset_is_of_one_kind_of_list_only() -> None:
    for name in PRESETS:
        assert shipped_preset(name).name == name
    assert preset_for(["email", "name"]) is None


def test_names_are_understood_in_several_languages_and_shown_as_guesses() -> None:
    mapping = map_columns(["Naam", "E-mailadres", "Aangemeld op", "IP-adres", "Afgemeld"], None, ())
    assert mapping.guessed
    assert mapping.columns == {
        "address": ("E-mailadres",),
        "opted_in_at": ("Aangemeld op",),
        "opted_in_ip": ("IP-adres",),
        "opt_out": ("Afgemeld",),
    }


def test_what_is_told_outweighs_what_is_guessed() -> None:
    told = [("address", "work"), ("opted_in_at", "when")]
    mapping = map_columns(["email", "work", "when", "subscribed_at"], None, told)
    assert mapping.columns == {"address": ("work",), "opted_in_at": ("when",)}


@pytest.mark.parametrize(
    ("header", "told", "word"),
    [
        (["who", "where"], {}, "address"),
        (["email", "e-mail"], {}, "which of the columns"),
        (["email", "created", "created_at"], {}, "added_at"),
        (["email"], {"address": "mail"}, "no column"),
        (["email"], {"adress": "email"}, "a column means one of"),
        (["a", "A"], {"address": "_a"}, "more than one"),
    ],
)
def test_what_would_have_to_be_guessed_is_refused(header: list[str], told: dict[str, str], word: str) -> None:
    with pytest.raises(InputError, match=word):
        map_columns(header, None, told.items())


def test_every_flag_counts_that_says_no() -> None:
    header = ["email", "opt-out", "unsubscribed"]
    rows = Rows(map_columns(header, None, ()), ABOUT, 1_795_564_800_000)
    assert rows.read({"email": "a@example.org", "opt-out": "no", "unsubscribed": "yes"}).verdict == "no"


def test_a_column_that_is_told_to_say_no_takes_no_other_out_of_a_preset() -> None:
    header = ["Email", "Portal Unsubscribe", "Offers", "News"]
    told = [("opt_out", "Offers"), ("opt_out", "News")]
    mapping = map_columns(header, shipped_preset("hubspot"), told)
    assert mapping.columns["opt_out"] == ("Offers", "News", "Portal Unsubscribe")
    with pytest.raises(InputError, match="told twice"):
        map_columns(header, None, [("address", "Email"), ("address", "News")])


def test_a_list_of_people_who_said_no_holds_no_yes() -> None:
    header = ["uuid", "email", "name", "attributes", "status", "created_at", "updated_at"]
    mapping = map_columns(header, preset_for(header), (), "unsubscribed")
    plan = Rows(mapping, ABOUT, 1_795_564_800_000).read({"email": "a@example.org", "status": "enabled"})
    assert plan.verdict == "no"


def test_a_format_that_is_told_goes_before_that_of_a_preset() -> None:
    header = ["Email", "DNC Reason", "DNC Date"]
    told = map_columns(header, shipped_preset("mautic"), (), None, ["%d/%m/%Y"])
    assert told.time_formats == ("%d/%m/%Y",)
    assert map_columns(header, shipped_preset("mautic"), ()).time_formats == ("%B %d, %Y %I:%M %p",)


def test_a_mapping_that_is_shown_can_be_read_again() -> None:
    mapping = map_columns(['Mail \\ "x"', "Opt-out", "Unsubscribed"], None, [("address", 'Mail \\ "x"')])
    again = map_columns(
        [*mapping.columns["address"], "Opt-out", "Unsubscribed"], read_preset(as_toml(mapping).encode()), ()
    )
    assert (again.columns, again.status) == (mapping.columns, mapping.status)


@pytest.mark.parametrize(
    "text", ["[", "name = 1", 'name = "x"', 'name = "x"\n[columns]\nadress = ["a"]', "\xff"]
)
def test_a_mapping_file_that_is_none_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(InputError, match=r"no (TOML|mapping)"):
        read_preset(text.encode("latin-1"))
