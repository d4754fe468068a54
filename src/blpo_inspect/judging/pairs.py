"""A judge of two pictures as a solver."""

from inspect_ai.model import get_model
from inspect_ai.solver import Generate, Solver, TaskState, solver

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.cache.memo import memoized
from blpo_inspect.judging.answer_mode import Answer
from blpo_inspect.judging.answer_mode import checked as checked_answer
from blpo_inspect.judging.asking import ask_about
from blpo_inspect.judging.both_orders import Order, Torn
from blpo_inspect.judging.label_map import LabelMap
from blpo_inspect.judging.label_map import checked as checked_map
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.pictures import sample_pictures
from blpo_inspect.judging.prompts import PromptPair
from blpo_inspect.judging.reask import DEFAULT
from blpo_inspect.judging.reask import checked as checked_reask
from blpo_inspect.judging.samples import scale_of
from blpo_inspect.judging.solvers import judge


@solver
def judge_pair(
    prompt: str,
    order: Order = "both",
    torn: Torn = "unread",
    answer: Answer = "text",
    reask: int = DEFAULT,
    map: LabelMap | None = None,
) -> Solver:
    """Ask the main model which of the sample's two images it is.

    Args:
        prompt: The judge prompt, which speaks of the first and the second image.
        order: ``both``: asked twice, the second time with the images swapped. ``given``: once.
        torn: What it is if the verdict follows the order: ``unread``, or ``tie`` where the scale has ties.
        answer: How the verdict is asked for (`answer_mode`).
        reask: How often, 0 or 1, a reply that cannot be read is followed by one more question.
        map: What the judge's labels mean, in each order (`PromptPair.map`).

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
        means = None if map is None else checked_map(map, scale)
        state.messages, state.output = await ask_about(
            model, pair.judge, scale, images, text, answer=answer, reask=reask, map=means, order=order, torn=torn
        )
        return state

    return solve


def asking_solver(
    pair: PromptPair, scale: LabelScale, answer: Answer, reask: int, *, order: Order = "both", torn: Torn = "unread"
) -> Solver:
    """The solver that puts a prompt pair to the main model: `judge`, or `judge_pair` on a scale of pairs."""
    if scale.kind == "pair":
        return judge_pair(pair.judge, order=order, torn=torn, answer=answer, reask=reask, map=pair.map)
    return judge(pair.judge, answer=answer, reask=reask, map=pair.map)
