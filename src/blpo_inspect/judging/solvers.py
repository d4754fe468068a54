"""The two prompts as solvers: `describe` puts an image into words, `judge` asks for the verdict.

Every call passes the store of recorded calls (`cache`). Reading the answer is the scale's business
(`labels`), comparing it with people's the scorers'.
"""

from inspect_ai.model import (
    ChatMessageUser,
    Content,
    ContentImage,
    ContentText,
    GenerateConfig,
    get_model,
)
from inspect_ai.solver import Generate, Solver, TaskState, solver

from blpo_inspect.cache.memo import memoized
from blpo_inspect.judging.answer_mode import Answer, answer_config, checked, resolve_label
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.prompts import DEFAULT_I2T, PromptPair, fence, fill, placeholders
from blpo_inspect.judging.samples import images_of, scale_of

GREEDY = GenerateConfig(temperature=0.0)
"""Default settings of every call: roles do not inherit the task's, so each call states them."""


@solver
def judge(prompt: str, caption_only: bool = False, answer: Answer = "text") -> Solver:
    """Ask the main model for its verdict on the sample's image.

    Args:
        prompt: The judge prompt; ``{text}`` in it stands for the sample's text, which otherwise precedes it.
        caption_only: Show the caption that `describe` left instead of the image (an ablation of BLPO).
        answer: How the verdict is asked for: ``text``, ``label`` or ``likelihood`` (`answer_mode`).
    """
    pair = PromptPair(prompt)  # refuses unknown placeholders before the run starts
    checked(answer)

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        caption = state.metadata.get("caption")
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
        await ask_judge(state, message, scale, answer)
        return state

    return solve


@solver
def describe(prompt: str = DEFAULT_I2T) -> Solver:
    """Have the model of role ``i2t`` (else the main model) describe the sample's image.

    The caption is left in ``state.metadata["caption"]``, and as the output where nothing follows.

    Args:
        prompt: The I2T prompt.
    """
    PromptPair("-", prompt)

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        model = memoized(get_model(role="i2t"), role="i2t")
        output = await model.generate([describe_message(prompt, sample_images(state))], config=GREEDY)
        state.metadata["caption"] = output.completion
        state.output = output
        return state

    return solve


async def ask_judge(state: TaskState, message: ChatMessageUser, scale: LabelScale, answer: Answer = "text") -> None:
    """Ask the main model: its verdict becomes the completion of the sample's output, what it wrote the last message.

    Args:
        state: The sample.
        message: As `judge_message` makes it.
        scale: The labels that it asks for.
        answer: How they are asked for.

    Raises:
        PrerequisiteError: Labels are asked for on a numeric scale.
    """
    model = memoized(get_model(), role="judge")
    # the active model takes the task's settings, as Inspect's own `generate` would
    state.messages = [message]
    output = await model.generate(state.messages, config=answer_config(answer, scale, model))
    state.messages.append(output.message)
    state.output = resolve_label(answer, output, scale)


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
