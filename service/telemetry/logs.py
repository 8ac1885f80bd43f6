"""Logs: one JSON line an event, on standard error, without personal data.

What is logged is chosen field by field: request ids, routes, status codes, counts, durations. Addresses,
tokens, bodies, query strings and paths with parameters are never passed to a logger.
"""

import logging
import sys
from contextlib import suppress
from typing import TextIO, cast

import msgspec
import structlog

_RENDER = msgspec.json.Encoder(enc_hook=str)


class _StandardError:
    """Standard error as it is when something is written, not as it was when a logger was first used.

    What cannot be written there (a full disk, a reader that is gone) is dropped: no answer depends on a log.
    """

    def write(self, text: str) -> None:
        with suppress(OSError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            sys.stderr.flush()


def _to_json(_logger: object, _name: str, event: structlog.typing.EventDict) -> str:
    return _RENDER.encode(event).decode()


def configure_logging(*, verbose: bool = False) -> None:
    """Send this service's and its libraries' logs to standard error as JSON lines."""
    level = logging.DEBUG if verbose else logging.INFO
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_messages_of_exceptions,
    ]
    stream = cast("TextIO", _StandardError())  # of which only these two methods are used
    structlog.configure(
        processors=[*shared, _to_json],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[_drop_meta, _to_json])
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def _drop_meta(_logger: object, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    event.pop("_record", None)
    event.pop("_from_structlog", None)
    return event


def _without_messages_of_exceptions(
    _logger: object, _name: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Keep an exception's type and where it was raised. Its message may quote what a caller sent."""
    info = event.pop("exc_info", None)
    error = info if isinstance(info, BaseException) else None
    if isinstance(info, tuple):
        error = info[1]
    if error is not None:
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        event["error"] = type(error).__name__
        if trace is not None:
            event["at"] = f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}"
    return event
