"""Running only the end of a request, after a beginning that is kept.

A batch is laid out as ``padding | prefix | padding | rest`` per row: prefixes end in one column and rests end in one
column, whatever their lengths; masked padding between them changes nothing, as positions count real tokens.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
import transformers
from torch import Tensor
from torch.nn.functional import pad
from transformers.cache_utils import DynamicCache, DynamicLayer

from blpo_inspect.models.collate import SEQUENCE_INPUTS, join, on_device
from blpo_inspect.models.prefixes import Prefix, grouped
from blpo_inspect.models.processing import Prepared
from blpo_inspect.models.weights import Weights

hf: Any = transformers  # partly typed

GROWTH = 32
"""Tokens of room that are added at once where an answer outgrows its buffer."""


def compute(weights: Weights, requests: Sequence[Prepared]) -> list[Prefix]:
    """Run the beginnings of requests of equal group, as one batch, up to their last image token.

    Raises:
        TypeError: The model keeps something other than keys and values of each token.
    """
    heads = [
        {
            key: value[:, : request.prefix_length] if key in SEQUENCE_INPUTS else value
            for key, value in request.inputs.items()
        }
        for request in requests
    ]
    # not the model's own kind of cache: that cache may drop tokens outside of an attention window
    cache = DynamicCache()
    _run(weights, join(heads, pad_token=weights.pad_token), cache)
    longest = max(request.prefix_length for request in requests)
    columns = [torch.arange(longest - request.prefix_length, longest) for request in requests]
    return _prefixes(
        weights, cache, longest, columns, [_tokens(request, request.prefix_length) for request in requests]
    )


def extend(
    weights: Weights, requests: Sequence[Prepared], prefixes: Sequence[Prefix], lengths: Sequence[int]
) -> list[Prefix]:
    """Run some more tokens of requests, as one batch.

    Args:
        weights: The model.
        requests: One per row.
        prefixes: What was computed of each row before.
        lengths: How many tokens of each row will then be computed; more than its prefix has.
    """
    heads = [
        replace(
            request, inputs={key: value[:, :end] for key, value in request.inputs.items() if key in SEQUENCE_INPUTS}
        )
        for request, end in zip(requests, lengths, strict=True)
    ]
    more = [end - prefix.length for end, prefix in zip(lengths, prefixes, strict=True)]
    cache = cache_of(weights, prefixes, max(more))
    _run(weights, inputs_after(weights, heads, prefixes), cache)
    start = max(prefix.length for prefix in prefixes)
    end = start + max(more)
    columns = [
        torch.cat([torch.arange(start - prefix.length, start), torch.arange(end - new, end)])
        for prefix, new in zip(prefixes, more, strict=True)
    ]
    return _prefixes(weights, cache, end, columns, [_tokens(head, head.length) for head in heads])


def inputs_after(
    weights: Weights, requests: Sequence[Prepared], prefixes: Sequence[Prefix], margin: int = 0
) -> dict[str, Tensor]:
    """The sequence inputs of a batch in the layout above, on the CPU: each rows × (prefixes + rests).

    Args:
        weights: The model.
        requests: One per row.
        prefixes: What was computed of each row before.
        margin: Columns of padding that no row needs, before the prefixes and before the rests.
    """
    before = margin + max(prefix.length for prefix in prefixes)
    after = margin + longest_rest(requests, prefixes)
    laid: dict[str, list[Tensor]] = {}
    for request, prefix in zip(requests, prefixes, strict=True):
        for key, value in request.inputs.items():
            if key in SEQUENCE_INPUTS:
                fill = weights.pad_token if key == "input_ids" else 0
                head, tail = value[:, : prefix.length], value[:, prefix.length :]
                row = [
                    pad(head, (before - head.shape[1], 0), value=fill),
                    pad(tail, (after - tail.shape[1], 0), value=fill),
                ]
                laid.setdefault(key, []).append(torch.cat(row, dim=1))
    return {key: torch.cat(rows) for key, rows in laid.items()}


def longest_rest(requests: Sequence[Prepared], prefixes: Sequence[Prefix]) -> int:
    """Tokens that are left of the row that has most left."""
    return max(request.length - prefix.length for request, prefix in zip(requests, prefixes, strict=True))


def laid_out(
    weights: Weights, requests: Sequence[Prepared], prefixes: Sequence[Prefix] | None, room: int
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A batch as `generate` of the model takes it: inputs on its device, and the past as a further argument.

    Args:
        weights: The model.
        requests: One per row.
        prefixes: What was computed of each row before; `None` runs them as a whole.
        room: Tokens that will be decoded, as far as is known.
    """
    if prefixes is None:
        return on_device(join([request.inputs for request in requests], pad_token=weights.pad_token), weights), {}
    cache = cache_of(weights, prefixes, longest_rest(requests, prefixes) + min(room, GROWTH))
    return on_device(inputs_after(weights, requests, prefixes), weights), {"past_key_values": cache}


def cache_of(weights: Weights, prefixes: Sequence[Prefix], room: int, margin: int = 0) -> DynamicCache:
    """A batch's prefixes as a cache that a model continues, and the model told of their positions.

    Args:
        weights: The model that continues.
        prefixes: One per row.
        room: Tokens that will be added.
        margin: As in `inputs_after`.
    """
    longest = margin + max(prefix.length for prefix in prefixes)
    groups = prefixes[0].groups
    layers: dict[int, Tensor] = {}
    for place, group in enumerate(groups):
        first = prefixes[0].states[place]
        buffer = torch.empty(
            (len(group), len(prefixes), first.shape[1], longest + room, first.shape[3]),
            dtype=first.dtype,
            device=prefixes[0].homes[place],
        )
        for row, prefix in enumerate(prefixes):
            # masked keys still must be numbers
            buffer[:, row, :, : longest - prefix.length] = 0
            buffer[:, row, :, longest - prefix.length : longest].copy_(prefix.states[place], non_blocking=True)
        layers |= dict(zip(group, buffer, strict=True))
    cache = DynamicCache()
    cache.layers = [RoomyLayer(layers[number], layers[number + 1], longest) for number in range(0, len(layers), 2)]
    if prefixes[0].rope_delta is not None:
        weights.model.base_model.rope_deltas = torch.cat(
            [prefix.rope_delta for prefix in prefixes if prefix.rope_delta is not None]
        )
    return cache


class RoomyLayer(DynamicLayer):
    """Keys and values in a buffer with room at its end, so that a new token does not copy all former ones.

    Args:
        keys: Rows × heads × (length + room) × size.
        values: As `keys`.
        length: Tokens that are there already.
    """

    def __init__(self, keys: Tensor, values: Tensor, length: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # transformers is partly typed
        self.dtype, self.device = keys.dtype, keys.device
        self.is_initialized = True
        self._buffers = [keys, values]
        self.keys: Tensor = keys[..., :length, :]
        self.values: Tensor = values[..., :length, :]

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Add tokens; gives all keys and values so far."""
        start = self.keys.shape[-2]
        end = start + key_states.shape[-2]
        missing = end - self._buffers[0].shape[-2]
        if missing > 0:
            self._buffers = [pad(buffer, (0, 0, 0, max(missing, GROWTH))) for buffer in self._buffers]
        for buffer, states in zip(self._buffers, (key_states, value_states), strict=True):
            buffer[..., start:end, :] = states
        self.keys, self.values = (buffer[..., :end, :] for buffer in self._buffers)
        return self.keys, self.values


def _run(weights: Weights, inputs: dict[str, Tensor], cache: DynamicCache) -> None:
    """Fill a cache. The token that is chosen at the end is thrown away."""
    weights.model.generate(
        **on_device(inputs, weights),
        past_key_values=cache,
        generation_config=hf.GenerationConfig(max_new_tokens=1, do_sample=False, pad_token_id=weights.pad_token),
    )


def _prefixes(
    weights: Weights, cache: DynamicCache, length: int, columns: Sequence[Tensor], tokens: Sequence[tuple[int, ...]]
) -> list[Prefix]:
    """Each row's columns of a cache filled to a length, without what is padding."""
    states = [state for layer in cache.layers for state in _states_of(layer, length)]
    groups = grouped(states)
    deltas = getattr(weights.model.base_model, "rope_deltas", None)
    return [
        Prefix(
            states=tuple(
                torch.stack([states[number][row].index_select(1, at.to(states[number].device)) for number in group])
                for group in groups
            ),
            groups=groups,
            homes=tuple(states[group[0]].device for group in groups),
            tokens=tokens[row],
            rope_delta=None if deltas is None else deltas[row : row + 1].clone(),
        )
        for row, at in enumerate(columns)
    ]


def _states_of(layer: Any, length: int) -> tuple[Tensor, Tensor]:
    if type(layer) not in (DynamicLayer, RoomyLayer) or not layer.is_initialized:
        raise TypeError(f"a layer keeps its past as {type(layer).__name__}")
    if layer.keys.shape[-2] != length:
        raise TypeError(f"a layer keeps {layer.keys.shape[-2]} states of {length} tokens")
    return layer.keys, layer.values


def _tokens(request: Prepared, length: int) -> tuple[int, ...]:
    return tuple(request.inputs["input_ids"][0, :length].tolist())
