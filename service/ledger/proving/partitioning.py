"""What an auditor is given who may see no records: every entry, and whose each event is."""

import base64
from collections.abc import AsyncIterator

from service.core.partition import FORMAT, Beginning, Line, write_line
from service.ledger.ports import Store

PAGE = 1_000


async def partition_lines(store: Store, origin: str) -> AsyncIterator[bytes]:
    """The lines of one state of the whole log, first to last, in constant memory."""
    async with store.snapshot() as snapshot:
        head = await snapshot.head()
        yield write_line(Beginning(FORMAT, origin, head.size))
        for start in range(0, head.size, PAGE):
            stop = min(start + PAGE, head.size)
            rows = await snapshot.entries(start, stop)
            subjects = {row.index: row.subject_key for row in await snapshot.records(start, stop)}
            notes = dict(await snapshot.checkpoints(start + 1, stop - start))
            for row in rows:
                subject, note = subjects.get(row.index), notes.get(row.index + 1)
                yield write_line(
                    Line(
                        entry=base64.b64encode(row.entry).decode(),
                        subject=subject.hex() if subject is not None else None,
                        checkpoint=note.decode() if note is not None else None,
                    )
                )
