"""Every error this product raises on purpose, drawn from the caller's point of view.

```
LedgerError
├── InputError              what the caller sent cannot be accepted (names the field)
│   ├── AddressError        an address that would have to be guessed
│   ├── EventError          an event outside the vocabulary or without what its type needs
│   ├── QuestionError       a question that cannot be decided as asked
│   ├── FormError           a form that does not say what was shown
│   └── RulebookError       a rulebook that contradicts itself, the senders or a statute
├── ConflictError           the same source_event_id came with another body
├── StateConflictError      not possible in the state that it is in
│   └── NotAssuredError     to be erased before anybody but the operator could have seen it
├── NotFoundError           no such form, rulebook, sender, entry or checkpoint
├── GoneError               it was there, and is not handed out any more
├── UnavailableError        try again later: nothing was written, or the outcome is said to be unknown
├── ForkError               the database does not extend what was signed: stop, never sign
└── ProofError              a proof, note, checkpoint or bundle does not verify
    ├── FormatError         not the format it claims to be
    ├── ProofShapeError     too long, too short, or outside the tree
    ├── RootMismatchError   hashes to another root
    └── SignatureError      not signed by the key that was expected
```
"""


class LedgerError(Exception):
    """Something the ledger refuses or cannot do."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class InputError(LedgerError):
    """What was sent cannot be accepted.

    `pointer` is the RFC 6901 JSON pointer of the field and `code` a stable word for programs. The message is
    for people and never repeats the value: it may be an address.
    """

    def __init__(self, message: str, *, pointer: str = "", code: str = "invalid") -> None:
        super().__init__(message)
        self.pointer = pointer
        self.code = code


class AddressError(InputError):
    """The address cannot be brought into one canonical form without guessing."""


class EventError(InputError):
    """The event is outside the vocabulary or lacks what its type needs."""


class QuestionError(InputError):
    """The question cannot be decided as asked."""


class FormError(InputError):
    """The form does not say what was shown."""


class RulebookError(InputError):
    """The rulebook contradicts itself, the registered senders or a statute."""


class ConflictError(LedgerError):
    """The same source_event_id was already used for another event."""


class StateConflictError(LedgerError):
    """Not possible in the state that it is in."""


class NotAssuredError(StateConflictError):
    """The log is not vouched for (audited, witnessed, timestamped) up to what is to be erased."""

    def __init__(self, assured_size: int, needed_size: int) -> None:
        super().__init__(
            f"the log is vouched for up to size {assured_size}, and what is to be erased reaches up to size"
            f" {needed_size}: let the operator run `consent-ledger audit`, then erase. Until then an event"
            " `erasure_requested` blocks the address at once."
        )
        self.assured_size = assured_size
        self.needed_size = needed_size


class NotFoundError(LedgerError):
    """There is no such thing in this ledger."""


class GoneError(LedgerError):
    """It was there, and is not handed out any more."""


class UnavailableError(LedgerError):
    """The ledger cannot do this at the moment; try again."""


class ForkError(LedgerError):
    """The database does not extend what was signed. Nothing may be signed until a person has looked."""


class ProofError(LedgerError):
    """A proof does not verify."""


class FormatError(ProofError):
    """These bytes are not the format they claim to be."""


class ProofShapeError(ProofError):
    """The proof is too long, too short, or speaks of something outside the tree."""


class RootMismatchError(ProofError):
    """The proof leads to another root."""


class SignatureError(ProofError):
    """The signature is missing or was not made by the expected key."""
