"""One question to a judge or a describer: its message, the calls, and the output that says the verdict.

What solvers, scorers and Python code ask alike; knows neither samples nor where pictures come from. Calls pass the
store of recorded calls where the model is memoized (`cache`). Reading the answer is the scale's business (`labels`).
"""

from collections.abc import Sequence

from inspect_ai.model import (
    ChatMessage,
    ChatMessageUser,
    Content,
    ContentImage,
    ContentText,
    GenerateConfig,
    Model,
    ModelOutput,
)

from blpo_inspect.judging.answer_mode import Answer, answer_config, resolve_label
from blpo_inspect.judging.both_orders import Asked, Order, Torn, put_both_orders
from blpo_inspect.judging.label_map import LabelMap
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.outputs import mapped
from blpo_inspect.judging.prompts import fence, fill, placeholders
from blpo_inspect.judging.reask import DEFAULT, asked_again, unread_reason

GREEDY = GenerateConfig(temperature=0.0)
"""Default settings of every call: roles do not inherit the task's, so each call states them."""


async def ask(
    model: Model,
    messages: Sequence[ChatMessage],
    scale: LabelScale,
    answer: Answer = "text",
    reask: int = DEFAULT,
    map: LabelMap | None = None,
    config: GenerateConfig | None = None,
) -> Asked:
    """The conversation with a judge and the output that `outputs.verdict_of` reads its verdict from.

    Args:
        model: Who is asked, memoized.
        messages: The request; the last as `judge_message` makes it.
        scale: The labels that it asks for.
        answer: How they are asked for.
        reask: How often, 0 or 1, a reply that cannot be read is followed by one more question.
        map: What its labels mean, checked.
        config: Settings of the calls, where they are not the task's.

    Raises:
        PrerequisiteError: Labels are asked for on a numeric scale.
    """
    asked = list(messages)
    config = (config or GenerateConfig()).merge(answer_config(answer, scale, model))
    output = resolve_label(answer, await model.generate(asked, config=config), scale)
    if reask and unread_reason(output, scale) is not None:

        async def once_more(messages: list[ChatMessage]) -> ModelOutput:
            nonlocal asked
            asked = messages
            return await model.generate(messages, config=config)

        output = await asked_again(once_more, asked, output, scale, answer)
    said = [choice.message for choice in output.choices[:1]]  # a provider in trouble may give none
    return [*asked, *said], mapped(output, scale, map)


async def ask_about(
    model: Model,
    prompt: str,
    scale: LabelScale,
    images: Sequence[ContentImage],
    text: str | None = None,
    *,
    answer: Answer = "text",
    reask: int = DEFAULT,
    map: LabelMap | None = None,
    config: GenerateConfig | None = None,
    order: Order = "both",
    torn: Torn = "unread",
) -> Asked:
    """Ask with a judge prompt about pictures that are judged together; of a pair of pictures in both orders.

    Args:
        model: Who is asked, memoized.
        prompt: The judge prompt.
        scale: The labels that it asks for.
        images: The pictures, in order; two on a scale of pairs.
        text: What they are judged against.
        answer: As `ask`.
        reask: As `ask`.
        map: As `ask`; of a pair, in each order.
        config: As `ask`.
        order: Of a pair, ``given`` asks once.
        torn: Of a pair, what a verdict that follows the order is.

    Raises:
        PromptError: The prompt refers to a text that was not given.
        ValueError: A scale of pairs, and not two pictures.
    """

    async def once(shown: Sequence[ContentImage]) -> Asked:
        message = judge_message(prompt, scale, images=list(shown), text=text)
        return await ask(model, [message], scale, answer, reask, map, config)

    both = scale.kind == "pair" and order == "both"
    return await (put_both_orders(once, images, scale, torn) if both else once(images))


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


def _values(text: str | None) -> dict[str, str]:
    return {} if text is None else {"text": fence("text", text)}
