"""The store of kept prefixes: who goes, what is counted, many threads."""

import random
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from blpo_inspect.models.prefixes import PrefixStore, grouped

from .kept_states import prefix_of


def filled(budget: int, *keys: str, size: int = 10) -> PrefixStore:
    store = PrefixStore(budget)
    for key in keys:
        assert store.put(key, prefix_of(size))
    return store


def keys(store: PrefixStore) -> list[str]:
    """The next to go first."""
    return list(store._kept)


def test_bytes_by_hand() -> None:
    # 2 states × 1 head × 3 tokens × 2 numbers of 4 bytes, and once more with numbers of 2 bytes
    one = torch.zeros(2, 1, 3, 2)
    assert prefix_of(one, one.half()).nbytes == 2 * 3 * 2 * 4 + 2 * 3 * 2 * 2 == 72


def test_the_least_recently_put_goes_first() -> None:
    store = filled(30, "a", "b", "c", "d")
    assert keys(store) == ["b", "c", "d"]
    assert store.evicted == 1
    assert (len(store), store.nbytes) == (3, 30)


def test_what_was_asked_for_stays_longer() -> None:
    store = filled(30, "a", "b", "c")
    assert store.get("a") is not None
    store.put("d", prefix_of(10))
    assert keys(store) == ["c", "a", "d"]
    assert "b" not in store
    assert "a" in store


def test_looking_whether_it_is_there_is_no_use() -> None:
    store = filled(20, "a", "b")
    assert "a" in store
    assert (store.hits, store.misses) == (0, 0)
    store.put("c", prefix_of(10))
    assert keys(store) == ["b", "c"]


def test_a_large_one_pushes_out_as_many_as_it_needs() -> None:
    store = filled(30, "a", "b", "c")
    assert store.put("large", prefix_of(20))
    assert keys(store) == ["c", "large"]
    assert store.evicted == 2


def test_replacing_counts_once_and_renews() -> None:
    store = filled(30, "a", "b")
    longer = prefix_of(15)
    assert store.put("a", longer)
    assert (keys(store), store.nbytes, store.evicted) == (["b", "a"], 25, 0)
    assert store.get("a") is longer
    assert store.put("a", prefix_of(5))
    assert store.nbytes == 15
    # the former one's bytes are free for the new one
    assert store.put("a", prefix_of(20))
    assert (keys(store), store.nbytes, store.evicted) == (["b", "a"], 30, 0)


def test_one_over_the_budget_is_not_kept_and_pushes_out_nobody() -> None:
    store = filled(30, "a", "b")
    assert not store.put("large", prefix_of(31))
    assert (keys(store), store.nbytes, store.evicted) == (["a", "b"], 20, 0)
    assert store.get("large") is None
    assert store.put("fits", prefix_of(30))
    assert keys(store) == ["fits"]


def test_without_a_budget_nothing_is_kept() -> None:
    store = PrefixStore()
    assert not store.put("a", prefix_of(1))
    assert len(store) == store.nbytes == 0
    store.shrink()
    assert store.budget == 0


def test_shrinking_halves_the_budget_and_lets_go() -> None:
    store = filled(45, "a", "b", "c", "d")
    store.shrink()
    assert (store.budget, keys(store), store.nbytes, store.evicted) == (22, ["c", "d"], 20, 2)
    assert not store.put("e", prefix_of(23))
    store.shrink()
    assert (store.budget, keys(store)) == (11, ["d"])


def test_counters() -> None:
    store = filled(20, "a", "b")
    for key in ("a", "b", "c", "a", "d"):
        store.get(key)
    assert (store.hits, store.misses) == (3, 2)
    store.put("c", prefix_of(10))
    assert store.get("b") is None
    assert (store.hits, store.misses, store.evicted) == (3, 3, 1)


def test_whoever_holds_a_prefix_may_use_it_after_it_left() -> None:
    store = PrefixStore(20)
    store.put("a", prefix_of(torch.arange(20, dtype=torch.uint8).reshape(2, 1, 10, 1)))
    held = store.get("a")
    store.put("b", prefix_of(20))
    assert "a" not in store
    assert held is not None
    assert held.states[0].flatten().tolist() == list(range(20))


def test_offloaded_ones_are_equal_and_in_host_memory() -> None:
    given_one = prefix_of(torch.arange(12.0).reshape(2, 1, 3, 2), torch.ones(1, 2, 3, 1))
    store = PrefixStore(10**6, offload=True)
    assert store.put("a", given_one)
    back = store.get("a")
    assert back is not None
    assert all(state.device.type == "cpu" for state in back.states)
    assert all(torch.equal(left, right) for left, right in zip(back.states, given_one.states, strict=True))
    assert (back.length, back.groups, back.rope_delta) == (given_one.length, given_one.groups, given_one.rope_delta)
    assert store.nbytes == given_one.nbytes


@given(
    st.integers(0, 40),
    st.lists(
        st.tuples(st.sampled_from(["put", "put", "get", "shrink"]), st.sampled_from("abcd"), st.integers(1, 20)),
        max_size=40,
    ),
)
def test_against_a_plain_model(budget: int, actions: list[tuple[str, str, int]]) -> None:
    store = PrefixStore(budget)
    model: OrderedDict[str, int] = OrderedDict()
    hits = misses = evicted = 0
    for action, key, size in actions:
        if action == "put":
            assert store.put(key, prefix_of(size)) == (size <= budget)
            if size <= budget:
                model.pop(key, None)
                model[key] = size
        elif action == "get":
            found = store.get(key)
            assert (None if found is None else found.nbytes) == model.get(key)
            hits, misses = hits + (key in model), misses + (key not in model)
            if key in model:
                model.move_to_end(key)
        elif action == "shrink":
            store.shrink()
            budget //= 2
        while sum(model.values()) > budget:
            model.popitem(last=False)
            evicted += 1
        assert keys(store) == list(model)
        assert (store.nbytes, len(store), store.budget) == (sum(model.values()), len(model), budget)
    assert (store.hits, store.misses, store.evicted) == (hits, misses, evicted)


def test_many_threads() -> None:
    store = PrefixStore(200)
    rounds, threads = 400, 8

    def work(seed: int) -> tuple[int, int]:
        draw = random.Random(seed)
        asked = found = 0
        for _ in range(rounds):
            key = f"k{draw.randrange(30)}"
            if draw.random() < 0.5:
                # each key has one size, so that a mix-up would show
                store.put(key, prefix_of(1 + int(key[1:])))
            else:
                asked += 1
                one = store.get(key)
                if one is not None:
                    found += 1
                    assert one.nbytes == 1 + int(key[1:])
        return asked, found

    with ThreadPoolExecutor(threads) as pool:
        done = list(pool.map(work, range(threads)))
    assert store.nbytes == sum(one.nbytes for one in store._kept.values()) <= 200
    assert store.hits == sum(found for _, found in done)
    assert store.hits + store.misses == sum(asked for asked, _ in done)


def test_reads_and_writes_hold_the_lock() -> None:
    """Whoever changes the store waits while another does."""
    store = filled(30, "a")
    with ThreadPoolExecutor(3) as pool:
        with store._lock:
            waiting: list[Future[Any]] = [
                pool.submit(store.get, "a"),
                pool.submit(store.put, "b", prefix_of(10)),
                pool.submit(store.shrink),
            ]
            assert not any(one.done() for one in waiting)
            for one in waiting:
                with pytest.raises(TimeoutError):
                    one.result(0.05)
        for one in waiting:
            one.result(10)


def test_states_of_one_shape_and_place_are_stacked() -> None:
    def state(heads: int, size: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        return torch.zeros(3, heads, 7, size, dtype=dtype)

    assert grouped([state(2, 4)] * 4) == ((0, 1, 2, 3),)
    assert grouped([state(2, 4), state(2, 4), state(1, 4), state(2, 8), state(2, 4), state(2, 4, torch.float16)]) == (
        (0, 1, 4),
        (2,),
        (3,),
        (5,),
    )
    assert grouped([]) == ()


def test_the_first_tokens_of_a_prefix() -> None:
    whole = prefix_of(torch.arange(12.0).reshape(2, 1, 3, 2), torch.arange(3.0).reshape(1, 1, 3, 1), tokens=[7, 8, 9])
    two = whole.cut(2)
    assert (two.length, two.tokens, two.groups, two.homes) == (2, (7, 8), whole.groups, whole.homes)
    assert [state.flatten().tolist() for state in two.states] == [[0, 1, 2, 3, 6, 7, 8, 9], [0, 1]]
    assert whole.cut(3) is whole
    assert whole.length == 3
