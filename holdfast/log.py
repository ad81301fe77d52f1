"""One line per finished thing: an event name, ids, how long it took, how it ended.

Never bodies, subjects, passwords or tokens. JSON lines on standard error unless a terminal reads them.
"""

from __future__ import annotations

import logging
import sys

import structlog

Logger = structlog.typing.FilteringBoundLogger


def set_up(*, level: str = "info", as_json: bool | None = None) -> None:
    """Send every log line to standard error; called once by each process."""
    render_json = not sys.stderr.isatty() if as_json is None else as_json
    renderer: structlog.typing.Processor
    renderer = structlog.processors.JSONRenderer() if render_json else structlog.dev.ConsoleRenderer(pad_event_to=24)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )


def get(place: str) -> Logger:
    """The log of one place in the tree, such as "doors.smtp"."""
    logger: Logger = structlog.get_logger(place=place)
    return logger
