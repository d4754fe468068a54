"""``hf-vlm/<hub id or folder>``: local vision-language models as Inspect models.

Importing this module, creating a model and asking for its identity import neither torch nor
transformers; the weights load at the first request.
"""

import math
import os
from concurrent.futures import Future
from dataclasses import replace
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, NoReturn

import anyio.lowlevel
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    Content,
    ContentImage,
    GenerateConfig,
    Logprob,
    Logprobs,
    ModelAPI,
    ModelCall,
    ModelOutput,
    ModelUsage,
    TopLogprob,
    modelapi,
)
from inspect_ai.tool import ToolChoice, ToolInfo
from inspect_ai.util import materialize_media
from pydantic import JsonValue

from blpo_inspect._util.unanswerable import UnanswerableError
from blpo_inspect._util.waiting import wait_for
from blpo_inspect.cache.memo import is_recorded
from blpo_inspect.judging.likelihood import LABEL_LOGPROBS
from blpo_inspect.judging.structured import CONSTRAINED
from blpo_inspect.models import checkpoint as checkpoints
from blpo_inspect.models.checkpoint import Checkpoint
from blpo_inspect.models.conversation import take_apart
from blpo_inspect.models.errors import CheckpointError, RequestError
from blpo_inspect.models.generation_request import GenerationSettings
from blpo_inspect.models.model_args import ModelSettings

if TYPE_CHECKING:
    from blpo_inspect.models.engine import Engine
    from blpo_inspect.models.generation import Generated
    from blpo_inspect.models.processing import Prepared

DEFAULT_MAX_TOKENS = 512


@modelapi(name="hf-vlm")
def hf_vlm() -> type[ModelAPI]:
    """A vision-language model from the Hugging Face Hub or a folder, run in this process."""
    return HfVlmAPI


class HfVlmAPI(ModelAPI):
    """Inspect's view of one local vision-language model.

    Requests of all instances that name the same weights share one loaded model and its batches. An
    instance stays with the commit or folder contents that it saw first. Weights stay loaded until
    the process ends (or `engine.forget_engines`), as Inspect makes several instances of one model.

    Args:
        model_name: A Hub id, a folder, or ``shapes-judge`` for the checkpoint inside this package.
        base_url: Not used.
        api_key: Not used.
        config: Default generation settings.
        model_args: The fields of `ModelSettings`.

    Raises:
        CheckpointError: An unknown or unusable model argument; or there is surely no such checkpoint, and no call of it
            is recorded either, so that nothing can be replayed. Inspect shows it before a run starts.
    """

    answers_labels = True
    """Whether requests may ask for labels, as `answer_mode.REQUEST` in ``extra_body``."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig | None = None,
        **model_args: Any,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config or GenerateConfig())
        self.settings = ModelSettings.from_args(model_args)
        try:
            checkpoints.locate(model_name, self.settings.revision)
        except CheckpointError:
            if not is_recorded(f"hf-vlm/{model_name}"):
                raise
        self._lock = Lock()
        self._resolving = Lock()
        self._checkpoint: Checkpoint | None = None
        self._identity: dict[str, JsonValue] | None = None
        self._shared: Future[Engine] | None = None
        self._max_tokens: int | None = None

    def identity(self) -> dict[str, JsonValue]:
        """Which model this is, exactly (`checkpoint.identity`). Loads no weights; may ask the Hub.

        Raises:
            CheckpointError: There is no such checkpoint.
        """
        if self._identity is None:
            self._identity = checkpoints.identity(self._resolved(), self.settings)
        return dict(self._identity)

    async def generate(
        self,
        input: list[ChatMessage],
        tools: list[ToolInfo],
        tool_choice: ToolChoice,
        config: GenerateConfig,
    ) -> tuple[ModelOutput, ModelCall]:
        """Answer one request, together with others that are there.

        ``metadata["checkpoint"]`` of the output is `identity`, ``metadata["runtime"]`` the device
        and dtype it ran with. Usage counts real tokens: input with image tokens, without padding;
        output with the end token. With ``logprobs``, each produced token has its log-probability
        under the model itself, before temperature and other sampling settings. Where probabilities of
        labels were asked for, the answer is the likeliest label and ``metadata["label_logprobs"]`` has the
        natural logarithm of each label's probability (`None` for 0).

        Raises:
            CheckpointError: The checkpoint cannot be used.
            RequestError: It cannot answer requests of this form or with these settings.
            UnanswerableError: It cannot answer this one, for its images or its length.
        """
        if tools:
            self._refuse(f"has no tools, but {', '.join(tool.name for tool in tools)} were passed")
        request = GenerationSettings.from_config(config, model=self.model_name, max_tokens=DEFAULT_MAX_TOKENS)
        messages = [await self._inline(message) for message in input]
        conversation = take_apart(messages, model=self.model_name)
        engine = await self._engine()
        if config.max_tokens is None:
            request = replace(request, max_tokens=self.max_tokens())
        tickets = [engine.batcher.announce() for _ in range(request.choices)]
        try:
            # other tasks that are about to ask announce themselves before the first batch leaves
            await anyio.lowlevel.checkpoint()
            preparing = engine.start(tickets, conversation, request, self.settings)
            answers = [await wait_for(ticket.future) for ticket in tickets]
        except UnanswerableError as error:
            error.metadata = self._about(engine)
            raise
        finally:
            for ticket in tickets:
                ticket.cancel()
        prepared = preparing.result()
        output = self._output(engine, answers, prepared.length)
        if request.answer == "structured":
            output.metadata = {**(output.metadata or {}), CONSTRAINED: True}
        return output, self._call(engine, request, prepared, answers)

    async def _engine(self) -> "Engine":
        with self._lock:
            if self._shared is None:
                self._shared = Future()
                Thread(target=self._find_engine, args=(self._shared,), daemon=True).start()
            shared = self._shared
        return await wait_for(shared)

    def _find_engine(self, engine_future: "Future[Engine]") -> None:
        try:
            checkpoint = self._resolved()
            # brings torch, which takes seconds to import
            # torch's threads spin while they wait for one another, which on a busy machine can cost many times the
            # work; read when torch loads, so it has no effect where somebody else has loaded it
            os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
            from blpo_inspect.models.engine import engine_for

            engine_future.set_result(engine_for(checkpoint, self.settings).result())
        except BaseException as error:
            with self._lock:
                self._shared = None  # a later request tries again
            engine_future.set_exception(error)

    def _resolved(self) -> Checkpoint:
        with self._resolving:
            if self._checkpoint is None:
                self._checkpoint = checkpoints.resolve(self.model_name, self.settings.revision)
            return self._checkpoint

    def _output(self, engine: "Engine", answers: "list[Generated]", input_tokens: int) -> ModelOutput:
        output_tokens = sum(len(answer.tokens) for answer in answers)
        return ModelOutput(
            model=self.model_name,
            choices=[self._choice(answer) for answer in answers],
            usage=ModelUsage(
                input_tokens=input_tokens,
                output_tokens=output_tokens,
                total_tokens=input_tokens + output_tokens,
            ),
            metadata={**self._about(engine), **_label_logprobs(answers)},
        )

    def _about(self, engine: "Engine") -> dict[str, Any]:
        """Which model this is and how it runs, for the metadata of an output."""
        return {
            "checkpoint": self.identity(),
            "runtime": {
                "device": engine.weights.device.type,
                "dtype": str(engine.weights.dtype).removeprefix("torch."),
            },
        }

    def _choice(self, answer: "Generated") -> ChatCompletionChoice:
        logprobs = None
        if answer.logprobs is not None:
            logprobs = Logprobs(
                content=[
                    Logprob(
                        token=logprob.token,
                        logprob=logprob.logprob,
                        top_logprobs=[TopLogprob(token=top.token, logprob=top.logprob) for top in logprob.top],
                    )
                    for logprob in answer.logprobs
                ]
            )
        return ChatCompletionChoice(
            message=ChatMessageAssistant(content=answer.text, model=self.model_name, source="generate"),
            stop_reason=answer.stop_reason,
            logprobs=logprobs,
        )

    def _call(
        self, engine: "Engine", request: GenerationSettings, prepared: "Prepared", answers: "list[Generated]"
    ) -> ModelCall:
        return ModelCall.create(
            request={
                "model": self.model_name,
                "prompt": prepared.prompt,
                "images": list(prepared.images),
                "settings": request.as_json(),
            },
            response={
                "texts": [answer.text for answer in answers],
                "tokens": [list(answer.tokens) for answer in answers],
                "batch_size": max(answer.batch_size for answer in answers),
                "checks": engine.checks(),
            },
            time=max(answer.seconds for answer in answers),
        )

    async def _inline(self, message: ChatMessage) -> ChatMessage:
        """The message with images as data URIs. Inspect sees to that, direct callers may not."""
        if isinstance(message.content, str):
            return message
        content: list[Content] = []
        for part in message.content:
            if isinstance(part, ContentImage) and not part.image.startswith("data:"):
                if "://" in part.image:
                    self._refuse(f"fetches no remote images: {part.image}; materialize it first")
                try:
                    uri = await materialize_media(part.image)
                except OSError as error:
                    raise RequestError(f"{self.model_name}: cannot read image {part.image}: {error}") from error
                content.append(part.model_copy(update={"image": uri}))
            else:
                content.append(part)
        return message.model_copy(update={"content": content})

    def _refuse(self, what: str) -> NoReturn:
        raise RequestError(f"{self.model_name}: hf-vlm {what}")

    async def count_text_tokens(self, text: str) -> int:
        """Tokens of a text under the model's own tokenizer; loads the model."""
        engine = await self._engine()
        return engine.processing.count_tokens(text)

    def max_tokens(self) -> int:
        """The checkpoint's own ``max_new_tokens``, else 512."""
        if self._max_tokens is None:
            own = self._resolved().read_json("generation_config.json").get("max_new_tokens")
            self._max_tokens = own if isinstance(own, int) and own > 0 else DEFAULT_MAX_TOKENS
        return self._max_tokens

    def max_connections(self) -> int:
        """Two batches: one that runs and one that forms meanwhile."""
        return 2 * self.settings.max_batch_size

    def connection_key(self) -> str:
        """One pool per set of weights, whatever roles use it."""
        settings = self.settings
        return "|".join(
            str(part)
            for part in (
                self.model_name,
                settings.revision,
                settings.dtype,
                settings.device,
                settings.quantization,
                settings.attn_implementation,
            )
        )

    def should_retry(self, ex: Exception) -> bool:
        """Never: the same request would fail the same way."""
        return False

    def collapse_user_messages(self) -> bool:
        """Yes: chat templates expect turns to alternate."""
        return True

    def collapse_assistant_messages(self) -> bool:
        """Yes: chat templates expect turns to alternate."""
        return True


def _label_logprobs(answers: "list[Generated]") -> dict[str, Any]:
    logprobs = answers[0].label_logprobs
    if logprobs is None:
        return {}
    # JSON has no infinity
    return {LABEL_LOGPROBS: {label: value if value > -math.inf else None for label, value in logprobs.items()}}
