"""The two prompts as solvers: `describe` puts an image into words, `judge` asks for the verdict.

Every call passes the store of recorded calls (`cache`). Reading the answer is the scale's business
(`labels`), comparing it with people's the scorers'.
"""

from inspect_ai.model import ModelOutput, get_model
from inspect_ai.solver import Generate, Solver, TaskState, solver

from blpo_inspect.cache.memo import memoized
from blpo_inspect.judging.answer_mode import Answer, checked
from blpo_inspect.judging.asking import GREEDY, ask, describe_message, judge_message
from blpo_inspect.judging.label_map import LabelMap
from blpo_inspect.judging.label_map import checked as checked_map
from blpo_inspect.judging.outputs import caption_of
from blpo_inspect.judging.pictures import keep_output, sample_pictures
from blpo_inspect.judging.prompts import DEFAULT_I2T, PromptPair
from blpo_inspect.judging.reask import DEFAULT
from blpo_inspect.judging.reask import checked as checked_reask
from blpo_inspect.judging.samples import scale_of

NO_CAPTION = "no_caption"
"""Where a sample's metadata say why the describer gave no caption."""


@solver
def judge(
    prompt: str,
    caption_only: bool = False,
    answer: Answer = "text",
    reask: int = DEFAULT,
    map: LabelMap | None = None,
) -> Solver:
    """Ask the main model for its verdict on the sample's image.

    A sample whose input has no image may have one that a solver or a tool made: the last of the output counts, else the
    last of the messages.

    Args:
        prompt: The judge prompt; ``{text}`` in it stands for the sample's text, which otherwise precedes it.
        caption_only: Show the caption that `describe` left instead of the image (an ablation of BLPO).
        answer: How the verdict is asked for: ``text``, ``label``, ``likelihood`` or ``structured`` (`answer_mode`).
        reask: How often, 0 or 1, a reply that cannot be read is followed by one more question (`reask`).
        map: What the judge's labels mean (`PromptPair.map`); the label that it said stays in the output's metadata.
    """
    pair = PromptPair(prompt)  # refuses unknown placeholders before the run starts
    checked(answer)
    checked_reask(reask)

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        caption = state.metadata.get("caption")
        if caption_only and NO_CAPTION in state.metadata:
            why = f"no caption: {state.metadata[NO_CAPTION]}"
            state.output = ModelOutput.from_content(state.output.model, "", stop_reason="unknown", error=why)
            return state
        if caption_only and caption is None:
            raise ValueError("caption_only needs a caption: put blpo_inspect/describe before blpo_inspect/judge")
        scale = scale_of(state.metadata)
        message = judge_message(
            pair.judge,
            scale,
            images=[] if caption_only else await sample_pictures(state),
            text=state.metadata.get("text"),
            caption=caption if caption_only else None,
        )
        means = None if map is None else checked_map(map, scale)
        # the active model takes the task's settings, as Inspect's own `generate` would
        model = memoized(get_model(), role="judge")
        state.messages, state.output = await ask(model, [message], scale, answer, reask, means)
        return state

    return solve


@solver
def describe(prompt: str = DEFAULT_I2T) -> Solver:
    """Have the model of role ``i2t`` (else the main model) describe the sample's image, found as `judge` finds it.

    The caption is left in ``state.metadata["caption"]``, and as the output where nothing follows. A describer that was
    blocked or that refused gives none; ``state.metadata["no_caption"]`` says why.

    Args:
        prompt: The I2T prompt.
    """
    PromptPair("-", prompt)

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        model = memoized(get_model(role="i2t"), role="i2t")
        output = await model.generate([describe_message(prompt, await sample_pictures(state))], config=GREEDY)
        caption, reason = caption_of(output)
        if reason is None:
            state.metadata["caption"] = caption
        else:
            state.metadata[NO_CAPTION] = reason
        keep_output(state)
        state.output = output
        return state

    return solve
