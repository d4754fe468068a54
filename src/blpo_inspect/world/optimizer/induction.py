"""``induction/rules``: the optimizer of the embedded world as an Inspect model.

It answers from the text of the messages alone, as a language model would have to, and always in the same way.
"""

from typing import Any, get_args

from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    Content,
    ContentImage,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    modelapi,
)
from inspect_ai.tool import ToolChoice, ToolInfo
from pydantic import JsonValue

from blpo_inspect.models.errors import CheckpointError, RequestError
from blpo_inspect.world.optimizer.answering import UNKNOWN, answer
from blpo_inspect.world.optimizer.choosing import GREEDY, Sampling
from blpo_inspect.world.optimizer.framing import Draw
from blpo_inspect.world.optimizer.question_parser import read
from blpo_inspect.world.optimizer.styles import Style, styled_answer

NAME = "rules"
"""The one model there is."""

VERSION = 2
"""To be raised whenever an answer changes: recorded answers are kept under it."""


@modelapi(name="induction")
def induction() -> type[ModelAPI]:
    """An optimizer that works out rules from captions, without a language model."""
    return InductionAPI


class InductionAPI(ModelAPI):
    """Inspect's view of the rule-finding optimizer.

    Of the generation settings, temperature and seed decide together which idea is said (`Sampling`), and each further
    choice is the next best answer; the others have no effect.

    Args:
        model_name: Must be ``rules``.
        base_url: Not used.
        api_key: Not used.
        config: Default generation settings.
        style: ``plain``, or ``llm``: the same idea written as language models write, in a form that the question,
            temperature and seed decide.
        model_args: None are known.

    Raises:
        CheckpointError: Another name, an unknown style or another model argument.
    """

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig | None = None,
        style: Style = "plain",
        **model_args: Any,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config or GenerateConfig())
        if model_name != NAME:
            raise CheckpointError(f"induction has no model {model_name!r}; use induction/{NAME}")
        if model_args:
            raise CheckpointError(f"induction/{NAME} has no model argument {', '.join(model_args)}; it has style")
        if style not in get_args(Style):
            raise CheckpointError(
                f"induction/{NAME} has no style {style!r}; use style={' or style='.join(get_args(Style))}"
            )
        self.style = style

    def identity(self) -> dict[str, JsonValue]:
        """Which model this is, exactly."""
        # recorded answers of the plain style are from before there was another, and are kept under this
        styled = {} if self.style == "plain" else {"style": self.style}
        return {"name": NAME, "version": VERSION, **styled}

    async def generate(
        self,
        input: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> ModelOutput:
        """Answer one request. Usage counts words, as there are no tokens.

        Raises:
            RequestError: Tools or images were passed.
        """
        if any(isinstance(part, ContentImage) for message in input for part in _parts(message)):
            raise RequestError(
                f"induction/{NAME} reads text and sees no images; leave out -S images=true or name another optimizer"
            )
        if tools:
            raise RequestError(
                f"induction/{NAME} has no tools, but {', '.join(tool.name for tool in tools)} were passed"
            )
        sampling = Sampling(config.temperature or 0.0, config.seed)
        texts = replies(input, config.num_choices or 1, sampling, style=self.style)
        asked, said = sum(len(message.text.split()) for message in input), sum(len(text.split()) for text in texts)
        return ModelOutput(
            model=self.model_name,
            choices=[
                ChatCompletionChoice(
                    message=ChatMessageAssistant(content=text, model=self.model_name, source="generate"),
                    stop_reason="stop",
                )
                for text in texts
            ],
            usage=ModelUsage(input_tokens=asked, output_tokens=said, total_tokens=asked + said),
        )

    def should_retry(self, ex: Exception) -> bool:
        """Never: the same request would fail the same way."""
        return False


def _parts(message: ChatMessage) -> list[Content]:
    return [] if isinstance(message.content, str) else message.content


def replies(
    messages: list[ChatMessage], count: int = 1, sampling: Sampling = GREEDY, *, style: Style = "plain"
) -> list[str]:
    """What is answered to a conversation, and the next best answers after it."""
    conversation, texts = list(messages), []
    for _ in range(count):
        question = read(conversation)
        if question is None:
            texts.append(UNKNOWN)
        elif style == "plain":
            texts.append(answer(question, sampling))
        else:
            draw = Draw("\n".join(f"{message.role}: {message.text}" for message in conversation), sampling)
            texts.append(styled_answer(question, sampling, draw))
        conversation.append(ChatMessageAssistant(content=texts[-1]))
    return texts
