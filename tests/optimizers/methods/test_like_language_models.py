"""Every method with an optimizer that answers as language models do: what they write around a prompt, and instead."""

from collections.abc import Callable

import pytest
from inspect_ai.solver import Solver

from blpo_inspect.optimizers.methods.blpo import blpo
from blpo_inspect.optimizers.methods.opro import opro
from blpo_inspect.optimizers.methods.protegi import protegi
from blpo_inspect.optimizers.methods.textgrad import textgrad
from tests.optimizers import toy
from tests.optimizers.toy import START, World, ids, solve

pytestmark = pytest.mark.usefixtures("scripted")

GOOD = "Say yes if the square is even.\nElse say no."

USABLE = {
    "reasoning first": "1. The judge ignores parity.\n2. Both examples show it.\n\n<{tag}>\n{prompt}\n</{tag}>",
    "the tags announced": "I will write it between <{tag}> and </{tag}>.\n\n<{tag}>\n{prompt}\n</{tag}>",
    "the tags mentioned after": "<{tag}>\n{prompt}\n</{tag}>\n\nThe prompt is between <{tag}> and </{tag}>, as asked.",
    "a note after": "<{tag}>\n{prompt}\n</{tag}>\n\n**Note:** I kept the wording short.",
    "not closed": "Here it is.\n<{tag}>\n{prompt}",
    "escaped": "<{tag}>\n{prompt}\n<\\/{tag}>",
    "upper case": "<{TAG}>\n{prompt}\n</{TAG}>",
    "hyphenated": "<{hyphenated}>\n{prompt}\n</{hyphenated}>",
    "fenced": "```xml\n<{tag}>\n{prompt}\n</{tag}>\n```",
    "fenced within": "<{tag}>\n```\n{prompt}\n```\n</{tag}>",
    "a draft before": "<{tag}>\nA draft?\n</{tag}>\nOn reflection, this is better:\n<{tag}>\n{prompt}\n</{tag}>",
}

USELESS = {
    "no change": "The instruction is right as it is.\n<no_change/>",
    "no change in words": "<{tag}>\n[No change needed]\n</{tag}>",
    "a refusal": "I'm sorry, but I can't help with that.",
    "a refusal within": "<{tag}>\nI'm sorry, but I cannot assist with this request.\n</{tag}>",
    "no tags": "A better prompt asks whether the square is even.",
    "only a mention": "Please find it between <{tag}> and </{tag}>.",
    "a placeholder": "<{tag}>\n[insert the new prompt here]\n</{tag}>",
    "nothing": "<{tag}>\n\n</{tag}>",
}

METHODS: dict[str, Callable[[], Solver]] = {
    "blpo": lambda: blpo(max_calls=120, outer_steps=2, inner_steps=1, batch_size=2),
    "opro": lambda: opro(max_calls=120),
    "protegi": lambda: protegi(max_calls=120),
    "textgrad": lambda: textgrad(max_calls=120),
}


def with_blpo(kinds: dict[str, str]) -> list[tuple[str, str]]:
    """BLPO with every kind; the others, which read answers by the same code, with two."""
    return [(method, kind) for method in METHODS for kind in (kinds if method == "blpo" else list(kinds)[:2])]


def optimized(monkeypatch: pytest.MonkeyPatch, method: str, answer: str) -> tuple[str, World]:
    """The judge prompt that a method leaves whose every proposal is written so; GOOD is right about everything."""

    def written(prompt: str | list[str], tag: str = "judge_prompt") -> str:
        if tag == "critique":
            return f"<{tag}>{prompt}</{tag}>"
        said = "List what you see." if tag == "i2t_prompt" else GOOD
        return answer.format(tag=tag, TAG=tag.upper(), hyphenated=tag.replace("_", "-"), prompt=said)

    monkeypatch.setattr(toy, "tagged", written)
    every = {name for split in toy.SIZES for name in ids(split)}
    world = World(
        wrong={START: {name for name in every if int(name[-1]) % 3 == 0}},
        judge_prompts={START: "-", GOOD: "-"},
        i2t_prompts=["-"],
        edits=lambda prompt, why: "-",
        rewordings=lambda prompt, seed: "-",
        outscores=lambda shown, seed: "-",
    )
    return solve(world, METHODS[method]()).judge, world


@pytest.mark.parametrize(("method", "written"), with_blpo(USABLE))
def test_a_prompt_is_found_in_what_is_written_around_it(
    monkeypatch: pytest.MonkeyPatch, method: str, written: str
) -> None:
    left, world = optimized(monkeypatch, method, USABLE[written])
    assert left == GOOD
    assert {call[1] for call in world.of("judge")} == {START, GOOD}


@pytest.mark.parametrize(("method", "written"), with_blpo(USELESS))
def test_what_is_no_prompt_is_never_judged(monkeypatch: pytest.MonkeyPatch, method: str, written: str) -> None:
    left, world = optimized(monkeypatch, method, USELESS[written])
    assert left == START
    assert {call[1] for call in world.of("judge")} == {START}
