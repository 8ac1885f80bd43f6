"""The secrets of one ledger, and what is done with them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from service.core.errors import UnavailableError
from service.core.notes import Signer
from service.core.succession import KeyHistory
from service.core.unsubscribe import LINK_SECRET_SIZE
from service.ledger.ports import Randomness, SecretRow
from service.ledger.wrapping import WrappingRing

_NONCE_SIZE = 12
_KEY_SIZE = 32
_LINK_INFO = b"clv1/unsubscribe-secret"


@dataclass
class LedgerKeys:
    """What a ledger signs with, names its subjects with and wraps their data keys with.

    `signer` is replaced by a rotation: ask for it when it is used, and never copy it to where it can be
    stolen. `previous` are keys it replaced that still sign checkpoints beside it, for readers who do not know
    the new one yet. `held` says which signing keys are at hand when the log is found signed by another.
    `subject_key_secret` (K_sub) is for ever and must be escrowed: without it no subject can be found again;
    `wrapping` seals and opens. `link_secrets`: what unsubscribe links were or are made with besides the
    secrets that follow from the keys of `wrapping`; the first of all makes new links, and none may ever be
    dropped, because links have no expiry.
    """

    origin: str
    signer: Signer
    subject_key_secret: bytes = field(repr=False)
    wrapping: WrappingRing = field(repr=False)
    link_secrets: tuple[bytes, ...] = field(default=(), repr=False)
    previous: tuple[Signer, ...] = field(default=(), repr=False)
    held: Callable[[], Sequence[Signer]] = field(default=tuple, repr=False, compare=False)
    _history: KeyHistory | None = None

    @property
    def history(self) -> KeyHistory:
        """Every key the log has signed with, as far as it was read."""
        return self._history or KeyHistory(self.signer.verifier)

    @property
    def signers(self) -> tuple[Signer, ...]:
        """Whoever signs a checkpoint now, the log's key first."""
        return (self.signer, *self.previous)

    def take_up(self, history: KeyHistory, signers: Sequence[Signer] = ()) -> None:
        """Sign with the newest key of this history from now on.

        Raises `UnavailableError` where it is not at hand.
        """
        known = {signer.verifier: signer for signer in (self.signer, *signers, *self.held())}
        if history.current not in known:
            raise UnavailableError(
                f"the log is signed by the key {history.current.key_id.hex()} now, which is not among this"
                " ledger's keys: put it there (docs/operations.md, Keys)"
            )
        at_hand = {signer.verifier for signer in (*signers, *self.held())}
        self.signer, self._history = known[history.current], history
        self.previous = tuple(known[key] for key in history.keys[:-1] if key in at_hand)[-1:]

    def all_link_secrets(self) -> tuple[bytes, ...]:
        """Every secret that opens an unsubscribe link, the one that makes new links first."""
        return tuple(dict.fromkeys((*self.link_secrets, *map(link_secret, self.wrapping.keys))))


def link_secret(wrapping_key: bytes) -> bytes:
    """The secret of unsubscribe links that follows from a wrapping key."""
    return HKDFExpand(SHA256(), LINK_SECRET_SIZE, _LINK_INFO).derive(wrapping_key)


def external_id_context(source_tag: bytes) -> bytes:
    """What a source's own id for a subject is sealed for; each subject has a key of its own."""
    return b"clv1/external-id/" + source_tag


class Sealer:
    """AES-256-GCM under a data key per subject, each wrapped by the ledger's key.

    Destroying a subject's wrapped key makes everything sealed for it unreadable, in every copy.
    """

    def __init__(self, wrapping: WrappingRing, random: Randomness) -> None:
        self._wrapping = wrapping.cipher(random)
        self._random = random

    def new_subject(self, subject_key: bytes, address: bytes) -> tuple[AESGCM, SecretRow]:
        """A fresh data key for a subject, and the row that keeps it wrapped beside the sealed address."""
        data_key = self._random(_KEY_SIZE)
        cipher = AESGCM(data_key)
        row = SecretRow(
            wrapped_key=self._wrapping.seal(data_key, subject_key),
            sealed_address=self.seal(cipher, address, subject_key),
        )
        return cipher, row

    def open_subject(self, subject_key: bytes, wrapped_key: bytes) -> AESGCM:
        """The cipher of a subject. Raises `cryptography.exceptions.InvalidTag` under no key of the ring."""
        return AESGCM(self._wrapping.open(wrapped_key, subject_key))

    def rewrapped(self, subject_key: bytes, wrapped_key: bytes) -> bytes:
        """The same data key as this process wraps it. Raises `cryptography.exceptions.InvalidTag`."""
        return self._wrapping.renewed(wrapped_key, subject_key) or wrapped_key

    def seal(self, cipher: AESGCM, plain: bytes, context: bytes) -> bytes:
        """Seal bytes so that they open only in this context (an index or a subject key)."""
        nonce = self._random(_NONCE_SIZE)
        return nonce + cipher.encrypt(nonce, plain, context)

    @staticmethod
    def open(cipher: AESGCM, sealed: bytes, context: bytes) -> bytes:
        """Open what `seal` made. Raises `cryptography.exceptions.InvalidTag` on anything else."""
        return cipher.decrypt(sealed[:_NONCE_SIZE], sealed[_NONCE_SIZE:], context)
