"""A provider that stands for another one and makes it only when it is needed.

Inspect asks a provider about itself before each call; here those answers need no inner provider.
Recording and replaying are `memo`'s.
"""

import threading
from collections.abc import Callable
from functools import cached_property

from inspect_ai.model import (
    ChatMessage,
    ContentAudio,
    ContentDocument,
    ContentImage,
    ContentVideo,
    GenerateConfig,
    ModelAPI,
    ModelCall,
    ModelOutput,
    ModelUsage,
    RetryDecision,
    ServedModelUsage,
)
from inspect_ai.tool import ToolChoice, ToolInfo
from tenacity.wait import WaitBaseT

from blpo_inspect._util.inspect_internals import prepared_input, provider_package
from blpo_inspect.cache.model_identity import Target

Answer = ModelOutput | tuple[ModelOutput | Exception, ModelCall]


class LazyAPI(ModelAPI):
    """Stands for an inner provider; subclasses decide in `generate` when to `ask` it.

    How the inner provider wants messages arranged, and its default for ``max_tokens``, is applied
    when it is asked, not before.

    Args:
        target: Which model.
        create: Makes the inner provider; called once, at the first need.
        inner: The inner provider, if it exists.
        model_name: As the model should call itself; default: the target's.
    """

    def __init__(
        self,
        target: Target,
        create: Callable[[], ModelAPI],
        *,
        inner: ModelAPI | None = None,
        model_name: str | None = None,
    ) -> None:
        super().__init__(model_name or str(target), target.base_url)
        self.target = target
        self._create = create
        self._inner = inner
        self._given = inner is not None
        self._lock = threading.RLock()

    async def ask(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> Answer:
        """Ask the inner provider, as Inspect would if nothing stood before it."""
        inner = self.inner()
        if config.max_tokens is None:
            limit = inner.max_tokens_for_config(config)
            config = config.model_copy(update={"max_tokens": inner.max_tokens() if limit is None else limit})
        return await inner.generate(*await prepared_input(inner, input, tools, tool_choice, config), config)

    def inner(self) -> ModelAPI:
        """The inner provider; made now if there is none yet."""
        with self._lock:
            if self._inner is None:
                self._inner = self._create()
            return self._inner

    @cached_property
    def answers_labels(self) -> bool:
        """Whether the inner provider knows requests for labels (`blpo_inspect.judging.answer_mode`).

        Requests depend on it, so it is the same before and after that provider is made. It is made now, unless it is
        one of Inspect's own, which do not; one that cannot be made here counts as one that does not either.
        """
        if self._inner is None and provider_package(self.target.provider) == "inspect_ai":
            return False
        try:
            return bool(getattr(self.inner(), "answers_labels", False))
        except Exception:  # providers raise what they like; whoever needs it for an answer is told
            return False

    # What Inspect wants to know before a call. Neutral answers leave messages as they are; `ask`
    # applies the inner provider's. Whatever follows a failed call has an inner provider to ask.

    def tools_required(self) -> bool:
        """Leaves tools in the request."""
        return True

    def supports_remote_mcp(self) -> bool:
        """Leaves the refusal to the inner provider."""
        return True

    def tool_result_images(self) -> bool:
        """Leaves images where they are."""
        return True

    def tool_result_documents(self) -> bool:
        """Leaves documents where they are."""
        return True

    def disable_computer_screenshot_truncation(self) -> bool:
        """Leaves screenshots where they are."""
        return True

    def compact_reasoning_history(self) -> bool:
        """The inner provider's, if it exists."""
        return self._inner.compact_reasoning_history() if self._inner else super().compact_reasoning_history()

    def max_connections(self) -> int:
        """The inner provider's, if it exists."""
        return self._inner.max_connections() if self._inner else super().max_connections()

    def connection_key(self) -> str:
        """One pool per model, the same before and after the inner provider exists."""
        if self._given and self._inner is not None:
            return f"{self.target.provider}|{self._inner.connection_key()}"
        return f"{self.target}|{self.target.address()}"

    def canonical_name(self) -> str:
        """The inner provider's, if it exists; else the model's own name."""
        return self._inner.canonical_name() if self._inner else self.target.name

    def service_model_name(self) -> str:
        """The inner provider's, if it exists; else the model's own name."""
        return self._inner.service_model_name() if self._inner else self.target.name

    def input_tokens_name(self) -> str:
        """The inner provider's, if it exists; else the model's own name."""
        return self._inner.input_tokens_name() if self._inner else self.target.name

    def model_family(self) -> str:
        """The inner provider's, if it exists."""
        return self._inner.model_family() if self._inner else super().model_family()

    def cache_write_ttl(self) -> str | None:
        """The inner provider's, if it exists."""
        return self._inner.cache_write_ttl() if self._inner else None

    def served_model_usage(self, output: ModelOutput) -> list[ServedModelUsage] | None:
        """The inner provider's, if it exists."""
        return self._inner.served_model_usage(output) if self._inner else None

    def should_retry(self, ex: Exception) -> bool | RetryDecision:
        """As the inner provider decides."""
        return self._inner is not None and self._inner.should_retry(ex)

    def retry_wait(self) -> WaitBaseT | None:
        """The inner provider's, if it exists."""
        return self._inner.retry_wait() if self._inner else None

    def is_auth_failure(self, ex: Exception) -> bool:
        """As the inner provider decides."""
        return self._inner is not None and self._inner.is_auth_failure(ex)

    def initialize(self) -> None:
        """The inner provider's, if it exists."""
        if self._inner is not None:
            self._inner.initialize()

    async def refresh_credentials(self) -> None:
        """The inner provider's, if it exists."""
        if self._inner is not None:
            await self._inner.refresh_credentials()

    async def count_tokens(self, input: str | list[ChatMessage], config: GenerateConfig | None = None) -> int:
        """The inner provider's; makes it."""
        return await self.inner().count_tokens(input, config)

    async def count_text_tokens(self, text: str) -> int:
        """The inner provider's; makes it."""
        return await self.inner().count_text_tokens(text)

    async def count_media_tokens(self, media: ContentImage | ContentAudio | ContentVideo | ContentDocument) -> int:
        """The inner provider's; makes it."""
        return await self.inner().count_media_tokens(media)

    async def tokenize(self, text: str) -> list[int]:
        """The inner provider's; makes it."""
        return await self.inner().tokenize(text)

    async def compact(
        self,
        input: list[ChatMessage],
        tools: list[ToolInfo],
        config: GenerateConfig,
        instructions: str | None = None,
    ) -> tuple[list[ChatMessage], ModelUsage | None]:
        """The inner provider's; makes it. Not recorded."""
        return await self.inner().compact(input, tools, config, instructions)

    async def aclose(self) -> None:
        """Close the inner provider, if it exists; a later call works again."""
        if self._inner is not None:
            await self._inner.aclose()

    def close(self) -> None:
        """Close the inner provider, if it exists."""
        if self._inner is not None:
            self._inner.close()
