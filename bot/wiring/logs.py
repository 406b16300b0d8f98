"""Logging: structlog, console on a terminal, JSON lines elsewhere, always to stderr; secrets are redacted last."""

import logging
import os
import sys
from collections.abc import Mapping

import structlog
from structlog.typing import Processor

from bot.domain.redaction import redact_tree


def configure(process: str) -> None:
    """Set up logging for one process; call once, before anything logs."""
    terminal = sys.stderr.isatty() and not os.environ.get("CI")
    renderer: Processor = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _redacted,
    ]
    structlog.configure(
        processors=[*shared, renderer],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
    _route_standard_logging(shared, renderer)


def _route_standard_logging(shared: list[Processor], renderer: Processor) -> None:
    """Libraries that use the standard library's logging come out in the same form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    # What this library logs as an error comes back as an exception, which is told once, by whoever reads it.
    logging.getLogger("slack_sdk").setLevel(logging.CRITICAL)


def _redacted(
    _logger: object, _method: str, event: "structlog.typing.EventDict"
) -> "structlog.typing.EventDict":
    """Every value, however deep, and what another object would print; internal keys belong to structlog."""
    return {
        key: value if key.startswith("_") else redact_tree(_plain(value), name=key)
        for key, value in event.items()
    }


def _plain(value: object) -> object:
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(part) for part in value]
    return repr(value)
