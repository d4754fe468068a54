"""Shortcuts are compared with the long way again along a run, and given up where that fails."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
import torch

from blpo_inspect.models import labelling, reuse, spot_checks
from blpo_inspect.models.continuation_check import why_not
from blpo_inspect.models.engine import forget_engines
from blpo_inspect.models.hf_vlm import HfVlmAPI
from blpo_inspect.models.spot_checks import EVERY, SHARE, SpotChecks

from . import test_label_answers as labels
from .test_reuse import PICTURES, PROMPTS, answer_all, logprobs, requests, told
from .tiny import ask, loaded, picture

pytestmark = pytest.mark.usefixtures("fresh")

Api = Callable[..., HfVlmAPI]


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many checks as batches."""
    monkeypatch.setattr(spot_checks, "EVERY", 1)
    monkeypatch.setattr(spot_checks, "SHARE", 1e9)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets time pass."""
    now = [0.0]
    monkeypatch.setattr("blpo_inspect.models.spot_checks.monotonic", lambda: now[0])

    def passes(seconds: float) -> None:
        now[0] += seconds

    return passes


def test_a_check_is_due_by_count_and_by_time(clock: Callable[[float], None]) -> None:
    checks = SpotChecks()

    def check(seconds: float) -> None:
        with checks.checking():
            clock(seconds)
        checks.worked += seconds

    check(1.0)
    checks.requests = EVERY
    checks.worked = 1.99 / SHARE  # this one and the next take two seconds
    assert not checks.is_due()
    checks.worked = 2.01 / SHARE
    assert checks.is_due()
    checks.requests = EVERY - 1
    assert not checks.is_due()
    checks.requests = EVERY
    check(3.0)
    checks.checked = 2
    checks.worked = 1000.0
    assert not checks.is_due()
    assert checks.figures() == {"requests": EVERY, "checked": 2, "share_of_time": 0.004}


def test_all_checks_of_a_long_run_stay_within_their_share(clock: Callable[[float], None]) -> None:
    checks, made = SpotChecks(), 0
    with checks.checking():
        clock(0.5)
    for batch in range(4000):
        if checks.is_due():
            made += 1
            with checks.checking():
                clock(0.3 + 0.1 * (batch % 3))
        checks.requests += 32
        checks.worked += 1.0
    assert made > 30
    assert checks.spent <= SHARE * checks.worked * 1.02


def checked(answers: list[Any], shortcut: str = "kept_images") -> dict[str, float]:
    """What the last call says."""
    figures: list[dict[str, float]] = [call.response["checks"][shortcut] for _, call in answers]
    return max(figures, key=lambda one: one["requests"])


def test_a_short_run_has_the_first_check_alone(api: Api) -> None:
    answers = answer_all(api("llava"), requests())
    said = checked(answers)
    assert (said["requests"], said["checked"]) == (16, 1)
    assert 0 < said["share_of_time"] < 1
    assert all(set(output.metadata or {}) == {"checkpoint", "runtime"} for output, _ in answers)  # what is recorded


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("family", ["llava", "qwen2.5-vl", "gemma3"])
def test_checks_along_a_run_change_no_answer(api: Api, family: str, caplog: pytest.LogCaptureFixture) -> None:
    whole = [answer_all(api(family, prefix_cache_gb=0), requests((prompt,))) for prompt in PROMPTS]
    forget_engines()
    model = api(family)
    with caplog.at_level(logging.INFO):
        parts = [answer_all(model, requests((prompt,))) for prompt in PROMPTS]
    for one, other in zip(parts, whole, strict=True):
        assert told(one) == told(other)
        torch.testing.assert_close(logprobs(one), logprobs(other), rtol=0, atol=5e-6)
    engine = loaded(model)
    assert engine.reuse.refused is None
    assert engine.reuse.checks.checked == 4  # one per prompt: nothing was kept under the first
    assert "12 requests were answered from kept images, 4 were checked and agree" in caplog.text


@pytest.mark.usefixtures("often")
def test_what_is_kept_wrongly_is_found_and_given_up(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    """The batch in which it is found, and what was prepared without pixels, is answered as a whole."""
    whole = answer_all(api("llava", prefix_cache_gb=0), requests())
    forget_engines()
    model = api("llava")
    answer_all(model, requests(PROMPTS[:1]))
    engine = loaded(model)
    with torch.inference_mode():
        for prefix in engine.reuse.store._kept.values():
            for state in prefix.states:
                state.add_(1.0)
    found = answer_all(model, requests())
    assert told(found) == told(whole)
    torch.testing.assert_close(logprobs(found), logprobs(whole), rtol=0, atol=5e-6)
    assert "4 requests were answered from kept images, 2 were checked, and the last check failed" in caplog.text
    assert "BLPO_CACHE=refresh" in caplog.text
    assert len(engine.reuse.store) == 0
    assert not engine.reuse.wanted(model.settings)
    assert told(answer_all(model, requests())) == told(whole)
    assert caplog.text.count("from now on") == 1


@pytest.mark.usefixtures("often")
def test_images_of_other_shapes_in_flight_when_reuse_is_given_up(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """They share a batch as long as what is kept of them is enough."""
    asked = [ask(prompt, picture(number, PICTURES[number % 4])) for prompt in PROMPTS for number in range(4)]
    whole = told(answer_all(api("idefics3", prefix_cache_gb=0), asked))
    forget_engines()
    model = api("idefics3", max_batch_size=4)
    answer_all(model, asked[:4])
    monkeypatch.setattr(reuse, "why_not", lambda *args: "it differs")
    assert told(answer_all(model, asked)) == whole
    assert loaded(model).reuse.refused == "it differs"


@pytest.mark.usefixtures("often")
def test_a_check_that_cannot_be_made_says_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    model = api("llava")
    first = answer_all(model, requests(PROMPTS[:2]))

    def scarce(*args: Any) -> Any:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(reuse, "why_not", scarce)
    assert told(answer_all(model, requests(PROMPTS[:2]))) == told(first)
    engine = loaded(model)
    assert engine.reuse.refused is None
    before = engine.reuse.checks.checked
    monkeypatch.setattr(reuse, "why_not", why_not)
    answer_all(model, requests(PROMPTS[:1]))
    assert engine.reuse.checks.checked == before + 1


@pytest.mark.usefixtures("often")
def test_labels_in_one_pass_are_checked_again(
    api: Api, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = api("llava", max_batch_size=3)
    first = labels.answer_all(model, labels.ASKED)
    labeller = loaded(model).labeller
    assert labeller.checks.checked == 2
    assert checked(first, "labels_in_one_pass")["requests"] == 6
    once = labelling.in_one_pass
    monkeypatch.setattr(labelling, "in_one_pass", lambda *args: once(*args).flip(-1))
    again = labels.answer_all(model, labels.ASKED)
    assert labeller._one_pass is False
    assert "6 requests were answered in one pass, 3 were checked, and the last check failed" in caplog.text
    for (one, _), (other, _) in zip(first, again, strict=True):
        assert (one.metadata or {})["label_logprobs"] == pytest.approx(
            (other.metadata or {})["label_logprobs"], abs=1e-4
        )
