"""Whether a locked head may be built upon: the one this process left, or one signed after it."""

from service.core.checkpoint import Checkpoint
from service.core.errors import ForkError, ProofError
from service.core.merkle import Frontier
from service.ledger.key_following import follow, open_signed
from service.ledger.keys import LedgerKeys
from service.ledger.ports import Head, Transaction


async def check_extends(transaction: Transaction, head: Head, own: Head | None, keys: LedgerKeys) -> bool:
    """Whether another process wrote since `own`, the head this one left behind; its keys are followed then.

    Raises `ForkError` for anything but what was signed.
    """
    if head == own:
        return False
    if own is not None and head.size < own.size:
        raise ForkError(f"the log has {head.size} entries, and a checkpoint over {own.size} was signed")
    if own is not None and head.size == own.size:
        raise ForkError(f"the log at size {head.size} is not the one that was signed")
    await follow(keys, transaction, head)
    try:
        signed = open_signed(head.checkpoint, keys)
        roots = {signed.root, Frontier.from_bytes(head.frontier).root()}
    except ProofError as error:
        raise ForkError(f"the head of {head.size} entries was altered: {error}") from error
    if signed != Checkpoint(keys.origin, head.size, head.root) or roots != {head.root}:
        raise ForkError(f"the head of {head.size} entries is not the one that was signed")
    return True
