import math

import torch
from transformers import LogitsProcessorList

from blpo_inspect.models.sampling import Draw, TokenChooser, draw_tokens, stream_key


def draw(temperature: float = 1.0, top_p: float = 1.0, top_k: int | None = None, key: int = 0) -> Draw:
    return Draw(temperature=temperature, top_p=top_p, top_k=top_k, key=key)


def pick(probabilities: list[float], number: float, **how: float | int) -> int:
    logits = torch.tensor([probabilities]).log()
    return int(draw_tokens(logits, [draw(**how)], [number]))  # type: ignore[arg-type]  # by name


def test_a_number_falls_into_the_token_whose_share_covers_it() -> None:
    # cumulative: 0.2, 0.7, 1.0
    shares = [0.2, 0.5, 0.3]
    assert [pick(shares, number) for number in (0.0, 0.19, 0.21, 0.69, 0.71, 0.999999)] == [*(0, 0, 1, 1, 2, 2)]


def test_an_impossible_token_is_never_drawn() -> None:
    assert [pick([0.0, 1.0, 0.0], number) for number in (0.0, 0.5, 1 - 1e-16)] == [1, 1, 1]


def test_temperature_sharpens() -> None:
    # at temperature 0.5 the shares are squared: 1/17 and 16/17
    assert pick([0.2, 0.8], 0.1) == 0
    assert pick([0.2, 0.8], 0.1, temperature=0.5) == 1
    assert pick([0.2, 0.8], 0.05, temperature=0.5) == 0


def test_top_k_keeps_the_likeliest() -> None:
    shares = [0.1, 0.4, 0.2, 0.3]
    # of tokens 1 and 3, with shares 4/7 and 3/7
    assert [pick(shares, number, top_k=2) for number in (0.0, 0.57, 0.58, 0.99)] == [1, 1, 3, 3]


def test_top_p_keeps_the_smallest_set_that_reaches_it() -> None:
    shares = [0.1, 0.4, 0.2, 0.3]
    assert pick(shares, 0.99, top_p=0.3) == 1
    assert [pick(shares, number, top_p=0.6) for number in (0.0, 0.99)] == [1, 3]
    # 0.7 is reached by 0.4 + 0.3 only up to rounding, so ask for a little less
    assert [pick(shares, number, top_p=0.69) for number in (0.0, 0.99)] == [1, 3]
    assert pick(shares, 0.0, top_p=0.95) == 0


def test_frequencies_follow_the_shares() -> None:
    shares = [0.1, 0.6, 0.3]
    numbers = [(n + 0.5) / 1000 for n in range(1000)]
    logits = torch.tensor([shares]).log().expand(1000, 3)
    tokens = draw_tokens(logits, [draw()] * 1000, numbers)
    assert torch.bincount(tokens).tolist() == [100, 600, 300]


def test_rows_do_not_see_each_other() -> None:
    torch.manual_seed(1)
    logits = torch.randn(6, 50)
    draws = [draw(1.3, 0.8, 20, key=n) if n % 2 else None for n in range(6)]

    def run(rows: list[int]) -> list[int]:
        chooser = TokenChooser([draws[row] for row in rows], LogitsProcessorList(), None)
        tokens = [chooser(torch.zeros(len(rows), 1), logits[rows].clone()).argmax(-1).tolist() for _ in range(5)]
        return [token for step in zip(*tokens, strict=True) for token in step]

    together = run([0, 1, 2, 3, 4, 5])
    assert together == [token for row in range(6) for token in run([row])]
    assert together[:5] == [int(logits[0].argmax())] * 5


def test_recorded_are_the_models_own_log_probabilities() -> None:
    logits = torch.tensor([[1.0, 2.0, 0.0], [0.0, 0.0, 5.0]])
    chooser = TokenChooser([None, draw(0.01)], LogitsProcessorList(), 2)
    chooser(torch.zeros(2, 1), logits)
    (step,) = chooser.recorded
    total = math.log(math.exp(1) + math.exp(2) + 1)
    assert math.isclose(step.chosen[0].item(), 2 - total, rel_tol=1e-6)
    assert step.top_tokens[0].tolist() == [1, 0]
    assert math.isclose(step.top[0, 1].item(), 1 - total, rel_tol=1e-6)


def test_keys_differ_in_every_part() -> None:
    parts = [
        {"seed": 1, "digest": "a", "draw": 0, "choice": 0},
        {"seed": 2, "digest": "a", "draw": 0, "choice": 0},
        {"seed": None, "digest": "a", "draw": 0, "choice": 0},
        {"seed": 1, "digest": "b", "draw": 0, "choice": 0},
        {"seed": 1, "digest": "a", "draw": 1, "choice": 0},
        {"seed": 1, "digest": "a", "draw": 0, "choice": 1},
    ]
    keys = {stream_key(**part) for part in parts}  # type: ignore[arg-type]  # by name
    assert len(keys) == len(parts)
