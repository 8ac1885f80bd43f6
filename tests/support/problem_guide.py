"""`docs/problems.md`, made from the table of problem types: `python -m tests.support.problem_guide`."""

from pathlib import Path
from typing import Final

from service.api.problem_types import PROBLEM_TYPES

PATH: Final = Path(__file__).resolve().parents[2] / "docs" / "problems.md"
_HEAD: Final = """# Problems

Every 4xx and 5xx is a problem (RFC 9457, `application/problem+json`) with `type`, `title`, `status`, `detail`
and `request_id`; `errors` names each field by its JSON pointer (RFC 6901), a stable code and a sentence.
Nothing in it repeats what was sent: it may be an address. `type` is `urn:consent-ledger:problem:` and the
name below, `quota-exceeded` excepted, which has the type that the RateLimit draft registers. The service
shows this at `/problems/<name>`.

Anything but an answer with `"decision": "allow"` means: do not send.

428 and 412 are not used: what is published is appended and overwrites nothing, so there is no update to lose,
and nothing to ask for with `If-Match`. `Accept` is only refused (406) where nothing is written.
"""


def guide() -> str:
    """The whole file."""
    parts = [_HEAD]
    for kind in PROBLEM_TYPES.values():
        statuses = ", ".join(map(str, kind.statuses))
        parts.append(
            f"## {kind.slug}\n\n{statuses}: {kind.title}.\n\n{kind.meaning}\n\nWhat to do: {kind.remedy}\n"
        )
    return "\n".join(parts)


if __name__ == "__main__":
    PATH.write_text(guide(), encoding="utf-8")
