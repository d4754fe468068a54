"""One batch of prepared requests through the model.

Rows are independent: in float32 a row's tokens, and everything reported of it, are the same
whatever else is in its batch.
"""

import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
import transformers
from torch import Tensor
from torch.nn.functional import pad
from transformers import (
    LogitsProcessorList,
    NoBadWordsLogitsProcessor,
    StoppingCriteria,
    StoppingCriteriaList,
    SuppressTokensLogitsProcessor,
)

from blpo_inspect.models.processing import Prepared
from blpo_inspect.models.sampling import Draw, Recorded, TokenChooser
from blpo_inspect.models.weights import Weights

hf: Any = transformers  # partly typed

SEQUENCE_INPUTS = ("input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids")
"""Inputs of shape 1×length; shorter rows are filled on the left."""

STACKED_INPUTS = ("pixel_values", "pixel_attention_mask", "image_grid_thw", "image_sizes")
"""Inputs that are joined along their first dimension: images or patches, or one request each."""

SIZE_INPUTS = ("pixel_attention_mask", "image_sizes")
"""With one of these the model knows which pixels are padding, so different sizes may be joined."""

_TAIL = 8
"""Tokens decoded beyond the longest stop sequence's bytes when looking for one."""


@dataclass(frozen=True)
class Row:
    """One answer to be generated."""

    prepared: Prepared
    max_new_tokens: int
    """Equal for all rows of a batch."""

    cut_by_context: bool = False
    """Whether the context allows fewer tokens than were asked for."""

    draw: Draw | None = None
    """`None` takes the likeliest tokens."""

    stop: tuple[str, ...] = ()
    top_logprobs: int | None = None
    """How many to report per token besides the token's own; `None` reports nothing."""

    wanted: Callable[[], bool] = lambda: True
    """Whether anybody still waits; asked after each token."""


@dataclass(frozen=True)
class TokenLogprob:
    """A token that was produced, or could have been."""

    token: str
    logprob: float
    top: tuple["TokenLogprob", ...] = ()


@dataclass(frozen=True)
class Generated:
    """One answer."""

    text: str
    """Without special tokens, and cut before a stop sequence."""

    tokens: tuple[int, ...]
    """All that were produced, an end token and a stop sequence included."""

    stop_reason: Literal["stop", "max_tokens", "model_length"]
    logprobs: tuple[TokenLogprob, ...] | None
    """One per token."""

    batch_size: int
    seconds: float
    """Time the whole batch took."""


def group_of(prepared: Prepared) -> Hashable:
    """Requests whose groups are equal can be joined in one batch; some can never be joined."""
    inputs = prepared.inputs
    if any(key not in SEQUENCE_INPUTS and key not in STACKED_INPUTS for key in inputs):
        return object()  # equal to nothing else: how to join that input is not known
    sized = any(key in inputs for key in SIZE_INPUTS)
    return tuple(
        (key, inputs[key].ndim if sized or key in SEQUENCE_INPUTS else tuple(inputs[key].shape[1:]))
        for key in sorted(inputs)
    )


def join(inputs: Sequence[dict[str, Tensor]], *, pad_token: int) -> dict[str, Tensor]:
    """One batch out of inputs of equal group.

    Sequences become rows × longest; vision inputs follow each other in the order of the rows, with
    zeros where one is smaller than another.
    """
    joined: dict[str, Tensor] = {}
    for key in inputs[0]:
        parts = [one[key] for one in inputs]
        if key in SEQUENCE_INPUTS:
            longest = max(part.shape[1] for part in parts)
            fill = pad_token if key == "input_ids" else 0
            parts = [pad(part, (longest - part.shape[1], 0), value=fill) for part in parts]
        else:
            shape = [max(part.shape[dim] for part in parts) for dim in range(1, parts[0].ndim)]
            parts = [_fill_up(part, shape) for part in parts]
        joined[key] = torch.cat(parts)
    return joined


def generate(weights: Weights, rows: Sequence[Row]) -> list[Generated]:
    """Answer a batch of rows of equal group and equal ``max_new_tokens``."""
    start = time.monotonic()
    joined = join([row.prepared.inputs for row in rows], pad_token=weights.pad_token)
    inputs = {
        key: value.to(weights.device, weights.dtype if value.is_floating_point() else value.dtype)
        for key, value in joined.items()
    }
    length = inputs["input_ids"].shape[1]
    tops = [row.top_logprobs for row in rows if row.top_logprobs is not None]
    chooser = TokenChooser(
        draws=[row.draw for row in rows],
        forbidding=_forbidding(weights),
        top=max(tops, default=None),
    )
    stopper = RowStopper(weights.tokenizer, rows, length)
    ends = weights.end_tokens
    with torch.inference_mode():
        sequences = weights.model.generate(
            **inputs,
            generation_config=hf.GenerationConfig(
                max_new_tokens=rows[0].max_new_tokens,
                do_sample=False,
                num_beams=1,
                eos_token_id=sorted(ends) or None,
                pad_token_id=weights.pad_token,
            ),
            logits_processor=LogitsProcessorList([chooser]),
            stopping_criteria=StoppingCriteriaList([stopper]),
        )
    produced = sequences[:, length:].tolist()
    seconds = time.monotonic() - start
    recorded = _Steps(chooser.recorded)
    answers = []
    for number, (row, all_tokens) in enumerate(zip(rows, produced, strict=True)):
        end = next((at + 1 for at, token in enumerate(all_tokens) if token in ends), None)
        stopped = stopper.ends.get(number)
        if stopped is not None and (end is None or stopped < end):
            end = stopped
        tokens = tuple(all_tokens[:end])
        text, cut = _text(weights.tokenizer, tokens, row.stop)
        reason: Literal["stop", "max_tokens", "model_length"] = "stop"
        if end is None and not cut:
            reason = "model_length" if row.cut_by_context else "max_tokens"
        logprobs = None
        if row.top_logprobs is not None:
            logprobs = recorded.of_row(number, tokens, row.top_logprobs, weights.tokenizer)
        answers.append(Generated(text, tokens, reason, logprobs, len(rows), seconds))
    return answers


def is_out_of_memory(error: Exception) -> bool:
    """Whether a batch failed for lack of memory on the GPU or the CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)


class RowStopper(StoppingCriteria):
    """Ends a row after a stop sequence, or when nobody waits for it any more.

    Args:
        tokenizer: Turns tokens into the text that is searched.
        rows: Those of the batch.
        length: Tokens of the padded input.
    """

    def __init__(self, tokenizer: Any, rows: Sequence[Row], length: int) -> None:
        self._tokenizer = tokenizer
        self._rows = rows
        self._length = length
        self.ends: dict[int, int] = {}
        """Tokens up to and including the stop sequence, by row."""

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        done = []
        for number, row in enumerate(self._rows):
            if row.stop and number not in self.ends and self._stops(row, input_ids[number]):
                self.ends[number] = input_ids.shape[1] - self._length
            done.append(number in self.ends or not row.wanted())
        return torch.tensor(done, dtype=torch.bool, device=input_ids.device)

    def _stops(self, row: Row, sequence: Tensor) -> bool:
        # a token is at least one byte, except for those that decode to nothing
        tail = max(len(text.encode()) for text in row.stop) + _TAIL
        produced = sequence[self._length :]
        near = _raw_text(self._tokenizer, produced[-tail:].tolist())
        if not any(text in near for text in row.stop):
            return False
        # the tail alone may decode a little differently
        whole = _raw_text(self._tokenizer, produced.tolist())
        return any(text in whole for text in row.stop)


class _Steps:
    """Recorded log-probabilities, fetched from the device once for the whole batch."""

    def __init__(self, recorded: Sequence[Recorded]) -> None:
        self._chosen = [step.chosen.tolist() for step in recorded]
        self._top = [step.top.tolist() for step in recorded]
        self._top_tokens = [step.top_tokens.tolist() for step in recorded]

    def of_row(self, row: int, tokens: Sequence[int], top: int, tokenizer: Any) -> tuple[TokenLogprob, ...]:
        return tuple(
            TokenLogprob(
                token_text(tokenizer, token),
                self._chosen[step][row],
                tuple(
                    TokenLogprob(token_text(tokenizer, other), logprob)
                    for other, logprob in zip(
                        self._top_tokens[step][row][:top], self._top[step][row][:top], strict=True
                    )
                ),
            )
            for step, token in enumerate(tokens)
        )


def token_text(tokenizer: Any, token: int) -> str:
    """One token as text; a leading space that decoding alone would drop is kept."""
    text = str(tokenizer.decode([token], skip_special_tokens=False, clean_up_tokenization_spaces=False))
    piece = tokenizer.convert_ids_to_tokens(token)
    if isinstance(piece, str) and piece.startswith(("▁", "Ġ")) and not text.startswith(" "):
        return f" {text}"
    return text


def _text(tokenizer: Any, tokens: Sequence[int], stop: Sequence[str]) -> tuple[str, bool]:
    """The answer's text, and whether a stop sequence cut it."""
    raw = _raw_text(tokenizer, tokens)
    cuts = [at for text in stop if (at := raw.find(text)) >= 0]
    if not cuts:
        clean = tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return str(clean), False
    kept = raw[: min(cuts)]
    for special in tokenizer.all_special_tokens:
        kept = kept.replace(special, "")
    return kept, True


def _raw_text(tokenizer: Any, tokens: Sequence[int]) -> str:
    return str(tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False))


def _forbidding(weights: Weights) -> LogitsProcessorList:
    processors = LogitsProcessorList()
    if weights.bad_words:
        processors.append(NoBadWordsLogitsProcessor(weights.bad_words, sorted(weights.end_tokens)))
    if weights.suppressed:
        device = str(weights.device)
        processors.append(SuppressTokensLogitsProcessor(weights.suppressed, device=device))
    return processors


def _fill_up(part: Tensor, shape: Sequence[int]) -> Tensor:
    # pad() counts dimensions from the last
    missing = [size for dim in reversed(range(len(shape))) for size in (0, shape[dim] - part.shape[dim + 1])]
    return pad(part, missing) if any(missing) else part
