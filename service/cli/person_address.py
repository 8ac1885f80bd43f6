"""The address that a command about a person is given.

On the line; or on standard input, where no list of processes and no history of a shell shows it.
"""

import sys

FROM_STANDARD_INPUT = "-"


def read_address(given: str) -> dict[str, str]:
    """An address as the interface takes it: a phone number begins with +."""
    value = sys.stdin.readline().strip() if given == FROM_STANDARD_INPUT else given
    return {"kind": "phone" if value.startswith("+") else "email", "value": value}
