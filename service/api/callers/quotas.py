"""What each credential has used: requests of this minute, and different addresses of this day.

Windows are fixed (a minute, a UTC day). Every process counts by itself and exchanges counts with the others
through the database (`service.wiring.housekeeping`) every `EXCHANGE_SECONDS`, so that a quota is counted once
however many workers there are. The error: between two exchanges a process does not know what the others
admit, so a credential may get more than its quota by what it sends to the other processes within two
exchanges; the number of addresses is an estimate with a standard error of 1.6 %. While the database is away
each process counts alone, which never refuses more. One credential takes 4 KiB and some.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from service.api.callers.principal import Principal, Quota
from service.api.problems import ApiError
from service.core.sketch import Sketch
from service.ledger.ports import Clock

EXCHANGE_SECONDS = 0.5
MINUTE_MS = 60_000
DAY_MS = 86_400_000
METERS_MAX = 20_000
"""Credentials that one process counts at a time; beyond it, those not seen in this minute are forgotten."""


class QuotaExceededError(ApiError):
    """The credential has used what it may use for now."""

    def __init__(self, policy: str, seconds: int, headers: Mapping[str, str]) -> None:
        super().__init__(
            429,
            "quota-exceeded",
            "The quota of this credential is used up",
            f"{policy}: come back in {seconds} s",
            headers={**headers, "retry-after": str(seconds)},
        )
        self.violated_policies = [policy]


def _nobody_counts(_policy: str) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Use:
    """What one credential used: as it is exchanged between processes."""

    ledger_id: int
    credential: str
    window: int
    requests: int
    day: int
    addresses: bytes | None


class Meter:
    """One credential's use, as far as this process knows."""

    __slots__ = (
        *("_addresses", "_counted", "_day", "_policy", "_quota"),
        *("_sent", "_sketch", "_total", "_touched", "_window"),
    )

    def __init__(self, quota: Quota) -> None:
        self._window = 0
        self._counted = self._sent = 0
        """Requests of this window here, and how many of them were told to the others."""
        self._total = 0
        """Requests of this window in all processes, our untold ones not among them."""
        self._day = self._addresses = 0
        self._sketch = Sketch()
        self._touched = False
        self._take(quota)

    def _take(self, quota: Quota) -> None:
        self._quota = quota
        self._policy = (
            f'"requests";q={quota.requests_per_minute};w=60,'
            f' "addresses";q={quota.addresses_per_day};qu="addresses";w=86400'
        ).encode()

    @property
    def used(self) -> int:
        """Requests of this window, of all processes as far as known."""
        return self._total + self._counted - self._sent

    def request(self, quota: Quota, now_ms: int) -> bool:
        """Count one request; False when that is one too many."""
        if quota is not self._quota and quota != self._quota:
            self._take(quota)
        window = now_ms // MINUTE_MS
        if window != self._window:
            self._begin(window, now_ms // DAY_MS)
        self._counted += 1
        self._touched = True
        return self.used <= self._quota.requests_per_minute

    def _begin(self, window: int, day: int) -> None:
        self._window = window
        self._counted = self._sent = self._total = 0
        if day != self._day:
            self._day, self._sketch, self._addresses = day, Sketch(), 0

    def addresses(self, keys: Iterable[bytes]) -> bool:
        """Count addresses by their subject keys; False when they are more than one day's."""
        add = self._sketch.add
        changed = False
        for key in keys:
            changed |= add(key)
        if changed:
            self._addresses = self._sketch.estimate()
        return self._addresses <= self._quota.addresses_per_day

    def headers(self, now_ms: int) -> list[tuple[bytes, bytes]]:
        """`RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10), as ASGI has them."""
        requests = max(0, self._quota.requests_per_minute - self.used)
        addresses = max(0, self._quota.addresses_per_day - self._addresses)
        minute, day = seconds_left(now_ms, MINUTE_MS), seconds_left(now_ms, DAY_MS)
        left = b'"requests";r=%d;t=%d, "addresses";r=%d;t=%d' % (requests, minute, addresses, day)
        return [(b"ratelimit-policy", self._policy), (b"ratelimit", left)]

    def unsent(self, ledger_id: int, credential: str) -> Use | None:
        """What the others do not know yet; None: nothing."""
        if not self._touched:
            return None
        untold = self._counted - self._sent
        self._sent, self._total = self._counted, self._total + untold
        self._touched = False
        return Use(ledger_id, credential, self._window, untold, self._day, bytes(self._sketch))

    def absorb(self, use: Use) -> None:
        """Take over what all processes together have used."""
        if use.window == self._window:
            self._total = max(self._total, use.requests)
        same_day = use.day == self._day and use.addresses is not None
        if same_day and self._sketch.merge(use.addresses or b""):
            self._addresses = self._sketch.estimate()

    def is_idle(self, window: int) -> bool:
        """Not used in this window, and nothing to tell."""
        return self._window != window and not self._touched


class Quotas:
    """The meters of every credential that this process serves."""

    def __init__(self, clock: Clock, on_exceeded: Callable[[str], None] = _nobody_counts) -> None:
        """`on_exceeded` is told the policy each time that somebody wants more than it allows."""
        self._clock = clock
        self._on_exceeded = on_exceeded
        self._meters: dict[tuple[int, str], Meter] = {}

    def meter(self, principal: Principal) -> Meter:
        """The caller's meter."""
        name = (principal.ledger_id, principal.key_id)
        meter = self._meters.get(name)
        if meter is None:
            if len(self._meters) >= METERS_MAX:
                self._forget()
            meter = self._meters[name] = Meter(principal.quota)
        return meter

    def allow_request(self, principal: Principal) -> "Allowance":
        """Count a request; whether it was within the quota says the allowance."""
        now_ms = self._clock()
        meter = self.meter(principal)
        within = meter.request(principal.quota, now_ms)
        return Allowance(meter, now_ms, self._on_exceeded, within=within)

    def unsent(self) -> list[Use]:
        """What the other processes do not know yet."""
        uses = (meter.unsent(*name) for name, meter in self._meters.items())
        return [use for use in uses if use is not None]

    def absorb(self, uses: Iterable[Use]) -> None:
        """Take over what all processes together have used."""
        for use in uses:
            meter = self._meters.get((use.ledger_id, use.credential))
            if meter is not None:
                meter.absorb(use)

    def _forget(self) -> None:
        window = self._clock() // MINUTE_MS
        self._meters = {name: meter for name, meter in self._meters.items() if not meter.is_idle(window)}


class Allowance:
    """What one request may still use."""

    __slots__ = ("_meter", "_now_ms", "_on_exceeded", "_within")

    def __init__(
        self, meter: Meter, now_ms: int, on_exceeded: Callable[[str], None], *, within: bool
    ) -> None:
        self._meter = meter
        self._now_ms = now_ms
        self._on_exceeded = on_exceeded
        self._within = within

    def require(self) -> None:
        """Refuse the request when it is one too many. Raises `QuotaExceededError`."""
        if not self._within:
            raise self._exceeded("requests", MINUTE_MS)

    def spend(self, subject_keys: Iterable[bytes]) -> None:
        """Count addresses that the caller asks about, by their subject keys. Raises `QuotaExceededError`.

        They count whether or not they are refused, and an address counts once a day.
        """
        if not self._meter.addresses(subject_keys):
            raise self._exceeded("addresses", DAY_MS)

    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        """What is left, for the answer, as ASGI has headers."""
        return self._meter.headers(self._now_ms)

    def headers(self) -> dict[str, str]:
        """The same as text."""
        return {name.decode(): value.decode() for name, value in self.raw_headers()}

    def _exceeded(self, policy: str, window_ms: int) -> QuotaExceededError:
        self._on_exceeded(policy)
        return QuotaExceededError(policy, seconds_left(self._now_ms, window_ms), self.headers())


def seconds_left(now_ms: int, window_ms: int) -> int:
    """Whole seconds until the window ends, at least one."""
    return max(1, -(-(window_ms - now_ms % window_ms) // 1000))
