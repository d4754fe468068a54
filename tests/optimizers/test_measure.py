"""The figures of the test split: those of the scale, on the same samples before and after, worked out by hand."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import Task, task
from inspect_ai import eval as inspect_eval
from inspect_ai import score as inspect_score
from inspect_ai.log import EvalLog
from inspect_ai.model import ChatMessage, ContentImage

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.samples import Record
from blpo_inspect.optimizers import measure
from blpo_inspect.optimizers.evaluator import Judgement
from blpo_inspect.optimizers.measure import compare, figures, summary
from blpo_inspect.optimizers.methods.blpo import blpo
from blpo_inspect.optimizers.problem import Item
from blpo_inspect.reporting.first_and_last import first_and_last
from blpo_inspect.scorers.improvement import FIGURES as IMPROVED
from blpo_inspect.scorers.improvement import improvement, leading
from blpo_inspect.statistics import statistics_of
from blpo_inspect.tasks.common import judging_task
from blpo_inspect.tasks.optimize import optimize
from tests.conftest import ScriptedAPI
from tests.optimizers.toy import pair_of, picture

SAFETY = LabelScale("unordered", ("safe", "unsafe", "unclear"))
RATING = LabelScale("ordinal", ("1", "2", "3", "4", "5"))
NUMBER = LabelScale("numeric", low=0, high=10)


def judged(human: Sequence[str], labels: Sequence[str | None], **known: Sequence[Any]) -> list[Judgement]:
    """Judgements of items 0, 1, …"""
    items = [
        Item(str(place), (), label, **{name: values[place] for name, values in known.items()})
        for place, label in enumerate(human)
    ]
    return [Judgement(item, label, "", 0.0, False) for item, label in zip(items, labels, strict=True)]


def compared(scale: LabelScale, human: str, before: str, after: str, **known: Sequence[Any]) -> dict[str, Any]:
    """What `compare` finds; ``?`` is an answer that could not be read."""
    sides = [[None if one == "?" else one for one in side.split()] for side in (before, after)]
    first, second = (judged(human.split(), side, **known) for side in sides)
    return compare(first, second, scale=scale, seed=0)


def test_ratings_have_the_figures_of_an_order_by_hand() -> None:
    """Where the rating 4, then 5, is unread, the answer counts as the farthest, 1."""
    test = compared(RATING, "1 2 3 4 5", "2 2 3 ? 5", "1 2 4 4 ?")
    sums = {"n": 5, "unread": 1}
    # squared steps per item 2 and 3.4, by chance 4 and 4.2; correlation and bias are over the first three items
    before = {"quadratic_kappa": 0.5, "mae": 0.8, "spearman": 3**0.5 / 2, "bias": 1 / 3, "accuracy": 0.6, **sums}
    after = {"quadratic_kappa": 0.8 / 4.2, "mae": 1.0, "spearman": 1.0, "bias": 1 / 3, "accuracy": 0.6, **sums}
    assert {name: test["before"][name] for name in before} == pytest.approx(before, abs=1e-6)
    assert {name: test["after"][name] for name in after} == pytest.approx(after, abs=1e-6)
    assert (test["n"], test["paired"]) == (5, 3)
    for name, change in test["difference"].items():
        assert change["value"] == pytest.approx(test["after"][name] - test["before"][name], abs=2e-6)
        assert ("over the 3 of 5 samples that were read both times" in change.get("reason", "")) == (
            name in ("spearman", "bias")
        )


def test_numbers_have_no_accuracy_and_no_kappa() -> None:
    """Where 4, then 8, is unread, the answer counts as the farther end of the range: 6 and 8 away."""
    test = compared(NUMBER, "2 4 6 8", "4 ? 6 8", "2 4 7 ?")
    assert test["before"] == {"mae": 2.0, "spearman": 1.0, "pearson": 1.0, "bias": 1.0, "n": 4, "unread": 1}
    assert test["after"] == {"mae": 2.25, "spearman": 1.0, "pearson": 1.0, "bias": 0.5, "n": 4, "unread": 1}


def test_labels_without_order_have_the_figures_that_they_had() -> None:
    test = compared(SAFETY, "safe safe unsafe unsafe", "safe safe unsafe ?", "safe ? unsafe unsafe")
    assert list(test) == ["n", "paired", "before", "after", "difference"]
    assert test["before"]["accuracy"] == test["after"]["accuracy"] == 0.75, "wrong before as after"
    assert test["before"]["cohens_kappa"] == 0.5, "unread is the label that people use most beside the right one"
    assert list(test["before"]) == ["accuracy", "macro_f1", "cohens_kappa", "n", "unread"]
    assert "reason" not in test["difference"]["accuracy"]


def test_without_unread_answers_each_side_is_as_by_itself() -> None:
    for scale, before, after in ((RATING, "1 3 3 4", "1 2 3 5"), (NUMBER, "1 0.5 3 4", "1 2 3.5 5")):
        test = compared(scale, "1 2 3 4", before, after)
        assert test["before"] == figures(["1", "2", "3", "4"], before.split(), scale)
        assert test["after"] == figures(["1", "2", "3", "4"], after.split(), scale)


def test_beside_the_error_stands_that_of_one_rater() -> None:
    """Of raters 1, 1, 3: each 1 is 0 or 2 from the tie of 1 and 3, the 3 is 2 from 1: 4/3. Who has one rater is out."""
    raters = [("1", "1", "3"), ("2",), ()]
    test = compared(RATING, "1 2 3", "1 2 3", "1 2 4", raters=raters)
    assert test["ceiling"]["mae"] == pytest.approx(4 / 3, abs=1e-6)
    assert test["ceiling"]["n"] == 1 and "bias" not in test["ceiling"]
    assert "MAE 0.000 before, 0.333 after" in summary(test, "ordinal")
    assert "one rater 1.333)" in summary(test, "ordinal")
    assert "ceiling" not in compared(RATING, "1 2 3", "1 2 3", "1 2 4")


@pytest.mark.parametrize(
    ("scale", "said"),
    [
        (SAFETY, ["accuracy 0.500 before, 0.500 after (difference +0.000, 95 % interval"]),
        (RATING, ["quadratic kappa ", "; MAE 0.500 before, 0.500 after (difference +0.000, 95 % interval"]),
        (NUMBER, ["MAE 0.500 before, 0.500 after (difference +0.000, 95 % interval", "; Spearman "]),
    ],
)
def test_the_line_for_people_has_the_figure_of_the_scale(scale: LabelScale, said: list[str]) -> None:
    labels = ("safe", "unsafe") if scale is SAFETY else ("1", "2")
    human, before, after = (
        " ".join(labels[place] for place in places) for places in ((0, 1) * 10, (0,) * 20, (1,) * 20)
    )
    line = summary(compared(scale, human, before, after), scale.kind)
    assert all(part in line for part in said), line
    assert "cannot be told from noise" in line and "unread" not in line


def test_a_real_change_is_no_noise_and_unread_answers_are_said() -> None:
    line = summary(compared(SAFETY, "safe unsafe " * 20, "safe ? " * 20, "safe unsafe " * 20), "unordered")
    assert line.startswith("accuracy 0.500 before, 1.000 after (difference +0.500, 95 % interval +0.3")
    assert line.endswith("); of 40 answers 20 unread before, 0 after") and "noise" not in line
    one = summary(compared(NUMBER, "1", "1", "2"), "numeric")
    assert one == (
        "MAE 0.000 before, 1.000 after (difference +1.000, no interval); "
        "Spearman undefined before, undefined after (difference undefined, no interval)"
    )


def test_intervals_know_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """In 22 groups of 5 that mostly change together, the true difference of .2 lies within 95 % of the intervals."""
    monkeypatch.setitem(measure.FIGURES, "unordered", ("accuracy",))
    rng = random.Random(5)
    kinds, shares = [(0, 0), (0, 1), (1, 0), (1, 1)], [0.2, 0.35, 0.15, 0.3]
    covered = {"groups": 0, "single items": 0}
    replications = 120
    for _ in range(replications):
        sides: list[list[str]] = [[], []]
        for group in rng.choices(kinds, shares, k=22):
            for _ in range(5):
                kind = group if rng.random() < 0.9 else rng.choices(kinds, shares)[0]
                for side, right in zip(sides, kind, strict=True):
                    side.append("safe" if right else "unsafe")
        human = ["safe"] * 110
        groups = [str(place // 5) for place in range(110)]
        for name, known in (("groups", {"group": groups}), ("single items", {})):
            before, after = (judged(human, side, **known) for side in sides)
            test = compare(before, after, scale=SAFETY, seed=1)
            assert test.get("clusters") == (22 if known else None)
            change = test["difference"]["accuracy"]
            covered[name] += change["low"] <= 0.2 <= change["high"]
    assert covered["groups"] >= 0.91 * replications
    assert covered["single items"] <= 0.8 * replications


def test_groups_of_one_item_are_none() -> None:
    alone = compared(SAFETY, "safe unsafe safe", "safe safe safe", "safe unsafe safe", group=["a", "b", None])
    assert alone == compared(SAFETY, "safe unsafe safe", "safe safe safe", "safe unsafe safe")


@pytest.mark.parametrize("scale", [SAFETY, RATING, NUMBER])
def test_what_is_shown_is_measured_and_has_a_name(scale: LabelScale) -> None:
    measured = measure.FIGURES[scale.kind]
    assert set(measured) <= set(statistics_of(scale))
    assert set(measure.HEADLINES[scale.kind]) | set(IMPROVED[scale.kind]) <= set(measured)
    row = dict.fromkeys(measured, 0.5)
    table = first_and_last({"before": row, "after": row})
    assert table is not None and len(table.rows) == len(measured), "the report knows every one"


def rated(split: str, scale: LabelScale, labels: Sequence[str], prompts: str | None) -> Task:
    """Two pictures of each label, a group; raters are one above and one below where there is room."""
    records = [
        Record(
            f"{split}{place}",
            picture(f"{split}{place}"),
            label,
            raters={"a": label, "b": label, "c": labels[max(0, place // 2 - 1)]},
            group=f"{split}{place // 2}",
        )
        for place, label in enumerate(label for label in labels for _ in range(2))
    ]
    return judging_task(records, scale, name="rated", default_prompt="How good?", prompts=prompts)


@task
def rated_in_order(split: str = "test", prompts: str | None = None) -> Task:
    """Ratings."""
    return rated(split, RATING, RATING.labels, prompts)


@task
def rated_in_numbers(split: str = "test", prompts: str | None = None) -> Task:
    """Numbers."""
    return rated(split, NUMBER, ["0", "2.5", "5", "7.5", "9"], prompts)


def optimized(benchmark: str, scale: LabelScale, log_dir: Path) -> EvalLog:
    """A run in which the first prompt's judge is one point too generous, and cannot rate the last test picture."""
    right = {
        image.image: (sample.id, sample.metadata["human"])
        for split in ("train", "validation", "test")
        for sample in (rated_in_order if scale is RATING else rated_in_numbers)(split).dataset
        if sample.metadata
        for message in (sample.input if isinstance(sample.input, list) else [])
        for image in message.content
        if isinstance(image, ContentImage)
    }

    def script(messages: list[ChatMessage]) -> str:
        text = messages[0].text
        if "between <" in text:
            return "<judge_prompt>Be strict.</judge_prompt>"
        content = messages[0].content
        [(name, human)] = [right[part.image] for part in content if isinstance(part, ContentImage)]
        if scale.instruction() not in text:
            return f"a square, {name}"
        if text.startswith("Be strict."):
            return str(human)
        return "no idea" if name == "test9" else f"{min(float(human) + 1, 5 if scale is RATING else 10):g}"

    ScriptedAPI.script = staticmethod(script)
    [log] = inspect_eval(
        optimize(benchmark, test_kept=True),
        model="scripted/judge",
        model_roles={"optimizer": "scripted/optimizer"},
        solver=blpo(outer_steps=1, inner_steps=0),
        log_dir=str(log_dir),
        display="none",
    )
    assert log.status == "success", log.error
    return log


@pytest.mark.parametrize(
    ("benchmark", "scale", "wanted"),
    [
        (
            "rated_in_order",
            RATING,
            # 8 ratings one too high, one of the two highest right, the other unread: 4 away
            {"mae_before": 1.2, "mae_after": 0.0, "bias_before": 8 / 9, "bias_after": 0.0, "qwk_after": 1.0},
        ),
        (
            "rated_in_numbers",
            NUMBER,
            {"mae_before": 1.8, "mae_after": 0.0, "mae_change": -1.8, "bias_before": 1.0, "srcc_after": 1.0},
        ),
    ],
)
def test_a_run_on_a_scale_with_an_order(
    benchmark: str, scale: LabelScale, wanted: dict[str, float], scripted: type[ScriptedAPI], tmp_path: Path
) -> None:
    log = optimized(benchmark, scale, tmp_path)
    assert log.results and log.samples and log.results.headline
    found = {score.name: score.metrics["mean"].value for score in log.results.scores}
    assert {name: found[name] for name in wanted} == pytest.approx(wanted, abs=1e-6)
    assert "acc_after" not in found and "kappa_after" not in found
    assert log.results.headline.score == leading(scale.kind) in found
    test = pair_of(log).provenance["test"]
    assert (test["n"], test["paired"], test["clusters"], test["before"]["unread"]) == (10, 9, 5, 1)
    assert found["mae_c"] == test["ceiling"]["mae"] > 0
    assert [set(one) for one in test["kept"]] == [{*test["after"], "calls"}] * 2
    again = inspect_score(log, improvement(), action="overwrite", display="none")
    assert again.results
    assert {one.name: one.metrics["mean"].value for one in again.results.scores} == found, "also without its task"
    said = log.samples[0].attachments.values()  # where a log keeps a long message
    assert any("MAE" in text and text.endswith("of 10 answers 1 unread before, 0 after") for text in said)
