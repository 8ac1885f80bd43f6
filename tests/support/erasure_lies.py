"""Logs in which events were erased, well or badly, and what an audit must find: as in `log_lies`."""

from service.core.records import subject_key
from service.core.replay import Erased
from tests.support.log_lies import Found, Write, begun, ended
from tests.support.log_writer import SECRET, LogWriter, small_log


def _erased(*then: str, owner: str = "jane@example.org", also: int | None = None) -> Write:
    """Jane's first event erased, with its owner kept, and then further events."""

    def write() -> LogWriter:
        log = begun()
        listed = (2,) if also is None else (2, also)
        log.erase(*listed, owner_known=True)
        log.lines[2].opened = Erased(subject_key(SECRET, "email", owner))
        for person in then:
            log.event(person)
        return ended(log)

    return write


def _emptied(*indices: int, declared: tuple[int, ...] = ()) -> Write:
    """The small log, some of whose events are empty and some declared so."""

    def write() -> LogWriter:
        log = small_log()
        if declared:
            held = {index: log.lines[index].opened for index in declared}
            log.erase(*declared)
            for index, opened in held.items():
                log.lines[index].opened = opened
            log.epoch()
        for index in indices:
            log.lines[index].opened = Erased(log.owners[index])
        return log

    return write


ERASURES: dict[str, tuple[Write, Found]] = {
    "an erasure whose person is kept": (_erased(), []),
    "a person who comes back after an erasure": (_erased("jane@example.org"), []),
    "two persons in one notice": (_erased("left@example.org", also=3), []),
    "an erasure ascribed to another": (
        _erased(owner="left@example.org"),
        [("chain_broken", 3), ("map_differs", 4), ("erasure_incomplete", 5)],
    ),
    "an erasure ascribed to nobody": (_erased(owner="nobody@example.org"), [("map_differs", 4)]),
    "an erasure that nothing declares": (_emptied(5), [("record_missing", 5)]),
    "an erasure that keeps a later event": (_emptied(2, declared=(2,)), [("erasure_incomplete", 8)]),
    "an erasure that keeps an earlier event": (_emptied(5, declared=(5,)), [("erasure_incomplete", 8)]),
    "an erasure of a whole history": (_emptied(2, 5, declared=(2, 5)), []),
    "an erasure that was undone": (_emptied(declared=(2, 5)), [("erasure_undone", 8)]),
    "an erasure that was undone in part": (
        _emptied(2, declared=(2, 5)),
        [("erasure_undone", 8), ("erasure_incomplete", 8)],
    ),
    "an erasure of an epoch": (
        _emptied(2, 5, declared=(2, 4, 5)),
        [("erasure_undone", 8)],
    ),
}
