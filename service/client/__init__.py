"""The consent ledger for other programs: ask before every message, record what happened, hear of every no.

```python
from service.client import Ledger

with Ledger("https://ledger.example", "clk_…") as ledger:
    answer = ledger.check(question)
    if answer.allowed:
        answer.put_into(message)
```

It fails closed: whatever is no verified allow raises `NoAnswerError`, or is a deny. Of this project it
imports `service.core` alone; beside it aiohttp, cryptography and msgspec. docs/client.md is its guide.
"""

from service.client.answers import (
    Answer,
    Answered,
    Line,
    Link,
    Outcome,
    Page,
    Published,
    Receipt,
    Summary,
)
from service.client.asynchronous import AsyncLedger
from service.client.errors import (
    AccessError,
    AwayError,
    NoAnswerError,
    Problem,
    ProblemError,
    QuotaError,
    ReusedIdError,
    UntrustedError,
)
from service.client.retrying import Retries
from service.client.streams import Campaign
from service.client.synchronous import Ledger, SyncCampaign
from service.client.trust import open_answer, read_keys

__all__ = [
    "AccessError",
    "Answer",
    "Answered",
    "AsyncLedger",
    "AwayError",
    "Campaign",
    "Ledger",
    "Line",
    "Link",
    "NoAnswerError",
    "Outcome",
    "Page",
    "Problem",
    "ProblemError",
    "Published",
    "QuotaError",
    "Receipt",
    "Retries",
    "ReusedIdError",
    "Summary",
    "SyncCampaign",
    "UntrustedError",
    "open_answer",
    "read_keys",
]
