"""Labels instead of text: probabilities of all labels in one pass, and text that ends with its label."""

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from inspect_ai.model import GenerateConfig, ModelCall, ModelOutput

from blpo_inspect.judging.answer_mode import resolve_label
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.outputs import verdict_of
from blpo_inspect.models import labelling
from blpo_inspect.models.collate import join, on_device
from blpo_inspect.models.engine import forget_engines
from blpo_inspect.models.errors import RequestError
from blpo_inspect.models.hf_vlm import HfVlmAPI
from blpo_inspect.models.label_tree import LabelTree
from blpo_inspect.models.labels_only import LabelsOnly

from .tiny import MAKERS, PALIGEMMA, ask, loaded, picture

pytestmark = pytest.mark.usefixtures("fresh")

Api = Callable[..., HfVlmAPI]

NAMES = {"good": "good", "bad": "bad", "good image": "fine", "yes": "good", "a b c": "spelled", "a b d": "misspelled"}
"""Of one to three words, some of which begin others."""

ASKED = [
    ask(prompt, picture(number, (40 + 10 * number, 30)))
    for prompt in ("is this image good or bad ?", "w1 w2 w3 yes or no ? w4 w5")
    for number in range(3)
]


def body(kind: str, names: dict[str, str]) -> dict[str, Any]:
    return {"blpo_answer": {"kind": kind, "names": names}}


def answer_all(
    model: HfVlmAPI, asked: Sequence[list[Any]], kind: str = "likelihood", names: dict[str, str] = NAMES, **config: Any
) -> list[tuple[ModelOutput, ModelCall]]:
    async def run() -> list[tuple[ModelOutput, ModelCall]]:
        settings = GenerateConfig(extra_body=body(kind, names), **config)
        return await asyncio.gather(*(model.generate(messages, [], "none", settings) for messages in asked))

    return asyncio.run(run())


class Words:
    """A tokenizer whose tokens are the characters of lower-case words."""

    unk_token_id = 0

    def __call__(self, text: str, add_special_tokens: bool) -> dict[str, list[int]]:
        assert not add_special_tokens
        return {"input_ids": [0 if char.isupper() or char == " " else ord(char) - ord("0") + 1 for char in text]}


def uniform(tree: LabelTree, size: int = 100) -> torch.Tensor:
    return torch.full((1 + len(tree.tokens), size), -math.log(size), dtype=torch.float64)


def test_the_mass_of_labels_by_hand() -> None:
    """1 and 10 share their first token: 10 gets what goes on with 0, 1 the rest."""
    tree = LabelTree((("1", "1"), ("10", "10"), ("2", "2")), Words(), model="test")
    one, two, zero = (Words()(text, add_special_tokens=False)["input_ids"][0] for text in "120")
    assert tree.tokens == [one]
    logprobs = uniform(tree)
    logprobs[0, one], logprobs[0, two] = math.log(0.5), math.log(0.25)
    logprobs[1, zero] = math.log(0.2)
    found = {label: math.exp(value) for label, value in tree.label_logprobs(logprobs).items()}
    assert found == pytest.approx({"1": 0.5 * 0.8, "10": 0.5 * 0.2, "2": 0.25})


def test_names_of_a_label_add_up_and_the_impossible_has_no_mass() -> None:
    tree = LabelTree((("a", "x"), ("b", "x"), ("cd", "y")), Words(), model="test")
    a, b, c, d = (Words()(text, add_special_tokens=False)["input_ids"][0] for text in "abcd")
    logprobs = torch.full((2, 100), -math.inf, dtype=torch.float64)
    logprobs[0, a], logprobs[0, b], logprobs[0, c] = math.log(0.2), math.log(0.3), math.log(0.5)
    logprobs[1, d] = -math.inf
    assert tree.label_logprobs(logprobs) == {"x": pytest.approx(math.log(0.5)), "y": -math.inf}


def test_labels_that_a_tokenizer_cannot_tell_or_write() -> None:
    with pytest.raises(RequestError, match="no tokens for the label 'X'"):
        LabelTree(
            (("A B", "X"), ("ok", "ok")),
            type("Caps", (Words,), {"__call__": lambda *a, **k: {"input_ids": []}})(),
            model="test",
        )
    with pytest.raises(RequestError, match="'left' and 'right' are the same"):
        LabelTree((("a", "left"), ("a", "right")), Words(), model="test")


@given(st.lists(st.text("012ab", min_size=1, max_size=4), min_size=1, max_size=6, unique=True), st.integers(0, 10**6))
def test_probabilities_of_labels_never_exceed_one(words: list[str], seed: int) -> None:
    tree = LabelTree(tuple((word, word) for word in words), Words(), model="test")
    logits = torch.randn(1 + len(tree.tokens), 60, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    found = tree.label_logprobs((3 * logits).log_softmax(-1))
    assert set(found) == set(words)
    assert sum(map(math.exp, found.values())) <= 1 + 1e-9
    assert {path for node in range(1, len(tree.tokens) + 1) for path in [tree.path(node)]} == {
        path[:end] for path in tree.paths for end in range(1, len(path) + 1)
    }


def reference(model: HfVlmAPI, messages: list[Any], template: str | None, names: dict[str, str]) -> dict[str, float]:
    """By plain forward passes, one per token of every way to write a label."""
    engine = loaded(model)
    from blpo_inspect.models.conversation import take_apart
    from blpo_inspect.models.processing import Processing

    prepared = Processing(engine.weights).prepare(take_apart(messages, model="test"), template)
    tokenizer = engine.weights.tokenizer

    def following(tokens: tuple[int, ...]) -> torch.Tensor:
        made = engine.weights.model.generate(
            **on_device(join([prepared.inputs], pad_token=0), engine.weights),
            generation_config=labelling.hf.GenerationConfig(
                max_new_tokens=len(tokens) + 1,
                do_sample=False,
                pad_token_id=0,
                output_logits=True,
                return_dict_in_generate=True,
            ),
            prefix_allowed_tokens_fn=lambda row, ids: (
                [tokens[len(ids) - prepared.length]]
                if len(ids) - prepared.length < len(tokens)
                else list(range(len(tokenizer)))
            ),
        )
        logits: torch.Tensor = made.logits[len(tokens)][0]
        return logits.double().log_softmax(-1)

    def paths(name: str) -> set[tuple[int, ...]]:
        ways = {
            f"{space}{case}" for space in ("", " ") for case in (name, name.lower(), name.upper(), name.capitalize())
        }
        found = {tuple(tokenizer(way, add_special_tokens=False)["input_ids"]) for way in ways}
        return {path for path in found if tokenizer.unk_token_id not in path}

    everything = {path: label for name, label in names.items() for path in paths(name)}
    total = dict.fromkeys(names.values(), 0.0)
    for path, label in everything.items():
        mass = math.exp(sum(float(following(path[:at])[path[at]]) for at in range(len(path))))
        longer = {
            other[: len(path) + 1] for other in everything if len(other) > len(path) and other[: len(path)] == path
        }
        if longer:
            after = following(path).exp()
            mass *= 1 - sum(float(after[other[-1]]) for other in longer)
        total[label] += mass
    return total


@pytest.mark.parametrize("family", list(MAKERS))
@pytest.mark.parametrize("reuse", [True, False])
def test_probabilities_are_those_of_plain_forward_passes(api: Api, family: str, reuse: bool) -> None:
    model = api(family, **({} if reuse else {"prefix_cache_gb": 0}))
    answers = answer_all(model, ASKED)
    once = None if not reuse or family == "paligemma" else True
    assert loaded(model).labeller._one_pass is (None if family == "gemma3" else once)  # its window is too small
    template = PALIGEMMA if family == "paligemma" else None
    for messages, (output, _) in list(zip(ASKED, answers, strict=True))[::3]:
        wanted = reference(model, messages, template, NAMES)
        assert output.metadata is not None
        found = {label: math.exp(value) for label, value in output.metadata["label_logprobs"].items()}
        assert found == pytest.approx(wanted, rel=2e-4, abs=1e-9)
        assert list(found) == ["good", "bad", "fine", "spelled", "misspelled"]
        assert output.completion == max(found, key=lambda label: found[label])
        assert output.stop_reason == "stop"
        assert output.usage is not None
        assert output.usage.output_tokens == 0


@pytest.mark.parametrize("family", [family for family in MAKERS if family not in ("paligemma", "gemma3")])
def test_all_labels_take_one_forward_pass(api: Api, family: str) -> None:
    model = api(family)
    answer_all(model, ASKED[:3])
    passes: list[int] = []
    hook = loaded(model).weights.model.register_forward_hook(lambda *args: passes.append(1))
    answers = answer_all(model, ASKED[3:])
    hook.remove()
    assert len(passes) == 1
    assert {call.response["batch_size"] for _, call in answers if call.response} == {3}


def test_an_attention_that_takes_no_mask_goes_step_by_step(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    once = answer_all(api("llava"), ASKED)
    forget_engines()
    monkeypatch.setattr(labelling, "MASKED_ATTENTION", ())
    model = api("llava")
    steps = answer_all(model, ASKED)
    assert loaded(model).labeller._one_pass is False
    for (first, _), (second, _) in zip(once, steps, strict=True):
        assert first.metadata is not None
        assert second.metadata is not None
        assert first.metadata["label_logprobs"] == pytest.approx(second.metadata["label_logprobs"], abs=1e-4)


def test_a_mask_that_is_not_heeded_is_found_out(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = answer_all(api("llava", prefix_cache_gb=0), ASKED)
    forget_engines()
    kept = labelling.in_one_pass
    monkeypatch.setattr(labelling, "in_one_pass", lambda *args: kept(*args).flip(-1))
    model = api("llava")
    found = answer_all(model, ASKED)
    assert loaded(model).labeller._one_pass is False
    assert [output.completion for output, _ in found] == [output.completion for output, _ in steps]


def test_probabilities_do_not_depend_on_the_batch(api: Api) -> None:
    model = api("qwen2.5-vl")
    together = answer_all(model, ASKED)
    alone = [answer_all(model, [messages])[0] for messages in ASKED]
    for (first, _), (second, _) in zip(together, alone, strict=True):
        assert first.metadata is not None
        assert second.metadata is not None
        assert first.metadata["label_logprobs"] == pytest.approx(second.metadata["label_logprobs"], abs=1e-5)


def test_a_request_without_an_image_has_labels_too(api: Api) -> None:
    ((output, _),) = answer_all(api("llava"), [ask("is it good or bad ?")])
    assert output.metadata is not None
    assert set(output.metadata["label_logprobs"]) == set(NAMES.values())


@pytest.mark.parametrize(
    "wrong",
    [
        {"blpo_answer": {"kind": "guess", "names": {"a": "a"}}},
        {"blpo_answer": {"kind": "label", "names": {}}},
        {"blpo_answer": {"kind": "label", "names": {"a": 1}}},
        {"blpo_answer": "label"},
        {"blpo_answer": {"kind": "label", "names": {"a": "a"}}, "other": 1},
    ],
)
def test_a_malformed_wish_is_refused(api: Api, wrong: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match="extra_body"):
        asyncio.run(api("llava").generate(ASKED[0], [], "none", GenerateConfig(extra_body=wrong)))


def test_likelihoods_are_not_drawn(api: Api) -> None:
    with pytest.raises(RequestError, match="temperature"):
        answer_all(api("llava"), ASKED[:1], temperature=1.0)


def test_text_ends_with_its_label(api: Api) -> None:
    """The tiny model's own first word serves as label: then one more token shows that the word is over."""
    model = api("llava")
    free = answer_all(model, ASKED, kind="label", names={"nothing": "nothing", "never": "never"}, max_tokens=8)
    assert all(output.usage is not None and output.usage.output_tokens == 8 for output, _ in free)
    said = [output.completion.split()[0] for output, _ in free]
    asked = [messages for messages, word in zip(ASKED, said, strict=True) if word.isalnum()]
    words = [word for word in said if word.isalnum()]
    assert len(words) > 2
    ended = answer_all(model, asked, kind="label", names={word: word for word in (*words, "never")}, max_tokens=8)
    assert [output.completion.strip() for output, _ in ended] == words
    assert all(output.usage is not None and output.usage.output_tokens <= 3 for output, _ in ended)
    assert {output.stop_reason for output, _ in ended} == {"stop"}


def among(model: HfVlmAPI, messages: list[Any], names: Sequence[str], template: str | None) -> str:
    """The label that transformers' own constrained decoding writes, token by token."""
    from blpo_inspect.models.conversation import take_apart
    from blpo_inspect.models.processing import Processing

    weights = loaded(model).weights
    prepared = Processing(weights).prepare(take_apart(messages, model="test"), template)
    tokenizer, end = weights.tokenizer, min(weights.end_tokens)
    paths = {
        tuple(tokenizer(f"{space}{case}", add_special_tokens=False)["input_ids"]): name
        for name in names
        for space in ("", " ")
        for case in (name, name.lower(), name.upper(), name.capitalize())
    }
    paths = {path: name for path, name in paths.items() if tokenizer.unk_token_id not in path}

    def allowed(row: int, ids: torch.Tensor) -> list[int]:
        so_far = tuple(ids[prepared.length :].tolist())
        following = {path[len(so_far)] for path in paths if path[: len(so_far)] == so_far and len(path) > len(so_far)}
        return [*following, *([end] if so_far in paths else [])] or [end]

    made = weights.model.generate(
        **on_device(join([prepared.inputs], pad_token=0), weights),
        generation_config=labelling.hf.GenerationConfig(
            max_new_tokens=6, do_sample=False, pad_token_id=0, eos_token_id=end
        ),
        prefix_allowed_tokens_fn=allowed,
    )
    tokens = made[0, prepared.length :].tolist()
    return paths[tuple(tokens[: tokens.index(end)])]


LABELS = ["good", "bad", "good image", "a b c", "a b d", "a"]


@pytest.mark.parametrize("family", list(MAKERS))
def test_decoding_among_labels_is_that_of_transformers(api: Api, family: str) -> None:
    model = api(family)
    answers = answer_all(model, ASKED, kind="structured", names={label: label for label in LABELS})
    template = PALIGEMMA if family == "paligemma" else None
    for messages, (output, _) in list(zip(ASKED, answers, strict=True))[::3]:
        assert output.completion == among(model, messages, LABELS, template)
        assert output.stop_reason == "stop"
        assert output.metadata is not None
        assert output.metadata["constrained_to_labels"] is True


def test_drawn_labels_are_labels_and_differ(api: Api) -> None:
    names = {label: label for label in LABELS}
    asked = [ASKED[0]] * 40
    drawn = [output.completion for output, _ in answer_all(api("llava"), asked, "structured", names, temperature=5.0)]
    assert set(drawn) <= set(LABELS)
    assert {"good image", "a"} & set(drawn)  # one that begins another, or goes on
    assert len(set(drawn)) > 2


def test_text_beside_labels_in_one_batch_stays_text(api: Api) -> None:
    model = api("llava")
    alone, _ = asyncio.run(model.generate(ASKED[1], [], "none", GenerateConfig(max_tokens=6)))

    async def both() -> Sequence[tuple[ModelOutput, ModelCall]]:
        wish = GenerateConfig(max_tokens=6, extra_body=body("structured", {label: label for label in LABELS}))
        return await asyncio.gather(
            model.generate(ASKED[0], [], "none", wish),
            model.generate(ASKED[1], [], "none", GenerateConfig(max_tokens=6)),
        )

    (label, call), (text, _) = asyncio.run(both())
    assert call.response is not None
    assert call.response["batch_size"] == 2
    assert label.completion in LABELS
    assert text.completion == alone.completion
    assert "constrained_to_labels" not in (text.metadata or {})


def test_a_label_that_was_cut_off_is_no_label(api: Api) -> None:
    names = {"a b c": "a b c", "c d e": "c d e"}
    ((output, _),) = answer_all(api("llava"), ASKED[:1], "structured", names, max_tokens=1)
    assert output.stop_reason == "max_tokens"
    assert output.completion in ("a", "c")
    scale = LabelScale("unordered", tuple(names))
    assert verdict_of(resolve_label("structured", output, scale), scale).label is None


def test_what_a_checkpoint_forbids_is_still_a_label() -> None:
    tree = LabelTree((("1", "1"), ("2", "2")), Words(), model="test")
    one, two = (Words()(text, add_special_tokens=False)["input_ids"][0] for text in "12")
    scores = torch.zeros(2, 100)
    scores[:, [one, two]] = -torch.inf
    left = LabelsOnly([tree, None], 0, [99])(torch.zeros(2, 0, dtype=torch.long), scores)
    assert left[0].isfinite().nonzero().flatten().tolist() == sorted([one, two])
    assert torch.equal(left[1], scores[1])
