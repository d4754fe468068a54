"""Requests put together from halves that were processed before."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from inspect_ai.model import ContentImage, ContentText
from pydantic import JsonValue
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from torch import Tensor

from blpo_inspect.models.conversation import take_apart
from blpo_inspect.models.engine import forget_engines
from blpo_inspect.models.hf_vlm import HfVlmAPI
from blpo_inspect.models.processing import Prepared, Processing
from blpo_inspect.models.processor_cache import Halves
from blpo_inspect.models.weights import Weights

from .test_provider import answer_one
from .tiny import WORDS, ask, hf, loaded, picture

Api = Callable[..., HfVlmAPI]

IMAGES: tuple[dict[str, JsonValue], ...] = ({"sha256": "x", "width": 1, "height": 2},)


def inputs(head: Sequence[int], tail: Sequence[int], pixels: int = 10, **more: Tensor) -> dict[str, Tensor]:
    tokens = torch.tensor([[*head, *tail]])
    return {
        "input_ids": tokens,
        "attention_mask": torch.ones_like(tokens),
        "pixel_values": torch.full((1, pixels), float(sum(head)), dtype=torch.float32),
        **more,
    }


def learn(halves: Halves, head: str, tail: str, pixels: int = 10, **more: Tensor) -> None:
    """A request whose tokens are its characters."""
    made = inputs([ord(char) for char in head], [ord(char) for char in tail], pixels, **more)
    halves.learn(head, tail, made, len(head), IMAGES)


def test_two_requests_give_four() -> None:
    halves = Halves()
    learn(halves, "ab", "xyz")
    assert halves.find("ab", "w") is halves.find("c", "xyz") is None
    learn(halves, "c", "w")
    for head in ("ab", "c"):
        for tail in ("xyz", "w"):
            found = halves.find(head, tail)
            assert found is not None
            assert found[0].tokens["input_ids"].tolist() == [[ord(char) for char in head]]
            assert found[1]["input_ids"].tolist() == [[ord(char) for char in tail]]
            assert found[0].tokens["attention_mask"].shape == (1, len(head))
            assert found[1]["attention_mask"].shape == (1, len(tail))
            assert found[0].pixels is not None
            assert list(found[0].pixels) == ["pixel_values"]
            assert float(found[0].pixels["pixel_values"][0, 0]) == sum(map(ord, head))
            assert found[0].images == IMAGES


def test_a_tail_that_differs_after_another_head_ends_it_all(caplog: pytest.LogCaptureFixture) -> None:
    halves = Halves()
    learn(halves, "a", "x")
    halves.learn("b", "x", inputs([1], [2]), 1, IMAGES)
    assert "cannot be processed apart" in caplog.text
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    learn(halves, "c", "z")
    assert all(halves.find(head, tail) is None for head in "abc" for tail in "xz")


def test_a_head_that_differs_before_another_tail_ends_it_all(caplog: pytest.LogCaptureFixture) -> None:
    halves = Halves()
    learn(halves, "a", "x")
    halves.learn("a", "y", inputs([2], [ord("y")]), 1, IMAGES)
    assert halves.find("a", "x") is None
    assert len(caplog.records) == 1


def test_an_input_more_or_less_is_a_difference() -> None:
    halves = Halves()
    learn(halves, "a", "x")
    learn(halves, "b", "x", token_type_ids=torch.zeros(1, 2, dtype=torch.long))
    assert halves.find("a", "x") is None


def test_what_is_said_twice_stays_usable(caplog: pytest.LogCaptureFixture) -> None:
    halves = Halves()
    for _ in range(3):
        learn(halves, "a", "x", pixels=5)
    assert halves.find("a", "x") is not None
    assert halves._held == 5 * 4
    assert not caplog.records


def test_inputs_that_nobody_knows_how_to_cut_are_not_learned() -> None:
    halves = Halves()
    learn(halves, "a", "x", cross_attention_mask=torch.ones(1, 2, 1, 4))
    assert halves.find("a", "x") is None
    assert halves._held == 0


def test_pixels_are_let_go_and_come_back() -> None:
    halves = Halves()
    learn(halves, "a", "x")
    learn(halves, "b", "x")
    assert halves._held == 80
    halves.forget_pixels("a")
    halves.forget_pixels("a")
    halves.forget_pixels("never seen")
    assert halves._held == 40
    found = halves.find("a", "x")
    assert found is not None
    assert found[0].pixels is None
    assert found[0].nbytes == 0
    assert found[0].images == IMAGES
    assert found[0].tokens["input_ids"].tolist() == [[ord("a")]]
    learn(halves, "a", "x")
    back = halves.find("a", "x")
    assert back is not None
    assert back[0].pixels is not None
    assert halves._held == 80


def held(halves: Halves, heads: str) -> str:
    """The heads that still have pixels."""
    return "".join(head for head in heads if halves._heads[head].pixels is not None)


def test_pixels_are_bound_in_bytes_and_the_longest_unused_go() -> None:
    halves = Halves(pixels=120)
    for head in "abc":
        learn(halves, head, "x")
    assert held(halves, "abc") == "abc"
    halves.find("a", "x")
    learn(halves, "d", "x")
    assert held(halves, "abcd") == "acd"
    assert halves._held == 120
    learn(halves, "e", "x", pixels=25)
    assert held(halves, "abcde") == "e"
    assert halves._held == 100
    assert halves.find("a", "x") is not None, "tokens stay"
    learn(halves, "f", "x", pixels=31)  # alone over the bound: not kept, and the others went for it
    assert halves._held == 0


def test_entries_are_bound() -> None:
    halves = Halves(entries=2)
    for head, tail in ("ax", "by", "cx"):
        learn(halves, head, tail)
    assert halves.find("a", "x") is None
    assert halves.find("b", "x") is not None
    assert halves.find("c", "y") is not None
    assert halves._held == 80
    halves.find("b", "y")
    learn(halves, "d", "z")
    assert (list(halves._heads), list(halves._tails)) == (["b", "d"], ["y", "z"])


def test_many_threads() -> None:
    halves = Halves(pixels=200, entries=6)

    def work(seed: int) -> None:
        for turn in range(300):
            head, tail = "abcdefgh"[(seed + turn) % 8], "stuvwxyz"[(seed * turn) % 8]
            found = halves.find(head, tail)
            if found is None:
                learn(halves, head, tail)
            else:
                assert found[0].tokens["input_ids"].tolist() == [[ord(head)]]
                assert found[1]["input_ids"].tolist() == [[ord(tail)]]
            if turn % 3 == 0:
                halves.forget_pixels(head)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    assert halves._held == sum(head.nbytes for head in halves._heads.values()) <= 200
    assert len(halves._heads) <= 6
    assert len(halves._tails) <= 6


# --- through Processing, with tokenizers that treat spaces as released ones do


def metaspace(scheme: str) -> Any:
    """As Llama's: a word with the space before it is one token, and a section's first word gets one or not."""
    pieces = [("<unk>", 0.0)] + [(token, 0.0) for token in ("<pad>", "<s>", "</s>", "<image>")]
    pieces += [(f"▁{word}", -1.0) for word in WORDS] + [(word, -2.0) for word in WORDS] + [("▁", -3.0)]
    backend = Tokenizer(models.Unigram(pieces, unk_id=0))
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    backend.decoder = decoders.Metaspace(prepend_scheme=scheme)
    return backend


def prefixing() -> Any:
    """As older Llama tokenizers: a normalizer puts a space before each section."""
    backend = metaspace("never")
    backend.pre_tokenizer = None
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    return backend


def closing() -> Any:
    """Puts a token at the end, but only where the template wrote none at the beginning."""
    backend = metaspace("first")
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 2), ("</s>", 3)]
    )
    return backend


def stripping() -> Any:
    """The image's token takes the spaces around it."""
    backend = metaspace("always")
    backend.add_special_tokens([AddedToken("<image>", lstrip=True, rstrip=True, special=True)])
    return backend


TOKENIZERS: dict[str, Callable[[], Any]] = {
    "metaspace, always": lambda: metaspace("always"),
    "metaspace, first": lambda: metaspace("first"),
    "metaspace, never": lambda: metaspace("never"),
    "prefixing": prefixing,
    "stripping": stripping,
    "closing": closing,
}

TEMPLATE = (
    "{% for message in messages %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endfor %}"
)
"""Pastes text next to images as it is."""


@pytest.fixture(scope="module")
def weights(api: Callable[..., HfVlmAPI]) -> Weights:
    model = api("llava")
    answer_one(model, ask("is this", picture(1)))
    found: Weights = loaded(model).weights
    return found


def processing(weights: Weights, backend: Any) -> Processing:
    backend.add_special_tokens(["<pad>", "<s>", "</s>", "<image>"])
    tokenizer = hf.PreTrainedTokenizerFast(
        tokenizer_object=backend, unk_token="<unk>", pad_token="<pad>", bos_token="<s>", eos_token="</s>"
    )
    processor = hf.LlavaProcessor(
        image_processor=weights.processor.image_processor,
        tokenizer=tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    )
    return Processing(replace(weights, processor=processor))


def prepared(by: Processing, before: str, image: int, after: str) -> Prepared:
    (message,) = ask("", picture(image))
    content = [ContentText(text=before), ContentImage(image=picture(image)), ContentText(text=after)]
    return by.prepare(take_apart([message.model_copy(update={"content": content})], model="test"), TEMPLATE)


BEFORE = ("", "a b ", "w1", "w1 ")
AFTER = ("is this", " is this", "is this good", "  is", "\n\nw2", "good ")


@pytest.mark.parametrize("name", [name for name in TOKENIZERS if name != "closing"])
def test_tokenizers_that_mind_spaces(
    weights: Weights, name: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every text before an image with every one after it, in an order that puts most together from halves."""
    by = processing(weights, TOKENIZERS[name]())
    asked = [(before, number, after) for number in range(3) for before in BEFORE for after in AFTER]
    made = 0
    plain, process = by._process, []

    def counting(*args: Any) -> Any:
        process.append(1)
        return plain(*args)

    monkeypatch.setattr(by, "_process", counting)
    for before, number, after in asked:
        together = prepared(by, before, number, after)
        apart = prepared(processing(weights, TOKENIZERS[name]()), before, number, after)
        made += 1
        assert (together.prompt, together.prefix, together.prefix_length) == (
            apart.prompt,
            apart.prefix,
            apart.prefix_length,
        )
        assert together.inputs.keys() == apart.inputs.keys()
        for key, value in together.inputs.items():
            assert torch.equal(value, apart.inputs[key]), (key, before, after)
    assert not caplog.records
    assert len(process) < made / 3, "most were put together"


@pytest.mark.parametrize("order", ["XYXY", "XXYY", "XYYX"])
def test_a_tokenizer_that_ends_texts_by_how_they_begin(weights: Weights, order: str) -> None:
    """Two templates, of which one writes the beginning that the tokenizer would add, with an end: halves of one must
    not be put to those of the other."""
    templates = {"X": f"<s>{TEMPLATE}", "Y": TEMPLATE}
    by = processing(weights, closing())
    for name, (number, after) in zip(order, ((1, "is this"), (2, "good"), (1, "good"), (2, "is this")), strict=True):
        conversation = take_apart(ask(after, picture(number)), model="test")
        together = by.prepare(conversation, templates[name])
        apart = processing(weights, closing()).prepare(conversation, templates[name])
        assert together.inputs["input_ids"].tolist() == apart.inputs["input_ids"].tolist()
        assert (together.inputs["input_ids"][0, -1] == 3) == (name == "Y")


def test_a_tokenizer_that_joins_the_text_after_an_image_with_it(
    weights: Weights, caplog: pytest.LogCaptureFixture
) -> None:
    """An even image's text is read differently from an odd one's: found out, and right from then on."""

    class Odd(Processing):
        def _process(self, prompt: str, pictures: list[Any]) -> dict[str, Tensor]:
            made = super()._process(prompt, pictures)
            if pictures and pictures[0].width % 2:
                made["input_ids"][0, -1] = 7
            return made

    odd = Odd(weights)

    def ids(by: Processing, text: str, width: int) -> list[list[int]]:
        conversation = take_apart(ask(text, picture(1, (width, 30))), model="test")
        tokens: list[list[int]] = by.prepare(conversation, None).inputs["input_ids"].tolist()
        return tokens

    ids(odd, "is this", 40)
    ids(odd, "is this", 41)
    assert caplog.text.count("cannot be processed apart") == 1
    for text in ("is this", "good", "bad"):
        for width in (40, 41, 42, 43):
            assert ids(odd, text, width) == ids(Odd(weights), text, width)


def test_answers_from_halves(api: Api, tmp_path: Path) -> None:
    """The same answers, from halves as from the whole, where the two were never seen together."""
    forget_engines()
    model = api("llava")
    texts = [f"w{number} is this good or bad ?" for number in range(4)]

    def said(by: HfVlmAPI, text: str, image: int) -> str:
        return answer_one(by, ask(text, picture(image)))[0].completion

    for number in range(4):
        said(model, texts[number], number)
    crossed = [said(model, text, image) for text in texts for image in range(4)]
    forget_engines()
    assert crossed == [said(api("llava", prefix_cache_gb=0), text, image) for text in texts for image in range(4)]
