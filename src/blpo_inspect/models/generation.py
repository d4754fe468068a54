"""One batch of prepared requests through the model.

Rows are independent: in float32 a row's tokens, and everything reported of it, are the same
whatever else is in its batch.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
import transformers
from torch import Tensor
from transformers import (
    LogitsProcessorList,
    NoBadWordsLogitsProcessor,
    StoppingCriteria,
    StoppingCriteriaList,
    SuppressTokensLogitsProcessor,
)

from blpo_inspect.judging.label_lexer import LabelLexer
from blpo_inspect.models.continuation import laid_out
from blpo_inspect.models.generation_request import Names
from blpo_inspect.models.label_tree import LabelTree
from blpo_inspect.models.labels_only import LabelsOnly
from blpo_inspect.models.prefixes import Prefix
from blpo_inspect.models.processing import Prepared
from blpo_inspect.models.sampling import Draw, Recorded, TokenChooser
from blpo_inspect.models.weights import Weights

hf: Any = transformers  # partly typed

_TAIL = 8
"""Tokens decoded beyond the longest stop sequence's bytes when looking for one."""


@dataclass(frozen=True)
class BatchRow:
    """One answer to be generated."""

    prepared: Prepared
    max_new_tokens: int
    """Equal for all rows of a batch."""

    cut_by_context: bool = False
    """Whether the context allows fewer tokens than were asked for."""

    prefix: str | None = None
    """What its beginning is known by; `None` runs it as a whole. With or without for all rows of a batch."""

    kept: Prefix | None = None
    """The beginning, if it was there when the request was prepared; its vision inputs may then be missing."""

    again: Callable[[], Prepared] | None = None
    """Prepares the request once more, with all its inputs."""

    grows: bool = True
    """Whether more of its beginning may be kept than its images."""

    draw: Draw | None = None
    """`None` takes the likeliest tokens."""

    stop: tuple[str, ...] = ()
    top_logprobs: int | None = None
    """How many to report per token besides the token's own; `None` reports nothing."""

    names: Names | None = None
    """Asks for the probabilities of these labels instead of text. Equal for all rows of a batch."""

    until: LabelLexer | None = None
    """Ends the answer as soon as it is sure to begin with a label."""

    within: LabelTree | None = None
    """Leaves the answer no tokens but those of a label."""

    wanted: Callable[[], bool] = lambda: True
    """Whether anybody still waits; asked after each token."""

    def whole(self) -> "BatchRow":
        """The same with all its inputs and no beginning."""
        if self.kept is None or self.again is None:
            return self
        return replace(self, prepared=self.again(), kept=None)


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

    label_logprobs: dict[str, float] | None = None
    """Where labels were asked for instead of text: the natural logarithm of each label's probability."""


def generate(weights: Weights, rows: Sequence[BatchRow], prefixes: Sequence[Prefix] | None = None) -> list[Generated]:
    """Answer a batch of rows of equal group and equal ``max_new_tokens``.

    Args:
        weights: The model.
        rows: What to answer.
        prefixes: What was computed of each row before; `None` runs them as a whole.
    """
    start = time.monotonic()
    inputs, past = laid_out(weights, [row.prepared for row in rows], prefixes, rows[0].max_new_tokens)
    length = inputs["input_ids"].shape[1]
    tops = [row.top_logprobs for row in rows if row.top_logprobs is not None]
    chooser = TokenChooser(
        draws=[row.draw for row in rows],
        forbidding=_forbidding(weights, rows, length),
        top=max(tops, default=None),
    )
    stopper = RowStopper(weights.tokenizer, rows, length)
    ends = weights.end_tokens
    with torch.inference_mode():
        sequences = weights.model.generate(
            **inputs,
            **past,
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
        text, cut = _text(weights, tokens, row)
        reason: Literal["stop", "max_tokens", "model_length"] = "stop"
        if end is None and not cut:
            reason = "model_length" if row.cut_by_context else "max_tokens"
        logprobs = None
        if row.top_logprobs is not None:
            logprobs = recorded.of_row(number, tokens, row.top_logprobs, weights.tokenizer)
        answers.append(Generated(text, tokens, reason, logprobs, len(rows), seconds))
    return answers


class RowStopper(StoppingCriteria):
    """Ends a row after a stop sequence or a label, or when nobody waits for it any more.

    Args:
        tokenizer: Turns tokens into the text that is searched.
        rows: Those of the batch.
        length: Tokens of the padded input.
    """

    def __init__(self, tokenizer: Any, rows: Sequence[BatchRow], length: int) -> None:
        self._tokenizer = tokenizer
        self._rows = rows
        self._length = length
        self.ends: dict[int, int] = {}
        """Tokens up to and including what ended it, by row."""

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        done = []
        for number, row in enumerate(self._rows):
            if number not in self.ends and self._stops(row, input_ids[number]):
                self.ends[number] = input_ids.shape[1] - self._length
            done.append(number in self.ends or not row.wanted())
        return torch.tensor(done, dtype=torch.bool, device=input_ids.device)

    def _stops(self, row: BatchRow, sequence: Tensor) -> bool:
        if row.within is not None:
            label, longer = row.within.written(sequence[self._length :].tolist())
            return label is not None and not longer
        if row.until is not None:
            text = _raw_text(self._tokenizer, sequence[self._length :].tolist())
            if row.until.sure_end(text) is not None:
                return True
        if not row.stop:
            return False
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


def _text(weights: Weights, tokens: Sequence[int], row: BatchRow) -> tuple[str, bool]:
    """The answer's text, and whether a stop sequence or the end of a label cut it."""
    tokenizer = weights.tokenizer
    if row.within is not None:
        label, _ = row.within.written([token for token in tokens if token not in weights.end_tokens])
        if label is not None:
            return label, True
    raw = _raw_text(tokenizer, tokens)
    cuts = [at for text in row.stop if (at := raw.find(text)) >= 0]
    if row.until is not None and (end := row.until.sure_end(raw)) is not None:
        cuts.append(end)
    if not cuts:
        clean = tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return str(clean), False
    kept = raw[: min(cuts)]
    for special in tokenizer.all_special_tokens:
        kept = kept.replace(special, "")
    return kept, True


def _raw_text(tokenizer: Any, tokens: Sequence[int]) -> str:
    return str(tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False))


def _forbidding(weights: Weights, rows: Sequence[BatchRow], length: int) -> LogitsProcessorList:
    processors = LogitsProcessorList()
    if weights.bad_words:
        processors.append(NoBadWordsLogitsProcessor(weights.bad_words, sorted(weights.end_tokens)))
    if weights.suppressed:
        device = str(weights.device)
        processors.append(SuppressTokensLogitsProcessor(weights.suppressed, device=device))
    if any(row.within is not None for row in rows):
        processors.append(LabelsOnly([row.within for row in rows], length, sorted(weights.end_tokens)))
    return processors
