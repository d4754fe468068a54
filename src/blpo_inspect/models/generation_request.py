"""What a request asks of generation: Inspect's `GenerateConfig`, reduced to what ``hf-vlm`` does.

A setting that would change the answer and is not supported is an error; a setting that only some services
know is a warning.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from inspect_ai.model import GenerateConfig
from pydantic import JsonValue

from blpo_inspect.judging.answer_mode import REQUEST, Answer
from blpo_inspect.models.errors import RequestError

Names = tuple[tuple[str, str], ...]
"""What stands for a label, and the label."""

REFUSED = (
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "best_of",
    "response_schema",
    "prompt_logprobs",
    "modalities",
)
"""Settings of GenerateConfig that change answers and are not supported."""

IGNORED = ("reasoning_effort", "reasoning_tokens", "reasoning_summary", "effort", "verbosity")
"""Settings that local models do not have; warned about once."""

logger = logging.getLogger(__name__)
_warned: set[str] = set()


@dataclass(frozen=True, kw_only=True)
class GenerationSettings:
    """How one request is answered."""

    max_tokens: int
    """Most tokens of the answer, at least 1."""

    temperature: float = 0.0
    """0 takes the likeliest token; above, tokens are drawn."""

    top_p: float = 1.0
    """Draw only from the likeliest tokens that together have this probability, in (0, 1]."""

    top_k: int | None = None
    """Draw only from that many likeliest tokens."""

    seed: int | None = None
    """With a seed, equal requests get equal draws; without, each gets its own."""

    stop: tuple[str, ...] = ()
    """The answer ends before the first of these."""

    logprobs: bool = False
    """Whether each token's log-probability is wanted."""

    top_logprobs: int = 0
    """How many of the likeliest tokens are wanted at each position."""

    choices: int = 1
    """How many answers are wanted."""

    answer: Answer = "text"
    """``label`` ends the answer once it is sure to begin with a label; ``likelihood`` decodes nothing and gives the
    probabilities of all labels; ``structured`` decodes among the labels only."""

    names: Names = ()
    """Labels and their other names, where `answer` is not ``text``."""

    @classmethod
    def from_config(cls, config: GenerateConfig, *, model: str, max_tokens: int) -> "GenerationSettings":
        """Check a request's configuration.

        Args:
            config: Inspect's, already merged.
            model: Its name, for messages.
            max_tokens: What to take where the configuration has none.

        Raises:
            RequestError: A setting that is not supported, or a value out of range.
        """
        for name in REFUSED:
            value = getattr(config, name, None)
            if value and not (name == "best_of" and value == 1):
                instead = "use -T answer=structured" if name == "response_schema" else "remove it"
                raise RequestError(f"{model}: hf-vlm does not support {name}={value!r}; {instead}")
        for name in IGNORED:
            if getattr(config, name, None) is not None:
                _warn_once(f"hf-vlm ignores {name}")
        answer, names = _wanted_answer(config.extra_body or {}, model)
        temperature = config.temperature or 0.0
        if temperature == 0 and (config.top_p is not None or config.top_k is not None):
            _warn_once("hf-vlm ignores top_p and top_k unless temperature is above 0")
        top = config.top_logprobs or 0
        settings = cls(
            max_tokens=config.max_tokens or max_tokens,
            temperature=temperature,
            top_p=1.0 if config.top_p is None else config.top_p,
            top_k=config.top_k or None,
            seed=config.seed,
            stop=tuple(text for text in config.stop_seqs or [] if text),
            logprobs=bool(top) if config.logprobs is None else config.logprobs,
            top_logprobs=top,
            choices=config.num_choices or 1,
            answer=answer,
            names=names,
        )
        for name, value, good in (
            ("temperature", temperature, temperature >= 0),
            ("top_p", settings.top_p, 0 < settings.top_p <= 1),
            ("top_k", settings.top_k, (settings.top_k or 1) >= 1),
            ("max_tokens", settings.max_tokens, settings.max_tokens >= 1),
            ("num_choices", settings.choices, settings.choices >= 1),
            ("top_logprobs", top, 0 <= top <= 20),
        ):
            if not good:
                raise RequestError(f"{model}: {name}={value!r} is out of range")
        if answer == "likelihood" and (temperature > 0 or settings.choices > 1):
            raise RequestError(f"{model}: probabilities of labels are not drawn; leave out temperature and num_choices")
        return settings

    def as_json(self) -> dict[str, JsonValue]:
        """The settings for a log."""
        return {
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "top_k": self.top_k,
            "seed": self.seed,
            "stop": list(self.stop),
            "logprobs": self.logprobs,
            "top_logprobs": self.top_logprobs,
            "num_choices": self.choices,
            **({} if self.answer == "text" else {"answer": self.answer, "names": dict(self.names)}),
        }


def _wanted_answer(body: Mapping[str, Any], model: str) -> tuple[Answer, Names]:
    strays = sorted(set(body) - {REQUEST})
    if strays:
        raise RequestError(f"{model}: hf-vlm does not support extra_body={dict.fromkeys(strays, '…')!r}; remove it")
    if not body:
        return "text", ()
    wanted = body[REQUEST]
    request = wanted if isinstance(wanted, dict) else {}
    kind, names = request.get("kind"), request.get("names")
    if (
        kind not in ("label", "likelihood", "structured")
        or not isinstance(names, dict)
        or not names
        or not all(isinstance(text, str) and text.strip() for text in (*names, *names.values()))
    ):
        raise RequestError(
            f"{model}: extra_body[{REQUEST!r}] must be {{'kind': 'label', 'likelihood' or 'structured', 'names':"
            f" {{name: label}}}}, not {wanted!r}"
        )
    return kind, tuple(names.items())


def _warn_once(message: str) -> None:
    if message not in _warned:
        _warned.add(message)
        logger.warning(message)
