"""What is known of a message besides its body, for the steps whose expressions may look at it as ``message``."""

from __future__ import annotations

from typing import Any

from waypost.core.clock import moment_text
from waypost.core.message import Message, id_text
from waypost.mapping.expression import Compiled, compile_expression

NAMES = ("message",)


def compile_with_metadata(text: str) -> Compiled:
    """An expression in which ``message`` is what ``metadata`` tells; a field of that name is ``this.message``."""
    return compile_expression(text, names=NAMES)


def value_of(compiled: Compiled, message: Message) -> Any:
    """Its value for a message. Raises ``ExpressionError``."""
    return compiled.evaluate(message.body, now=message.received_at, message=metadata(message))


def metadata(message: Message) -> dict[str, Any]:
    """Ids as texts, the time of receipt in ISO 8601, content type, ordering key and headers."""
    return {
        "id": id_text(message.id),
        "correlation_id": id_text(message.correlation_id or message.id),
        "causation_id": id_text(message.causation_id) if message.causation_id else None,
        "received_at": moment_text(message.received_at),
        "content_type": message.content_type,
        "ordering_key": message.ordering_key,
        "headers": dict(message.headers),
    }
