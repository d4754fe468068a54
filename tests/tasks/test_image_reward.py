"""ImageReward from a hub of this machine: balance, splits, what is kept for preferences, traffic."""

from pathlib import Path

import pytest
from huggingface_hub import constants
from inspect_ai import eval as inspect_eval

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.data.hub import Repository
from blpo_inspect.data.splits import SPLITS
from blpo_inspect.tasks.image_reward import SOURCE, image_reward
from blpo_inspect.tasks.image_reward_pairs import image_reward_pairs
from tests.conftest import ScriptedAPI
from tests.data.hub.server import Hub
from tests.tasks.checks import assert_disjoint, counts, ids, metadata, skipped


@pytest.mark.usefixtures("whole_archives")
def test_splits_are_balanced_and_disjoint(benchmarks: Hub) -> None:
    splits = [image_reward(split=split, limit_per_class=6) for split in SPLITS]
    assert_disjoint(*splits)
    for task in splits:
        assert counts(task, "human") == {(str(rating),): 6 for rating in range(1, 8)}
    whole = [image_reward(split=split, full=True) for split in SPLITS]
    assert_disjoint(*whole)
    groups = [{metadata(sample)["group"] for sample in task.dataset} for task in whole]
    assert ["000-shared" in prompts for prompts in groups] == [False, False, True], (
        "a shared prompt stays in the test split"
    )


@pytest.mark.usefixtures("whole_archives")
def test_samples_have_what_preference_accuracy_needs(benchmarks: Hub) -> None:
    task = image_reward(full=True)
    prompts: dict[str, list[int]] = {}
    for sample in task.dataset:
        about = metadata(sample)
        assert {"overall_rating", "fidelity_rating", "rank", "category", "text"} <= set(about)
        prompts.setdefault(about["group"], []).append(about["rank"])
    assert max(map(len, prompts.values())) == 5, "all images of a prompt"
    reasons = "\n".join(skipped(task))
    assert "image_text_alignment_rating '0' is not on the scale" in reasons
    assert "image_text_alignment_rating '9' is not on the scale" in reasons
    assert "not in the archive" in reasons and "truncated" in reasons


def test_only_the_images_that_are_drawn_travel(benchmarks: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    first = image_reward(limit_per_class=2)
    asked = {request.path for request in benchmarks.requests}
    assert not [path for path in asked if "train" in path or "validation" in path]
    assert benchmarks.sent("cdn") < 250_000, "of two archives with 800,000 bytes each"
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert ids(image_reward(limit_per_class=2)) == ids(first)


def test_the_repository_by_its_old_name(benchmarks: Hub) -> None:
    old = Repository("THUDM/ImageRewardDB", SOURCE.revision)
    assert old.files() == Repository(SOURCE.id, SOURCE.revision).files()
    assert old.download("metadata-test.parquet").stat().st_size > 1000
    archive = old.open("images/test/test_1.zip")
    assert archive.fetch(0, 4) == b"PK\x03\x04"


def test_judging_it(benchmarks: Hub, scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    scripted.script = staticmethod(lambda messages: "7")
    [log] = inspect_eval(image_reward(limit_per_class=1), model="scripted/x", log_dir=str(tmp_path), display="none")
    assert log.status == "success" and log.results is not None
    assert log.results.completed_samples == 7
    [message] = scripted.requests[0]
    assert "Give a score of 1-7.\n\nAnswer with exactly one of: 1, 2, 3, 4, 5, 6, 7." in message.text
    assert "data:image/webp;base64," in str(message.content[0])


def test_pairs_of_ranked_images(benchmarks: Hub, scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    task = image_reward_pairs(limit_prompts=3, most_pairs=4)
    samples = list(task.dataset)
    whole = {sample.id: metadata(sample) for sample in image_reward(full=True).dataset}
    assert len({metadata(sample)["group"] for sample in samples}) == 3
    for sample in samples:
        first, second = (whole[name]["rank"] for name in str(sample.id).split(" | "))
        assert first != second and sample.target == ("first" if first < second else "second")
    assert ids(image_reward_pairs(limit_prompts=3, most_pairs=4)) == ids(task)
    tied = [
        metadata(sample)["human"]
        for sample in image_reward_pairs(limit_prompts=500, most_pairs=None, ties=True).dataset
    ]
    assert set(tied) == {"first", "second", "tie"}
    scripted.script = staticmethod(lambda messages: "first")
    [log] = inspect_eval(task, model="scripted/x", log_dir=str(tmp_path), display="none")
    assert log.status == "success" and log.results is not None
    assert {score.name for score in log.results.scores} == {"agreement", "unread", "labels", "position"}
    with pytest.raises(PrerequisiteError, match="limit_prompts=0: at least 1"):
        image_reward_pairs(limit_prompts=0)


def test_pairs_of_different_splits_share_no_image(benchmarks: Hub) -> None:
    assert_disjoint(*(image_reward_pairs(split=split, limit_prompts=500) for split in SPLITS))
