"""Two pictures, asked about in both orders: many judges prefer whichever they are shown first.

Makes no requests itself: it is given how one order is put, and makes one output of two.
"""

import math
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Literal, TypeAlias

from inspect_ai.model import ChatMessage, ContentImage, ModelOutput

from blpo_inspect._util.inspect_internals import collect
from blpo_inspect.judging.labels import TIE, LabelScale
from blpo_inspect.judging.likelihood import LABEL_LOGPROBS, label_probabilities
from blpo_inspect.judging.outputs import ORDERS, verdict_of

Order = Literal["both", "given"]
"""Whether a pair of pictures is asked about in both orders, or once."""

Torn = Literal["tie", "unread"]
"""What a verdict that follows the order of the pictures is."""

Asked: TypeAlias = tuple[list[ChatMessage], ModelOutput]
"""The conversation with a judge and its output."""


async def put_both_orders(
    put: Callable[[Sequence[ContentImage]], Awaitable[Asked]],
    images: Sequence[ContentImage],
    scale: LabelScale,
    torn: Torn = "unread",
) -> Asked:
    """Ask about two pictures as they are and swapped; both conversations, and one output.

    Args:
        put: Asks about pictures in an order.
        images: Two.
        scale: Of a pair.
        torn: What it is if the verdict follows the order.

    Raises:
        ValueError: Not two pictures.
    """
    if len(images) != 2:
        raise ValueError(f"a judge of pairs looks at two pictures in one question, not {len(images)}")
    (asked, given), (again, swapped) = await collect([partial(put, images), partial(put, images[::-1])])
    return [*asked, *again], both_orders(given, swapped, scale, torn)


def both_orders(given: ModelOutput, swapped: ModelOutput, scale: LabelScale, torn: Torn = "unread") -> ModelOutput:
    """The first output with notes of both verdicts and of the mean probabilities; the given ones stay as they are.

    Args:
        given: About the pictures in their order.
        swapped: About the same pictures in the other order.
        scale: Of a pair.
        torn: What it is if the two differ.
    """
    verdicts = verdict_of(given, scale), verdict_of(swapped, scale)
    first, second = verdicts[0].label, verdicts[1].label and scale.swapped(verdicts[1].label)
    reasons = [verdict.reason for verdict in verdicts if verdict.reason is not None]
    label = first if first == second else TIE if torn == "tie" and not reasons else None
    again = {"metadata": swapped.metadata, "usage": swapped.usage.model_dump() if swapped.usage else None}
    notes: dict[str, Any] = {
        ORDERS: {"given": first, "swapped": second, "reasons": reasons, "label": label, "again": again}
    }
    one, other = label_probabilities(given, scale), label_probabilities(swapped, scale)
    if one is not None and other is not None:
        means = {name: (one[name] + other[scale.swapped(name)]) / 2 for name in scale.labels}
        notes[LABEL_LOGPROBS] = {name: math.log(mean) if mean > 0 else None for name, mean in means.items()}
    return given.model_copy(update={"metadata": {**(given.metadata or {}), **notes}})
