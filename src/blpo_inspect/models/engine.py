"""Loaded models of this process: each set of weights once, with its queue.

Imports torch: import this module only when an answer is really to be computed.
"""

import gc
import os
import time
from collections.abc import Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from threading import Lock, Thread

import torch
from pydantic import JsonValue

from blpo_inspect._util.unanswerable import UnanswerableError
from blpo_inspect.judging.label_lexer import LabelLexer
from blpo_inspect.models.batching import Batcher, Load, Ticket
from blpo_inspect.models.checkpoint import Checkpoint, folder_digest
from blpo_inspect.models.collate import SEQUENCE_INPUTS, group_of
from blpo_inspect.models.conversation import Conversation
from blpo_inspect.models.errors import CheckpointError, RequestError
from blpo_inspect.models.generation import BatchRow, Generated, generate
from blpo_inspect.models.generation_request import GenerationSettings
from blpo_inspect.models.labelling import Labeller
from blpo_inspect.models.memory import SHARE_FOR_BATCH, bytes_per_token, free_bytes, is_out_of_memory
from blpo_inspect.models.model_args import ModelSettings
from blpo_inspect.models.prefixes import Prefix
from blpo_inspect.models.processing import Prepared, Processing, brief
from blpo_inspect.models.reuse import PrefixReuse
from blpo_inspect.models.sampling import Draw, stream_key
from blpo_inspect.models.weights import Weights, load_weights


class Engine:
    """One loaded model: requests are prepared on a small pool and answered on one thread."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.processing = Processing(weights)
        self.reuse = PrefixReuse(weights, self.processing)
        self.labeller = Labeller(weights)
        self.batcher: Batcher[BatchRow, Generated] = Batcher(
            self._run,
            name=f"hf-vlm {weights.name}",
            recover=self._recover,
            is_kept=self.reuse.store.__contains__,
        )
        self._affordable_tokens = max(
            1, int(SHARE_FOR_BATCH * free_bytes(weights.device)) // bytes_per_token(weights.model)
        )
        # images decode side by side; the processor itself takes turns
        self._pool = ThreadPoolExecutor(min(4, os.cpu_count() or 1), thread_name_prefix="hf-vlm prepare")
        self._draws: dict[str, int] = {}
        self._lock = Lock()

    def start(
        self,
        tickets: list[Ticket[BatchRow, Generated]],
        conversation: Conversation,
        request: GenerationSettings,
        settings: ModelSettings,
    ) -> "Future[Prepared]":
        """Prepare a request off the calling thread and queue it under its tickets.

        Args:
            tickets: Announced ones, one per wanted answer. What goes wrong reaches them too.
            conversation: The messages.
            request: How to answer.
            settings: Of the provider that asks: its chat template and its batch limits.
        """
        return self._pool.submit(self._start, tickets, conversation, request, settings)

    def _start(
        self,
        tickets: list[Ticket[BatchRow, Generated]],
        conversation: Conversation,
        request: GenerationSettings,
        settings: ModelSettings,
    ) -> Prepared:
        try:
            if not any(ticket.is_wanted() for ticket in tickets):
                raise RequestError("nobody waits for this request any more")
            prepared, prefix, kept = self._prepare(conversation, settings)
            again = partial(self.processing.prepare, conversation, settings.chat_template)
            rows = [
                replace(
                    row, prefix=prefix, kept=kept, again=again, grows=not settings.deterministic and self._near(row)
                )
                for row in self._rows(prepared, request)
            ]
        except Exception as error:
            for ticket in tickets:
                ticket.fail(error)
            raise
        for ticket, row in zip(tickets, rows, strict=True):
            ticket.submit(replace(row, wanted=ticket.is_wanted), self._load(row, settings))
        return prepared

    def _prepare(
        self, conversation: Conversation, settings: ModelSettings
    ) -> tuple[Prepared, str | None, Prefix | None]:
        """The request, what its beginning is known by, and that beginning if it is there and was looked for."""
        reuse = self.reuse.wanted(settings)
        # what was computed beside other images may differ in the last bits
        scope = " alone" if settings.deterministic else ""
        kept: dict[str, Prefix | None] = {}

        def is_kept(prefix: str) -> bool:
            kept[prefix] = self.reuse.store.get(prefix + scope) if reuse else None
            return kept[prefix] is not None

        prepared = self.processing.prepare(conversation, settings.chat_template, is_kept)
        if not reuse or prepared.prefix is None:
            return prepared, None, None
        return prepared, prepared.prefix + scope, kept.get(prepared.prefix)

    def _load(self, row: BatchRow, settings: ModelSettings) -> Load:
        prepared = row.prepared
        like: list[Hashable] = [tuple(sorted(key for key in prepared.inputs if key in SEQUENCE_INPUTS))]
        if row.prefix is None or not self.reuse.continues:
            like.append(group_of(prepared.inputs))
        if row.prefix is not None and not self._near(row):
            # padding between prefix and rest would push tokens out of the window
            like.append(prepared.length - prepared.prefix_length)
        return Load(
            group=(
                tuple(like),
                row.prefix is None,
                row.max_new_tokens,
                row.names,
                settings.max_batch_size,
                settings.max_batch_tokens,
                settings.deterministic,
            ),
            length=prepared.length,
            room=row.max_new_tokens,
            max_size=1 if settings.deterministic else settings.max_batch_size,
            max_tokens=settings.max_batch_tokens or self._affordable_tokens,
            prefix=row.prefix,
            prefix_length=prepared.prefix_length if row.prefix is not None else 0,
        )

    def _near(self, row: BatchRow) -> bool:
        return self.weights.in_window(row.prepared.length + row.max_new_tokens)

    def _rows(self, prepared: Prepared, request: GenerationSettings) -> list[BatchRow]:
        room = request.max_tokens
        context = self.weights.context_length
        if context is not None:
            if prepared.length >= context:
                raise UnanswerableError(
                    f"the request has {prepared.length} tokens with its {len(prepared.images)} images, but the model's"
                    f" context is {context}; use fewer or smaller images, or a shorter prompt"
                )
            room = min(room, context - prepared.length)
        draws: list[Draw | None] = [None] * request.choices
        if request.temperature > 0:
            digest = prepared.digest()
            turn = 0 if request.seed is not None else self._next_draw(digest)
            draws = [
                Draw(
                    temperature=request.temperature,
                    top_p=request.top_p,
                    top_k=request.top_k,
                    key=stream_key(seed=request.seed, digest=digest, draw=turn, choice=choice),
                )
                for choice in range(request.choices)
            ]
        return [
            BatchRow(
                prepared=prepared,
                max_new_tokens=room,
                cut_by_context=room < request.max_tokens,
                draw=draw,
                stop=request.stop,
                names=request.names if request.answer == "likelihood" else None,
                within=self.labeller.tree(request.names) if request.answer == "structured" else None,
                until=LabelLexer(dict(request.names)) if request.answer == "label" else None,
                top_logprobs=request.top_logprobs if request.logprobs else None,
            )
            for draw in draws
        ]

    def _next_draw(self, digest: str) -> int:
        with self._lock:
            turn = self._draws.get(digest, 0)
            self._draws[digest] = turn + 1
        return turn

    def _run(self, rows: Sequence[BatchRow]) -> list[Generated]:
        try:
            return self._answer(rows)
        except Exception as error:
            # an error of several does not say whose it is: it is looked at again when each of them has failed alone
            if len(rows) > 1 or isinstance(error, RequestError):
                raise
            failure = error.with_traceback(None)  # it holds what is in memory
        prepared = rows[0].prepared
        which = f"one request of {prepared.length} tokens with {_sizes(prepared)}"
        if is_out_of_memory(failure):
            self._free_memory()
            what = f"out of memory for {which}; use fewer or smaller images, or a smaller model"
            raise UnanswerableError(what, lasting=False)
        if self._fails_alike(rows[0]):
            raise failure
        raise UnanswerableError(f"the model fails at {which}: {brief(failure)}") from failure

    def _answer(self, rows: Sequence[BatchRow]) -> list[Generated]:
        start = time.monotonic()
        try:
            with torch.inference_mode():
                prefixes = self.reuse.of(rows)
                if prefixes is None:
                    rows = [row.whole() for row in rows]
                if rows[0].names is not None:
                    return self.labeller.label(rows, prefixes)
                return generate(self.weights, rows, prefixes)
        finally:
            for checks in (self.reuse.checks, self.labeller.checks):
                checks.worked += time.monotonic() - start

    def checks(self) -> dict[str, JsonValue]:
        """For a log: how many requests took a shortcut so far, and how many of them went the long way too."""
        return {
            "kept_images": {**self.reuse.checks.figures()},
            "labels_in_one_pass": {**self.labeller.checks.figures()},
        }

    def _fails_alike(self, row: BatchRow) -> bool:
        """Whether the model fails at a request with ordinary pictures too, so that these are not to blame."""
        try:
            prepared = self.processing.ordinary(row.prepared)
            self._answer([replace(row, prepared=prepared, prefix=row.prefix and prepared.prefix, kept=None)])
        except Exception:
            return True
        return False

    def _recover(self, error: Exception) -> bool:
        if not is_out_of_memory(error):
            return False
        self._free_memory()
        return True

    def _free_memory(self) -> None:
        self.reuse.store.shrink()
        _free_memory()


_engines: dict[Hashable, "Future[Engine]"] = {}
_lock = Lock()


def engine_for(checkpoint: Checkpoint, settings: ModelSettings) -> "Future[Engine]":
    """The process's one engine for these weights; the first call starts loading it in a thread.

    Equal checkpoint, dtype, device, quantization and attention give the same engine. A load that
    failed is forgotten, so that a later call tries again.

    The future gets a CheckpointError where the weights cannot be loaded.
    """
    key = (
        str(checkpoint.folder.resolve()) if checkpoint.folder is not None else checkpoint.name,
        checkpoint.revision,
        settings.dtype,
        settings.device,
        settings.quantization,
        settings.attn_implementation,
        settings.trust_remote_code,
    )
    with _lock:
        known = _engines.get(key)
        if known is not None:
            return known
        future = _engines[key] = Future()

    def load() -> None:
        try:
            engine = Engine(load_weights(checkpoint, settings))
            _check_unchanged(checkpoint)
        except BaseException as error:
            with _lock:
                _engines.pop(key, None)
            future.set_exception(error)
        else:
            future.set_result(engine)

    Thread(target=load, name=f"hf-vlm load {checkpoint.name}", daemon=True).start()
    return future


def forget_engines() -> None:
    """Let go of all loaded weights; running batches end first. New requests load them again."""
    with _lock:
        _engines.clear()
    _free_memory()


def _check_unchanged(checkpoint: Checkpoint) -> None:
    if checkpoint.folder is not None and folder_digest(checkpoint.folder) != checkpoint.revision:
        raise CheckpointError(f"{checkpoint.name}: the folder changed since it was first looked at; start anew")


def _sizes(prepared: Prepared) -> str:
    sizes = ", ".join(f"{image['width']}×{image['height']}" for image in prepared.images[:5])
    more = " …" if len(prepared.images) > 5 else ""
    return f"{len(prepared.images)} images" + (f" ({sizes}{more} pixels)" if sizes else "")


def _free_memory() -> None:
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
