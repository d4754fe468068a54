"""Every scorer on real logs: fresh runs and old ones, all kinds of scales, unread answers, groups, epochs, ceilings."""

import math
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from inspect_ai import score as inspect_score
from inspect_ai._cli.score import score_command
from inspect_ai.log import read_eval_log
from inspect_ai.scorer import Scorer, Value
from inspect_ai.scorer._scorer import scorer_metrics

from blpo_inspect import statistics
from blpo_inspect.scorers import agreement, calibration, correlation, error, further_agreement, preference, unread
from blpo_inspect.scorers.metric_keys import metric_key
from tests.conftest import ScriptedAPI
from tests.scorers.judged import NUMBER, RATING, SAFETY, Row, evaluated, figures, rows, scored, unscored

ROOT = Path(__file__).parent.parent.parent
ALL: list[Any] = [agreement, calibration, correlation, error, further_agreement, preference, unread]
RATED = rows("1:1 2:3 3:3 4:5 5:4 3:2 1:2 4:4")


def test_an_ordinal_scale_has_every_figure_with_its_interval(
    scripted: type[ScriptedAPI], red: Path, tmp_path: Path
) -> None:
    scorers = [agreement(per_label=True), correlation(), error(), unread()]
    log = evaluated(scripted, red, tmp_path, RATING, [*RATED, Row("2", "no idea"), Row("1", "")], scorers)
    human, judge = [row.human for row in RATED], [row.answer for row in RATED]
    expected = statistics.all_statistics(human, judge, RATING)
    found = figures(log, "agreement") | figures(log, "correlation") | figures(log, "error")
    for name, interval in expected.items():
        ends = (interval.value, interval.low, interval.high)
        drawn = [found[metric_key(name, of)] for of in ("value", "low", "high")]
        assert drawn == pytest.approx(ends, nan_ok=True)
    assert (scored(log, "agreement"), found["acc"], found["mae"]) == (8, 3 / 8, 5 / 8)
    assert (found["prec (4)"], found["rec (4)"], found["support (4)"]) == (1 / 2, 1 / 2, 2)
    assert unscored(log, "agreement") == unscored(log, "correlation") == unscored(log, "error") == 2
    shares = figures(log, "unread")
    assert (shares["share"], shares["count"], shares["n"]) == (0.2, 2, 10)
    # Wilson's for 2 of 10
    assert (shares["share_l"], shares["share_u"]) == pytest.approx((0.05668, 0.50984), abs=1e-4)
    assert log.results is not None and log.results.headline is not None
    values = {str(sample.id): (sample.scores or {})["error"].value for sample in log.samples or []}
    assert (values["s1"], values["s4"]) == (1, -1)


def test_labels_are_left_out_unless_asked_for(scripted: type[ScriptedAPI], red: Path, tmp_path: Path) -> None:
    found = figures(evaluated(scripted, red, tmp_path, RATING, RATED, agreement()), "agreement")
    assert "acc" in found and not [key for key in found if "(" in key]


def test_further_figures_on_request(scripted: type[ScriptedAPI], red: Path, tmp_path: Path) -> None:
    log = evaluated(scripted, red, tmp_path, RATING, [*RATED, Row("2", "no idea")], further_agreement())
    found = figures(log, "further_agreement")
    assert {"mf1a", "ac1_l", "ac2_u", "alpha (4)", "alpha_l (1)"} <= set(found) and "loa" not in found
    # 4 against the rest: people 2 times, judge 2 times, 1 in common, 2 of 8 differ; values 4 and 12 of 16
    assert found["alpha (4)"] == pytest.approx(1 - (2 / 8) / ((16**2 - 4**2 - 12**2) / (16 * 15)))
    assert unscored(log, "further_agreement") == 1
    log = evaluated(scripted, red, tmp_path, NUMBER, rows("1:2 3:3 7:6"), further_agreement())
    assert figures(log, "further_agreement")["uoa"] == pytest.approx(1.959964)


def test_a_numeric_scale(scripted: type[ScriptedAPI], red: Path, tmp_path: Path) -> None:
    judged = rows("1.5:2 3:3 7:6.5 9.25:8 4:nonsense")
    log = evaluated(scripted, red, tmp_path, NUMBER, judged, [agreement(), correlation(), error(), calibration()])
    assert figures(log, "error")["bias"] == pytest.approx((0.5 + 0 - 0.5 - 1.25) / 4)
    assert figures(log, "correlation")["srcc"] == pytest.approx(1)
    assert figures(log, "agreement")["acc"] == 1 / 4
    assert "mcc" not in figures(log, "agreement") and "alpha" in figures(log, "agreement")
    assert unscored(log, "calibration") == 5
    explanation = (log.samples or [])[0].scores
    assert explanation is not None and "numeric scale" in str(explanation["calibration"].explanation)


def test_an_unordered_scale_has_no_values(scripted: type[ScriptedAPI], red: Path, tmp_path: Path) -> None:
    judged = rows("safe:safe safe:unsafe unsafe:unsafe unsafe:unsafe")
    log = evaluated(scripted, red, tmp_path, SAFETY, judged, [agreement(), correlation(), error(), preference()])
    assert "qwk" not in figures(log, "agreement")
    # 1 of 2 and 2 of 2
    assert figures(log, "agreement")["bacc"] == 0.75
    for name in ("correlation", "error", "preference"):
        assert unscored(log, name) == 4
        scores = (log.samples or [])[0].scores
        assert scores is not None and scores[name].reason == "scoring_failed"
        assert "no order" in str(scores[name].explanation)


@pytest.mark.parametrize("scale", [SAFETY, RATING, NUMBER])
def test_all_unread_is_nan_with_the_shape_of_the_figures(
    scale: Any, scripted: type[ScriptedAPI], red: Path, tmp_path: Path
) -> None:
    label = scale.labels[0] if scale.labels else "1"
    scorers = [make() for make in ALL]
    log = evaluated(scripted, red, tmp_path, scale, [Row(label, "hm", "c", "g")] * 2, scorers)
    for make, key in zip(ALL, ("acc", "ece", "srcc", "mae", "ac1", "pref", "share"), strict=True):
        found = figures(log, make.__name__)
        if make is unread:
            assert found["share"] == 1
        else:
            assert math.isnan(found[key]) and math.isnan(found.get(f"{key}_l", math.nan)) and found["n"] == 0


@pytest.mark.parametrize("make", ALL)
def test_metrics_of_nothing_are_no_failure(make: Any) -> None:
    scorer: Scorer = make()
    for metric in scorer_metrics(scorer):
        value: Value = metric([])  # type: ignore[operator]
        assert isinstance(value, dict)
        assert all(math.isnan(float(one or 0)) or one == 0 for one in value.values())


@pytest.mark.parametrize("judged", ["1:1", "3:3 3:3", "1:2 1:2", "1:2 2:1"])
def test_degenerate_answers(judged: str, scripted: type[ScriptedAPI], red: Path, tmp_path: Path) -> None:
    scorers = [make() for make in ALL]
    log = evaluated(scripted, red, tmp_path, RATING, rows(judged, group="g"), scorers)
    assert scored(log, "agreement") == len(judged.split())
    if judged != "1:2 2:1":
        assert math.isnan(figures(log, "correlation")["srcc"])
        assert math.isnan(figures(log, "agreement")["mcc"])


def test_by_category(scripted: type[ScriptedAPI], red: Path, tmp_path: Path) -> None:
    judged = [*rows("1:1 2:2 3:4", category="Spam"), *rows("1:3 5:5", category="Hate"), Row("2", "?", "Hate")]
    scorers = [
        agreement(by="category", per_label=True),
        *(make(by="category") for make in ALL if make is not agreement),
    ]
    log = evaluated(scripted, red, tmp_path, RATING, judged, scorers)
    found = figures(log, "agreement")
    assert (found["acc"], found["acc @Spam"], found["acc @Hate"]) == (3 / 5, 2 / 3, 1 / 2)
    assert (found["n @Spam"], found["n @Hate"]) == (3, 2)
    assert found["acc_l @Spam"] == pytest.approx(statistics.proportion([True, True, False]).low)
    assert figures(log, "error")["bias @Hate"] == 1
    assert figures(log, "unread")["share @Hate"] == pytest.approx(1 / 3)
    assert found["rec (5) @Hate"] == 1


def test_ceilings_where_there_are_raters(scripted: type[ScriptedAPI], red: Path, tmp_path: Path) -> None:
    raters = [("safe", "safe", "unsafe"), ("unsafe", "unsafe", "unsafe"), ("safe", "safe", "safe")] * 4
    judged = [
        Row("unsafe" if votes[0] == "unsafe" else "safe", answer, raters=dict(zip("abc", votes, strict=True)))
        for votes, answer in zip(raters, ["safe", "unsafe", "unsafe"] * 4, strict=True)
    ]
    log = evaluated(scripted, red, tmp_path, SAFETY, judged, agreement(), epochs=2)
    found = figures(log, "agreement")
    # as by hand for the human ceiling: 1 of 3, 3 of 3, 3 of 3; pairs: 1 of 3, 3, 3
    assert found["acc_c"] == pytest.approx(7 / 9)
    assert found["acc_r"] == pytest.approx(7 / 9)
    # the judge: safe against the others' tie, tie, safe: 1/2 + 1/2 + 1; then 3 of 3; then none
    assert found["acc_s"] == pytest.approx((5 / 9) / (7 / 9))
    assert "qwk_c" not in found
    plain = evaluated(scripted, red, tmp_path, SAFETY, rows("safe:safe unsafe:safe"), agreement())
    assert not [key for key in figures(plain, "agreement") if key.endswith("_c")]


def test_ceilings_of_correlation(scripted: type[ScriptedAPI], red: Path, tmp_path: Path) -> None:
    judged = [
        Row(str(k % 5 + 1), str((k + k // 5) % 5 + 1), raters={"a": str(k % 5 + 1), "b": str((k + k // 7) % 5 + 1)})
        for k in range(15)
    ]
    found = figures(evaluated(scripted, red, tmp_path, RATING, judged, correlation()), "correlation")
    a, b = ([float((row.raters or {})[name]) for row in judged] for name in "ab")
    assert found["srcc_r"] == pytest.approx(statistics.spearman(a, b))
    assert found["plcc_c"] == pytest.approx(statistics.pearson(a + b, b + a))
    found = figures(evaluated(scripted, red, tmp_path, RATING, judged, error()), "error")
    assert found["mae_c"] == found["mae_r"] == pytest.approx(statistics.mae(a, b)) and "mae_s" not in found


def test_preference_within_a_group(scripted: type[ScriptedAPI], red: Path, tmp_path: Path) -> None:
    # g: ranks 1 2 2; judge 5 3 5. Pairs: 1-2 right, 1-2' the judge ties, 2-2' people tie.
    # h: no ranks, labels 4 2; judge 1 3: wrong. i: one image, no pair.
    judged = [
        Row("5", "5", group="g", rank=1),
        Row("1", "3", group="g", rank=2),
        Row("1", "5", group="g", rank=2),
        *rows("4:1 2:3", group="h"),
        Row("3", "3", group="i"),
        Row("3", "3"),
    ]
    log = evaluated(scripted, red, tmp_path, RATING, judged, preference(), epochs=2)
    found = figures(log, "preference")
    assert (found["pairs"], found["pref"]) == (2 * 3, 0.5)
    assert (found["dec"], found["jtie"], found["htie"]) == pytest.approx((1 / 2, 1 / 3, 1 / 4))
    assert unscored(log, "preference") == 2
    scores = (log.samples or [])[6].scores
    assert scores is not None and "no group" in str(scores["preference"].explanation)


def test_epochs_and_groups_are_clusters(scripted: type[ScriptedAPI], red: Path, tmp_path: Path) -> None:
    judged = rows("safe:safe unsafe:safe safe:unsafe unsafe:unsafe safe:safe unsafe:unsafe")
    once = figures(evaluated(scripted, red, tmp_path, SAFETY, judged, agreement()), "agreement")
    log = evaluated(scripted, red, tmp_path, SAFETY, judged, agreement(), epochs=5)
    often = figures(log, "agreement")
    assert scored(log, "agreement") == 30 and often["acc"] == once["acc"]
    # asked five times, the judge says the same of the same images: nothing more is known of other images
    for end in ("acc_l", "acc_u"):
        assert often[end] == pytest.approx(once[end], abs=0.06)


@pytest.mark.parametrize("by_path", [False, True])
def test_old_logs_are_scored_from_the_command_line(
    by_path: bool, scripted: type[ScriptedAPI], red: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = evaluated(scripted, red, tmp_path, RATING, [*RATED, Row("1", "?")], unread())
    monkeypatch.chdir(ROOT)
    for name, key in (("correlation", "spearman"), ("error", "mae"), ("agreement", "quadratic_kappa")):
        scorer = f"scorers/{name}.py" if by_path else f"blpo_inspect/{name}"
        command = [log.location, "--scorer", scorer, "--action", "append", "--overwrite", "--display", "none"]
        done = CliRunner().invoke(score_command, command, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        again = read_eval_log(log.location)
        expected = statistics.all_statistics([row.human for row in RATED], [row.answer for row in RATED], RATING)[key]
        assert figures(again, name)[metric_key(key, "high")] == pytest.approx(expected.high)
        assert unscored(again, name) == 1


def test_by_works_on_old_logs_too(scripted: type[ScriptedAPI], red: Path, tmp_path: Path) -> None:
    judged = [*rows("1:1 2:2", category="x"), *rows("3:1", category="y")]
    log = evaluated(scripted, red, tmp_path, RATING, judged, unread())
    again = inspect_score(log, correlation(by="category"), action="append")
    assert figures(again, "correlation")["plcc @x"] == pytest.approx(1)
    assert math.isnan(figures(again, "correlation")["plcc @y"])
