"""The layout of a batch that goes on from kept prefixes, and the buffers it grows in; by hand, without a model."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers.cache_utils import DynamicCache, DynamicLayer

from blpo_inspect.models.continuation import GROWTH, RoomyLayer, cache_of, inputs_after, laid_out
from blpo_inspect.models.prefixes import Prefix, grouped
from blpo_inspect.models.processing import Prepared

from .kept_states import prefix_of

PAD = 9


def weights() -> Any:
    """Only what the layout asks of a model."""
    return SimpleNamespace(
        device=torch.device("cpu"),
        dtype=torch.float32,
        pad_token=PAD,
        model=SimpleNamespace(base_model=SimpleNamespace(rope_deltas=None)),
    )


def request(head: list[int], tail: list[int], **more: Tensor) -> Prepared:
    tokens = torch.tensor([[*head, *tail]])
    inputs = {"input_ids": tokens, "attention_mask": torch.ones_like(tokens), **more}
    return Prepared(inputs=inputs, prompt="", images=(), prefix="p", prefix_length=len(head))


def numbered(length: int, first: float, layers: int = 1) -> Prefix:
    """Keys `first`, `first` + 1, … and values ten times as large, of one head of size one."""
    keys = torch.arange(first, first + length, dtype=torch.float32).reshape(1, 1, length, 1)
    states = torch.cat([state for number in range(layers) for state in (keys + 100 * number, 10 * keys + 100 * number)])
    return prefix_of(states, groups=(tuple(range(2 * layers)),), tokens=range(length))


def test_inputs_by_hand() -> None:
    """Prefixes of 3 and 1 tokens, rests of 1 and 3: two columns of padding in front of either."""
    one = request([1, 2, 3], [4], token_type_ids=torch.tensor([[5, 5, 5, 6]]))
    other = request([1], [5, 6, 7], token_type_ids=torch.tensor([[5, 6, 6, 6]]))
    laid = inputs_after(weights(), [one, other], [numbered(3, 1), numbered(1, 1)])
    assert {key: value.tolist() for key, value in laid.items()} == {
        "input_ids": [[1, 2, 3, PAD, PAD, 4], [PAD, PAD, 1, 5, 6, 7]],
        "attention_mask": [[1, 1, 1, 0, 0, 1], [0, 0, 1, 1, 1, 1]],
        "token_type_ids": [[5, 5, 5, 0, 0, 6], [0, 0, 5, 6, 6, 6]],
    }


def test_inputs_with_a_margin_by_hand() -> None:
    laid = inputs_after(weights(), [request([1, 2], [3])], [numbered(2, 1)], 2)
    assert laid["input_ids"].tolist() == [[PAD, PAD, 1, 2, PAD, PAD, 3]]
    assert laid["attention_mask"].tolist() == [[0, 0, 1, 1, 0, 0, 1]]


def test_images_are_not_laid_out() -> None:
    laid = inputs_after(weights(), [request([1, 2], [3], pixel_values=torch.ones(1, 3))], [numbered(2, 1)])
    assert sorted(laid) == ["attention_mask", "input_ids"]


def test_the_past_by_hand() -> None:
    prefixes = [numbered(3, 1, layers=2), numbered(1, 7, layers=2)]
    cache = cache_of(weights(), prefixes, room=2)
    assert [kept(layer).get_seq_length() for layer in cache.layers] == [3, 3]
    assert cache.get_seq_length() == 3
    for number, layer in enumerate(cache.layers):
        more = 100 * number
        assert kept(layer).keys[:, 0, :, 0].tolist() == [[1 + more, 2 + more, 3 + more], [0, 0, 7 + more]]
        assert kept(layer).values[:, 0, :, 0].tolist() == [[10 + more, 20 + more, 30 + more], [0, 0, 70 + more]]


def kept(layer: Any) -> RoomyLayer:
    assert isinstance(layer, RoomyLayer)
    return layer


def test_the_past_with_a_margin_has_zeros_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # memory that was used before may hold anything, and NaN times a weight of zero is NaN
    monkeypatch.setattr(torch, "empty", lambda shape, **options: torch.full(shape, torch.nan, **options))
    cache = cache_of(weights(), [numbered(2, 1), numbered(1, 5)], room=4, margin=2)
    assert kept(cache.layers[0]).keys[:, 0, :, 0].tolist() == [[0, 0, 1, 2], [0, 0, 0, 5]]


def test_the_past_is_a_copy() -> None:
    prefix = numbered(2, 1)
    cache = cache_of(weights(), [prefix, prefix], room=1)
    kept(cache.layers[0]).keys.fill_(0.0)
    assert prefix.states[0].flatten().tolist() == [1, 2, 10, 20]


def test_layers_of_different_heads_and_types() -> None:
    """Two kinds of layers in turn, one of which keeps smaller values than keys: four groups."""
    states: list[Tensor] = []
    for number in range(4):
        heads, size, dtype = ((2, 3, torch.float32), (1, 4, torch.float64))[number % 2]
        keys = torch.full((heads, 2, size), float(number), dtype=dtype)
        values = torch.full((heads, 2, size - number % 2), 10.0 + number, dtype=dtype)
        states += [keys, values]
    groups = grouped([state[None] for state in states])
    assert groups == ((0, 1, 4, 5), (2, 6), (3, 7))
    prefix = prefix_of(*(torch.stack([states[number] for number in group]) for group in groups), groups=groups)
    cache = cache_of(weights(), [prefix, prefix], room=5)
    assert len(cache.layers) == 4
    for number, layer in enumerate(cache.layers):
        for found, wanted in zip((kept(layer).keys, kept(layer).values), states[2 * number :], strict=False):
            assert found.dtype == wanted.dtype
            assert torch.equal(found, torch.stack([wanted, wanted]))


def test_positions_ahead_of_token_counts_are_told_to_the_model() -> None:
    model = weights()
    prefixes = [replace(numbered(2, 1), rope_delta=torch.tensor([[delta]])) for delta in (-3, 4)]
    cache_of(model, prefixes, room=1)
    assert model.model.base_model.rope_deltas.tolist() == [[-3], [4]]


def test_room_is_for_the_rest_and_no_more_than_one_growth_of_an_answer() -> None:
    one = request([1, 2, 3], [4, 5])
    for room, wanted in ((4, 4), (500, GROWTH)):
        inputs, past = laid_out(weights(), [one], [numbered(3, 1)], room)
        assert inputs["input_ids"].tolist() == [[1, 2, 3, 4, 5]]
        layer = kept(past["past_key_values"].layers[0])
        assert layer._buffers[0].shape == (1, 1, 3 + 2 + wanted, 1)
        assert layer.get_seq_length() == 3


def test_without_prefixes_rows_are_joined_whole() -> None:
    inputs, past = laid_out(weights(), [request([1], [2]), request([], [3])], None, 5)
    assert inputs["input_ids"].tolist() == [[1, 2], [PAD, 3]]
    assert past == {}


def roomy(length: int, room: int, size: int = 2) -> tuple[RoomyLayer, DynamicLayer]:
    """The same past in both kinds of layer."""
    keys, values = torch.randn(2, 3, length + room, size), torch.randn(2, 3, length + room, size)
    plain = DynamicLayer()
    plain.update(keys[..., :length, :].clone(), values[..., :length, :].clone())
    return RoomyLayer(keys, values, length), plain


@given(
    st.integers(1, 6),
    st.integers(0, 6),
    st.lists(st.sampled_from([1, 1, 1, 2, 5, GROWTH - 1, GROWTH, GROWTH + 1, 3 * GROWTH]), max_size=12),
)
@settings(deadline=None)
def test_a_roomy_layer_holds_what_a_plain_one_holds(length: int, room: int, steps: list[int]) -> None:
    layer, plain = roomy(length, room)
    for step in steps:
        more = torch.randn(2, 3, step, 2), torch.randn(2, 3, step, 2)
        found, wanted = layer.update(*more), plain.update(*more)
        assert torch.equal(found[0], wanted[0])
        assert torch.equal(found[1], wanted[1])
        assert torch.equal(layer.keys, wanted[0])
        assert torch.equal(layer.values, wanted[1])
        assert layer.get_seq_length() == plain.get_seq_length()
        assert layer.get_mask_sizes(1) == plain.get_mask_sizes(1)
    assert layer.get_seq_length() == length + sum(steps)


def test_tokens_do_not_copy_the_past_while_there_is_room() -> None:
    layer, _ = roomy(4, 3)
    before = [buffer.data_ptr() for buffer in layer._buffers]
    one = torch.ones(2, 3, 1, 2)
    for _ in range(3):
        keys, _ = layer.update(one, one)
        assert keys.data_ptr() == before[0]
    layer.update(one, one)
    assert [buffer.data_ptr() for buffer in layer._buffers] != before
    assert layer._buffers[0].shape[-2] == 7 + GROWTH
    grown = [buffer.data_ptr() for buffer in layer._buffers]
    for _ in range(GROWTH - 1):
        layer.update(one, one)
    assert [buffer.data_ptr() for buffer in layer._buffers] == grown


def test_what_was_given_out_does_not_change_later() -> None:
    layer, _ = roomy(2, 4)
    one = torch.full((2, 3, 1, 2), 5.0)
    keys, _ = layer.update(one, one)
    copy = keys.clone()
    layer.update(2 * one, 2 * one)
    assert torch.equal(keys, copy)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.lists(st.integers(1, 4), max_size=4), st.integers(0, 3))
@settings(deadline=None)
def test_a_cache_goes_on_like_a_plain_one(lengths: list[int], steps: list[int], room: int) -> None:
    """Rows of any prefix lengths: each has its own past, in front of what is added."""
    prefixes = [numbered(length, 1 + 10 * row, layers=2) for row, length in enumerate(lengths)]
    cache = cache_of(weights(), prefixes, room)
    plain = DynamicCache()
    longest = max(lengths)
    for number in range(2):
        past = [
            torch.stack(
                [
                    torch.nn.functional.pad(one.states[0][2 * number + half], (0, 0, longest - one.length, 0))
                    for one in prefixes
                ]
            )
            for half in range(2)
        ]
        plain.update(past[0], past[1], number)
    for step in steps:
        for number in range(2):
            more = torch.randn(len(lengths), 1, step, 1)
            for found, wanted in zip(cache.update(more, -more, number), plain.update(more, -more, number), strict=True):
                assert torch.equal(found, wanted)
    assert cache.get_seq_length() == plain.get_seq_length() == longest + sum(steps)
