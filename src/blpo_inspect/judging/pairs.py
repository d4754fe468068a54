"""A judge of two pictures: asked in both orders, since many prefer whichever they are shown first."""

from collections.abc import Sequence
from typing import Literal

from inspect_ai.model import ChatMessage, ContentImage, ModelOutput, get_model
from inspect_ai.solver import Generate, Solver, TaskState, solver

from blpo_inspect._util.inspect_internals import PrerequisiteError, collect
from blpo_inspect.cache.memo import memoized
from blpo_inspect.judging.answer_mode import Answer
from blpo_inspect.judging.answer_mode import checked as checked_answer
from blpo_inspect.judging.asking import ask, judge_message
from blpo_inspect.judging.labels import TIE, LabelScale
from blpo_inspect.judging.outputs import ORDERS, verdict_of
from blpo_inspect.judging.pictures import sample_pictures
from blpo_inspect.judging.prompts import PromptPair
from blpo_inspect.judging.reask import DEFAULT
from blpo_inspect.judging.reask import checked as checked_reask
from blpo_inspect.judging.samples import scale_of

Order = Literal["both", "given"]
Torn = Literal["tie", "unread"]
"""What a verdict that follows the order of the pictures is."""


@solver
def judge_pair(
    prompt: str, order: Order = "both", torn: Torn = "unread", answer: Answer = "text", reask: int = DEFAULT
) -> Solver:
    """Ask the main model which of the sample's two images it is.

    Args:
        prompt: The judge prompt, which speaks of the first and the second image.
        order: ``both``: asked twice, the second time with the images swapped. ``given``: once.
        torn: What it is if the verdict follows the order: ``unread``, or ``tie`` where the scale has ties.
        answer: How the verdict is asked for (`answer_mode`).
        reask: How often, 0 or 1, a reply that cannot be read is followed by one more question.

    Raises:
        PrerequisiteError: An argument that does not fit, or samples that are no pairs.
    """
    pair = PromptPair(prompt)
    checked_answer(answer)
    checked_reask(reask)
    if order not in ("both", "given"):
        raise PrerequisiteError(f"order={order!r}: both or given")
    if torn not in ("tie", "unread"):
        raise PrerequisiteError(f"torn={torn!r}: tie or unread")

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        scale = scale_of(state.metadata)
        images = await sample_pictures(state)
        if scale.kind != "pair" or len(images) != 2:
            raise PrerequisiteError(
                f"sample {state.sample_id}: judge_pair is for pairs, on a scale of pairs with two images; here "
                f"{len(images)} on a scale that is {scale.kind}"
            )
        if torn == "tie" and not scale.ties:
            raise PrerequisiteError("torn=tie: the scale has no ties; use torn=unread, or the scale pair:tie")
        model = memoized(get_model(), role="judge")
        text = state.metadata.get("text")

        async def put(shown: Sequence[ContentImage]) -> tuple[list[ChatMessage], ModelOutput]:
            message = judge_message(pair.judge, scale, images=list(shown), text=text)
            return await ask(model, message, scale, answer, reask)

        if order == "given":
            state.messages, state.output = await put(images)
            return state
        (given, output), (swapped, other) = await collect([lambda: put(images), lambda: put(images[::-1])])
        state.messages = [*given, *swapped]
        state.output = both_orders(output, other, scale, torn)
        return state

    return solve


def both_orders(given: ModelOutput, swapped: ModelOutput, scale: LabelScale, torn: Torn = "unread") -> ModelOutput:
    """The first output with a note of both verdicts, which `outputs.verdict_of` reads; the given ones stay as they are.

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
    note = {"given": first, "swapped": second, "reasons": reasons, "label": label}
    return given.model_copy(update={"metadata": {**(given.metadata or {}), ORDERS: note}})
