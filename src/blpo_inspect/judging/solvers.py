"""The two prompts as solvers: `describe` puts an image into words, `judge` asks for the verdict.

Every call passes the store of recorded calls (`cache`). Reading the answer is the scale's business
(`labels`), comparing it with people's the scorers'.
"""

from inspect_ai.model import (
    ChatMessage,
    ChatMessageUser,
    Content,
    ContentImage,
    ContentText,
    GenerateConfig,
    ModelOutput,
    get_model,
)
from inspect_ai.solver import Generate, Solver, TaskState, solver

from blpo_inspect.cache.memo import memoized
from blpo_inspect.judging.answer_mode import Answer, answer_config, checked, resolve_label
from blpo_inspect.judging.label_map import LabelMap
from blpo_inspect.judging.label_map import checked as checked_map
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.outputs import caption_of, mapped
from blpo_inspect.judging.prompts import DEFAULT_I2T, PromptPair, fence, fill, placeholders
from blpo_inspect.judging.reask import DEFAULT, asked_again, unread_reason
from blpo_inspect.judging.reask import checked as checked_reask
from blpo_inspect.judging.samples import images_of, scale_of

GREEDY = GenerateConfig(temperature=0.0)
"""Default settings of every call: roles do not inherit the task's, so each call states them."""


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
            images=[] if caption_only else sample_images(state),
            text=state.metadata.get("text"),
            caption=caption if caption_only else None,
        )
        await ask_judge(state, message, scale, answer, reask, None if map is None else checked_map(map, scale))
        return state

    return solve


@solver
def describe(prompt: str = DEFAULT_I2T) -> Solver:
    """Have the model of role ``i2t`` (else the main model) describe the sample's image.

    The caption is left in ``state.metadata["caption"]``, and as the output where nothing follows. A describer that was
    blocked or that refused gives none; ``state.metadata["no_caption"]`` says why.

    Args:
        prompt: The I2T prompt.
    """
    PromptPair("-", prompt)

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        model = memoized(get_model(role="i2t"), role="i2t")
        output = await model.generate([describe_message(prompt, sample_images(state))], config=GREEDY)
        caption, reason = caption_of(output)
        if reason is None:
            state.metadata["caption"] = caption
        else:
            state.metadata[NO_CAPTION] = reason
        state.output = output
        return state

    return solve


async def ask_judge(
    state: TaskState,
    message: ChatMessageUser,
    scale: LabelScale,
    answer: Answer = "text",
    reask: int = DEFAULT,
    map: LabelMap | None = None,
) -> None:
    """Ask the main model: its verdict becomes the completion of the sample's output, what it wrote the last message.

    Args:
        state: The sample.
        message: As `judge_message` makes it.
        scale: The labels that it asks for.
        answer: How they are asked for.
        reask: How often, 0 or 1, a reply that cannot be read is followed by one more question.
        map: What its labels mean, checked.

    Raises:
        PrerequisiteError: Labels are asked for on a numeric scale.
    """
    model = memoized(get_model(), role="judge")
    # the active model takes the task's settings, as Inspect's own `generate` would
    state.messages = [message]
    config = answer_config(answer, scale, model)
    output = resolve_label(answer, await model.generate(state.messages, config=config), scale)
    if reask and unread_reason(output, scale) is not None:

        async def ask(messages: list[ChatMessage]) -> ModelOutput:
            state.messages = messages
            return await model.generate(messages, config=config)

        output = await asked_again(ask, state.messages, output, scale, answer)
    state.messages += [choice.message for choice in output.choices[:1]]  # a provider in trouble may give none
    state.output = mapped(output, scale, map)


def judge_message(
    prompt: str,
    scale: LabelScale,
    *,
    images: list[ContentImage],
    text: str | None = None,
    caption: str | None = None,
) -> ChatMessageUser:
    """The request for one verdict: image, text, prompt, and last how to answer.

    What stays the same under every prompt comes first, so that providers can reuse it. Text and caption are fenced:
    they are data.

    Raises:
        PromptError: The prompt refers to a text that the sample does not have.
    """
    blocks = []
    if caption is not None:
        blocks.append(fence("caption", caption))
    if text is not None and "text" not in placeholders(prompt):
        blocks.append(fence("text", text))
    blocks.append(fill(prompt, _values(text)))
    blocks.append(scale.instruction())
    content: list[Content] = [*images, ContentText(text="\n\n".join(blocks))]
    return ChatMessageUser(content=content)


def describe_message(prompt: str, images: list[ContentImage], text: str | None = None) -> ChatMessageUser:
    """The request for one caption: image, then prompt, in which ``{text}`` stands for the text, fenced.

    Raises:
        PromptError: The prompt refers to a text that was not given.
    """
    content: list[Content] = [*images, ContentText(text=fill(prompt, _values(text)))]
    return ChatMessageUser(content=content)


def sample_images(state: TaskState) -> list[ContentImage]:
    """The images of the sample's input.

    Raises:
        ValueError: It has none.
    """
    images = images_of(state.input)
    if not images:
        raise ValueError(f"sample {state.sample_id} has no image to judge")
    return images


def _values(text: str | None) -> dict[str, str]:
    return {} if text is None else {"text": fence("text", text)}
