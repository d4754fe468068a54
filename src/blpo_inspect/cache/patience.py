"""A served model that does not answer: how long its calls wait, what is said meanwhile, and how they end.

Inspect tries a failed call again without end and without a word. Here each call has an end unless it was given one,
people are told once when an outage begins, and the error of a call that is given up names the model.
"""

import logging
import math
import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from inspect_ai.model import GenerateConfig, Model, ModelAPI, ModelOutput
from inspect_ai.util import display_type, registry_info
from tenacity import RetryError

from blpo_inspect._util.inspect_internals import SettledModel, copy_identity, current_run, resolved_config, say
from blpo_inspect._util.plain_error import PlainError, alone
from blpo_inspect._util.text import shortened, visible, without_secrets
from blpo_inspect.cache.lazy import LazyAPI
from blpo_inspect.cache.model_identity import Target

LOCAL_PROVIDERS = frozenset({"hf", "hf-vlm", "induction", "jury", "mockllm", "nnterp", "none", "transformer_lens"})
"""Providers whose models answer in this process: however long that takes, nothing is lost on the way."""

MAX_RETRIES = 8
"""How often a failed call is tried again: with Inspect's waits of 3, 6, 12, … seconds, for about 13 minutes."""

ATTEMPT_TIMEOUT = 600
"""Seconds that a server has for one try."""

QUIET = 60.0
"""Seconds after a line about a model in which no other is printed, as single failures may come and go."""

logger = logging.getLogger(__name__)


class NoAnswerError(PlainError):
    """A model did not answer a call, however often it was asked."""


def target_of(model: Model) -> Target:
    """The model as people name it; of a ``cached/…`` one the model inside."""
    if isinstance(model.api, LazyAPI):
        return model.api.target
    return Target(
        provider=registry_info(model.api).name.split("/")[-1],
        name=model.api.model_name,
        base_url=model.explicit_base_url,
        args=model.model_args,
    )


def bounded(config: GenerateConfig, evaluation: GenerateConfig, *, local: bool) -> GenerateConfig:
    """The settings of a call, with an end to its tries where they have none.

    A limit that was given holds. A total ``timeout`` is an end, and no try may take longer than that: Inspect itself
    looks at it between tries only.

    Args:
        config: The call's settings.
        evaluation: The task's and the user's. Models in roles inherit all limits but the time for a try, which is taken
            from here.
        local: Whether the model answers in this process: a slow answer is no outage there.
    """
    limits: dict[str, Any] = {}
    if config.max_retries is None and config.timeout is None:
        limits["max_retries"] = MAX_RETRIES
    if config.attempt_timeout is None:
        limits["attempt_timeout"] = evaluation.attempt_timeout
        # an attempt of a batch lasts until the provider has worked off the whole batch
        if evaluation.attempt_timeout is None and not local and not config.batch:
            limits["attempt_timeout"] = min(ATTEMPT_TIMEOUT, config.timeout or ATTEMPT_TIMEOUT)
    return config.model_copy(update=limits)


@dataclass
class _Outage:
    """How it stands with one model: calls that wait for their next try, and when that was last said."""

    waiting: int = 0
    said: float = -math.inf


_outages: dict[str, _Outage] = {}
_failed: ContextVar[list[BaseException] | None] = ContextVar("blpo_failed", default=None)


class PatientModel(SettledModel):
    """Stands for its original, and is equal to it, so that Inspect applies the task's settings to it too.

    Args:
        original: The model.
        api: What answers in place of its provider.
    """

    def __init__(self, original: Model, api: ModelAPI | None = None) -> None:
        super().__init__(api or original.api, original.config, original.model_args)
        self.original = original
        self.target = target_of(original)
        copy_identity(original, self)

    def settled(self, config: GenerateConfig, evaluation: GenerateConfig) -> GenerateConfig:
        """As `bounded`."""
        return bounded(config, evaluation, local=self.target.provider in LOCAL_PROVIDERS)

    async def generate(self, *args: Any, **kwargs: Any) -> ModelOutput:
        """As of any Inspect model, but it ends.

        Raises:
            NoAnswerError: The last try failed too.
        """
        failures: list[BaseException] = []
        token = _failed.set(failures)
        try:
            return await super().generate(*args, **kwargs)
        except RetryError as error:
            last = error.last_attempt
            tries = f"{last.attempt_number} tries" if last.attempt_number > 1 else "1 try"
            what = f"{self._where()} gave no answer in {tries}; the last ended with {_described(last.exception())}."
            alone(NoAnswerError(f"{what} Run again when it answers, or wait longer: --max-retries, --attempt-timeout."))
        finally:
            _failed.reset(token)
            if failures:
                self._outage().waiting -= 1

    async def before_retry(self, ex: BaseException) -> None:
        """Say once that an outage begins; Inspect calls this before the wait for the next try."""
        failures = _failed.get()
        if failures is not None:
            if not failures:
                self._tell(ex)
                self._outage().waiting += 1
            failures.append(ex)
        await super().before_retry(ex)

    def _tell(self, error: BaseException) -> None:
        outage, now = self._outage(), time.monotonic()
        if outage.waiting or now < outage.said + QUIET:
            return
        outage.said = now
        config = resolved_config(self)
        limits = [
            *([] if config.max_retries is None else [f"{config.max_retries + 1} times"]),
            *([] if config.timeout is None else [f"for {config.timeout} s"]),
        ]
        line = f"{self._where()} does not answer ({_described(error)}); each call is tried up to {' or '.join(limits)}"
        if current_run() is None or display_type() == "log":
            logger.warning(line)
        else:
            say(line)

    def _outage(self) -> _Outage:
        return _outages.setdefault(self._where(), _Outage())

    def _where(self) -> str:
        address = self.target.address()
        return f"{self.target} at {address}" if address else str(self.target)

    def __eq__(self, other: object) -> bool:
        return other is self or other is self.original

    def __hash__(self) -> int:
        return hash(self.original)


def _described(error: BaseException | None) -> str:
    """An error as its type, its HTTP status and the first line of what it says, without what looks like a secret."""
    status = getattr(error, "status_code", None)
    name = type(error).__name__ + (f" {status}" if isinstance(status, int) else "")
    said = shortened(visible(without_secrets(str(error).strip().partition("\n")[0])), 160).rstrip(".")
    return f"{name}: {said}" if said else name
