"""What the service says, typed. Fields that a newer service adds are passed over."""

from email.message import EmailMessage
from typing import Any, Literal

import msgspec

from service.client.errors import Problem


class Receipt(msgspec.Struct, frozen=True):
    """Where a recorded event stands. Everything up to `position` is covered by `checkpoint` (a signed note).

    `replayed`: it had been recorded before, and this is the receipt of that time.
    """

    index: int
    recorded_at: str
    leaf_hash: str
    position: int
    checkpoint: str
    replayed: bool = False


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. Send where `allowed` is true, and nowhere else."""

    decision: Literal["allow", "deny"]
    reason_code: str
    basis: str = "none"
    needs_human: bool = False
    rule: dict[str, Any] | None = None
    events: tuple[int, ...] = ()
    missing_facts: tuple[str, ...] = ()
    further_codes: tuple[str, ...] = ()
    jurisdiction: str | None = None
    evaluated_at: str = ""
    expires_at: str | None = None
    position: int = 0
    unsubscribe: dict[str, str] = {}

    @property
    def allowed(self) -> bool:
        """Whether the message may be sent."""
        return self.decision == "allow"

    @property
    def unsubscribe_url(self) -> str | None:
        """The link for the text of the message, where the answer carries one."""
        link = self.unsubscribe.get("List-Unsubscribe")
        return link.strip("<>") if link else None

    def put_into(self, message: EmailMessage) -> None:
        """Set the header fields of the way out. The message's policy must not wrap lines of under 998.

        Raises `ValueError` for a deny, which no message is for.
        """
        if not self.allowed:
            raise ValueError("there is no message for a deny")
        for name, value in self.unsubscribe.items():
            del message[name]
            message[name] = value


class Answer(Answered, frozen=True, kw_only=True):
    """The answer to one question. `token` is the ledger's signature over it, to keep beside the message."""

    token: str | None = None
    explanation: dict[str, Any] | None = None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a campaign: the check as it was handed in, and what was answered.

    `answer` is None where the line was refused; `problem` then says why.
    """

    line: int
    check: dict[str, Any]
    answer: Answered | None = None
    problem: Problem | None = None

    @property
    def allowed(self) -> bool:
        """Whether the message may be sent."""
        return self.answer is not None and self.answer.allowed


class Outcome(msgspec.Struct, frozen=True):
    """What became of one event of many: a receipt, or the problem for which it was refused."""

    event: dict[str, Any]
    receipt: Receipt | None = None
    problem: Problem | None = None


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a campaign. `root` commits to all answers; `token` is the signature over it."""

    campaign: str
    count: int
    allowed: int
    denied: int
    refused: int
    complete: bool
    root: str = ""
    receipt: Receipt | None = None
    token: str | None = None


class Page(msgspec.Struct, frozen=True):
    """Events (CloudEvents) above a position. `next` is where to go on; `caught_up`: there were no more."""

    items: tuple[dict[str, Any], ...]
    next: int
    caught_up: bool


class Link(msgspec.Struct, frozen=True):
    """A way out: the link for the text, and the header fields."""

    url: str
    headers: dict[str, str]


class Published(msgspec.Struct, frozen=True):
    """What was published, and the receipt of the event that announces it."""

    id: str
    receipt: Receipt
