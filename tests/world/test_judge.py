"""The shipped judge: what its model card claims, recomputed on a sample through the real checkpoint."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoProcessor

from blpo_inspect.models.checkpoint import resolve
from blpo_inspect.world import JUDGE
from blpo_inspect.world.drawing import draw
from training import judge_checkpoint
from training.batches import Encoder, Stream, collate
from training.evaluate import WORDINGS, Judge, evaluate
from training.phrasing import MARK
from training.skills import SKILLS, example
from training.train import Part, train

SAMPLE = 120
TINY = (Part(2, 1e-3, {"caption": 1, "safety rules": 1}, batch=4), Part(1, 1e-3, {"alignment rules": 1}, batch=4))
ROW = re.compile(r"^\| ([a-z ]+) \| ([a-z -]+) \| (\d+) \| ([\d.]+)% \| ([\d.]+)% \|$", re.MULTILINE)


def claimed() -> dict[tuple[str, str], tuple[float, float]]:
    """Accuracy and base rate by skill and wording, as the model card states them."""
    card = (JUDGE / "README.md").read_text()
    return {(m[1], m[2]): (float(m[4]) / 100, float(m[5]) / 100) for m in ROW.finditer(card)}


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge()


def test_the_card_names_every_skill_in_both_wordings() -> None:
    assert set(claimed()) == {(skill, wording) for skill in SKILLS for wording in WORDINGS.values()}


@pytest.mark.parametrize("skill", list(SKILLS))
def test_the_card_holds_on_a_sample(judge: Judge, skill: str) -> None:
    """Other test examples than the card's; within 3.5 standard errors of the claim."""
    for result in evaluate(judge, SAMPLE, [skill], first=1_000_000):
        if result.wording in WORDINGS.values():
            accuracy, base_rate = claimed()[skill, result.wording]
            error = np.sqrt(max(accuracy * (1 - accuracy), 0.01) / SAMPLE)
            assert result.accuracy >= accuracy - 3.5 * error
            assert result.accuracy > result.base_rate
            assert abs(result.base_rate - base_rate) < 0.2


def test_the_checkpoint_is_small_and_holds_no_code_or_pickle() -> None:
    files = {path.relative_to(JUDGE).as_posix(): path.stat().st_size for path in JUDGE.rglob("*") if path.is_file()}
    assert {Path(name).suffix for name in files} <= {".json", ".jinja", ".md", ".safetensors"}
    assert sum(files.values()) < 8_000_000


def test_training_sees_what_the_checkpoint_sees() -> None:
    """The trainer's fast encoding equals processor and chat template, token by token and pixel by pixel."""
    processor = AutoProcessor.from_pretrained(JUDGE)
    vocabulary = processor.tokenizer.get_vocab()
    encoder = Encoder(sorted(vocabulary, key=vocabulary.get))
    for skill in SKILLS:
        for seed in range(15):
            item = example(seed, skill, held_out_wording=seed % 2 == 1)
            ours = encoder(item)
            text = {"type": "text", "text": item.text.replace(f" {MARK}", "")}
            picture = {"type": "image", "image": draw(item.scene, item.drawing_seed)}
            theirs = processor.apply_chat_template(
                [{"role": "user", "content": [picture, text] if item.shown else [text]}],
                tokenize=True,
                add_generation_prompt=True,
                return_dict=True,
                return_tensors="pt",
            )
            assert ours.ids[: ours.start] == theirs["input_ids"][0].tolist()
            if ours.pixels is not None:
                # 8-bit rounding of the resized picture may differ by one step
                step = 1 / 255 / judge_checkpoint.PIXEL_STD[0]
                assert np.abs(ours.pixels - theirs["pixel_values"][0].numpy()).max() <= 1.01 * step


def test_auxiliary_targets_stand_at_the_words_they_are_about() -> None:
    words = judge_checkpoint.vocabulary(examples_per_skill=300)
    encoder = Encoder(words)
    for seed in range(50):
        item = example(seed, "rating rules")
        encoded = encoder(item)
        for place, rule in zip(encoded.marks, item.rules, strict=True):
            last = words[encoded.ids[place]]
            assert last in ("<unk>", *(rule.shape or "", f"{rule.shape}s"), rule.colour) or rule.shape is None
        item = example(seed, "alignment rules")
        encoded = encoder(item)
        assert words[encoded.ids[encoded.claim_at]] == "</"


def test_a_batch_may_hold_no_picture_target_or_phrase() -> None:
    encoder = Encoder(judge_checkpoint.vocabulary(examples_per_skill=200))
    batch = collate([encoder(example(seed, "caption")) for seed in range(4)])
    assert batch["marks"].shape == (0, 2)
    assert batch["claim_truths"].shape[0] == 0


def test_the_stream_can_be_resumed() -> None:
    words = judge_checkpoint.vocabulary(examples_per_skill=100)
    shares = dict.fromkeys(SKILLS, 1.0)
    whole = iter(Stream(words, shares, (1, 0), 4))
    batches = [next(whole) for _ in range(12)]
    again = iter(Stream(words, shares, (1, 0), 4, first_step=8))
    for expected in batches[8:]:
        assert torch.equal(next(again)["ids"], expected["ids"])


def test_training_is_deterministic_and_learns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        train(folder, TINY, seed=5, examples_per_skill=50)
    first, second = ((folder / "model.safetensors").read_bytes() for folder in folders)
    assert first == second
    assert "parameters" in capsys.readouterr().out
    train(tmp_path / "three", TINY, seed=6, examples_per_skill=50)
    assert (tmp_path / "three" / "model.safetensors").read_bytes() != first


def test_the_revision_is_that_of_recorded_calls() -> None:
    """Every file of the folder counts, the model card too: a change makes every recorded call miss.

    A new training changes it, and with it this line, baselines and bundles.
    """
    recorded = "sha256:7b78cc2bfd52c04bd6516f711edb2648e2be98ac13de51ea95267b984a3e6a3a"
    assert resolve("shapes-judge").revision == recorded
