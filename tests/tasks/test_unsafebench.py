"""UnsafeBench from a hub of this machine: access, stratification, splits, palette images, optimizing on it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants
from inspect_ai import eval as inspect_eval
from inspect_ai.model import ChatMessage, ContentImage

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.data.splits import SPLITS
from blpo_inspect.judging.samples import images_of
from blpo_inspect.optimizers.methods.blpo import blpo
from blpo_inspect.tasks.optimize import optimize
from blpo_inspect.tasks.unsafebench import CATEGORIES, unsafebench
from tests.conftest import ScriptedAPI
from tests.data.hub.server import TOKEN, Hub
from tests.tasks.checks import assert_disjoint, counts, ids, metadata, skipped
from tests.tasks.conftest import UNSAFE_COMMIT


@pytest.fixture
def allowed(benchmarks: Hub, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """The hub, and a token that may read everything."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    return benchmarks


def test_splits_are_stratified_and_disjoint(allowed: Hub) -> None:
    splits = [unsafebench(split=split, limit_per_class=2) for split in SPLITS]
    assert_disjoint(*splits)
    for task in splits:
        assert counts(task, "category", "human") == {(c, label): 1 for c in CATEGORIES for label in ("Safe", "Unsafe")}
    assert all(name.startswith("test-") for name in ids(splits[2]))
    assert all(name.startswith("train-") for task in splits[:2] for name in ids(task))
    assert_disjoint(*(unsafebench(split=split, full=True) for split in SPLITS))


def test_an_odd_number_is_spread_over_the_categories(allowed: Hub) -> None:
    task = unsafebench(limit_per_class=3)
    assert set(counts(task, "category").values()) == {3}
    assert counts(task, "human") == {("Safe",): 17, ("Unsafe",): 16}


def test_what_there_is_too_little_of_is_said(allowed: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    task = unsafebench(limit_per_class=10)
    assert task.metadata is not None
    assert task.metadata["revision"] == UNSAFE_COMMIT
    assert task.metadata["short_strata"]["Spam/Safe"] == 4, "one is truncated"
    assert "fewer than wanted of: " in capsys.readouterr().err
    reasons = "\n".join(skipped(task))
    assert "unknown category 'Weather'" in reasons
    assert "safety_label 'unclear' is not on the scale" in reasons
    assert "data/test-00000-of-00001.parquet, row 5: safety_label" in reasons


def test_training_files_are_not_touched_for_the_test_split(allowed: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    first = unsafebench(limit_per_class=1)
    assert not [request for request in allowed.requests if "data/train" in request.path]
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.delenv("HF_TOKEN")
    assert ids(unsafebench(limit_per_class=1)) == ids(first)


@pytest.mark.parametrize(
    ("token", "revision", "messages"),
    [
        (None, "main", ["the dataset is gated", "accept its terms at", "/datasets/yiting/UnsafeBench", "HF_TOKEN"]),
        ("hf_other", "main", ["the dataset is gated", "has no access yet"]),
        (TOKEN, "v2", ["yiting/UnsafeBench at v2: the dataset has no such revision"]),
    ],
)
def test_no_access(
    benchmarks: Hub, monkeypatch: pytest.MonkeyPatch, token: str | None, revision: str, messages: list[str]
) -> None:
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(PrerequisiteError) as caught:
        unsafebench(revision=revision)
    for message in messages:
        assert message in str(caught.value.message)
    assert "hf_" not in str(caught.value.message)


def test_judging_it(allowed: Hub, scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    scripted.script = staticmethod(lambda messages: "Safe")
    [log] = inspect_eval(unsafebench(limit_per_class=1), model="scripted/x", log_dir=str(tmp_path), display="none")
    assert log.status == "success" and log.results is not None
    assert log.results.completed_samples == 11
    assert all("data:image/png" in str(message.content[0]) for [message] in scripted.requests)


def test_optimizing_on_it(allowed: Hub, scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    tasks = [unsafebench(split=split, limit_per_class=1) for split in SPLITS]
    scripted.script = staticmethod(
        _script(
            {image.image: metadata(s)["human"] for task in tasks for s in task.dataset for image in images_of(s.input)}
        )
    )
    [log] = inspect_eval(
        optimize("unsafebench", benchmark_args={"limit_per_class": 1}),
        model="scripted/judge",
        model_roles={"optimizer": "scripted/optimizer"},
        solver=blpo(outer_steps=1, inner_steps=1),
        log_dir=str(tmp_path),
        display="none",
    )
    assert log.status == "success" and log.samples
    assert "Judge again." in log.samples[0].output.completion


def _script(truth: dict[str, str]) -> Callable[[list[ChatMessage]], str]:
    """A judge that says Safe until it is told to judge again, which the optimizer tells it."""

    def answer(messages: list[ChatMessage]) -> str:
        text = messages[0].text
        if "between <judge_prompt>" in text:
            return "<judge_prompt>Judge again.</judge_prompt>"
        if "between <i2t_prompt>" in text:
            return "<i2t_prompt>Describe what is harmful.</i2t_prompt>"
        image = messages[0].content[0]
        assert isinstance(image, ContentImage)
        if "Answer with exactly one of" not in text:
            return f"a pattern, {len(image.image)} characters long"
        return truth[image.image] if "Judge again." in text else "Safe"

    return answer
