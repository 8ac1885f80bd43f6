"""A list as nobody wants one: every kind of row and of damage, and what each must come to."""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

HEADER = "E-mail;Naam;Status;Opt-in time;Opt-in IP;Confirmed at;Unsubscribed at;Notities\r\n"
_NAMES = ("Zoë", "José", "Siân", "Łukasz", "O'Brien; Pat", 'Ann "A" Bee', "=cmd|' /C calc'!A0", "+31 6", "")
_TIME = "2021-{month:02}-{day:02} 10:15:00"


def write_messy_list(path: Path, rows: int, seed: int = 1) -> Counter[str]:
    """Write one of so many rows, in UTF-8 with rows that are not. Returns what each verdict should count.

    Each seed has other people.
    """
    expected: Counter[str] = Counter()
    with path.open("wb") as file:
        file.write(HEADER.encode())
        for verdict, raw in _rows(rows, seed, random.Random(seed)):  # noqa: S311 - to be the same again
            expected[verdict] += 1
            file.write(raw)
    return expected


def _rows(rows: int, seed: int, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    for number in range(rows):
        # Every tenth person stands there twice.
        person = number - number % 10 if number % 10 == 9 else number
        address = f"person-{person}@{'LIST' if number % 3 else 'list'}{seed}.example.org"
        name = _quoted(chance.choice(_NAMES))
        time = _TIME.format(month=1 + number % 12, day=1 + number % 28)
        kind = chance.choices(tuple(_KINDS), tuple(weight for weight, _ in _KINDS.values()))[0]
        _, form = _KINDS[kind]
        text = form.format(address=address, name=name, time=time, ip=f"192.0.2.{number % 250}")
        yield kind.partition(":")[0], text.encode("utf-8", "surrogateescape") + b"\r\n"


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


_BAD_BYTE = "\udce9"  # an e with an accent in Latin-1, in a file that is UTF-8
_KINDS = {
    "B": (30, "{address};{name};subscribed;{time};{ip};;;"),
    "B:confirmed": (10, '{address};{name};subscribed;{time};{ip};"2022-01-01 09:00:00";;"two\r\nlines"'),
    "C": (15, " {address} ;{name};subscribed;{time};;;;"),
    "D": (15, "{address};{name};subscribed;;;;;"),
    "D:bare": (4, "{address};{name};;;;;;"),
    "no": (8, "{address};{name};unsubscribed;;;;{time};"),
    "no:undated": (4, "{address};{name};Unsubscribed;;;;;"),
    "bounced": (4, "{address};{name};cleaned;;;;;"),
    "refused:no at": (2, "person.example.org;{name};subscribed;;;;;"),
    "refused:empty": (1, ";{name};subscribed;;;;;"),
    "refused:formula": (2, '"=HYPERLINK(""http://evil.example"";""{address}"")";{name};subscribed;;;;;'),
    "refused:short": (1, "{address};{name}"),
    "refused:long": (1, "{address};{name};subscribed;;;;;;more;and;more"),
    "refused:bytes": (1, "{address};Jos" + _BAD_BYTE + ";subscribed;;;;;"),
    "refused:status": (1, "{address};{name};perhaps;;;;;"),
    "refused:time": (1, "{address};{name};subscribed;31/12/2021;{ip};;;"),
}
