"""The scorer `alternative_annotator` on real logs: fresh and old ones, unread answers, groups, too few raters."""

import math
from pathlib import Path

import pytest
from inspect_ai import score as inspect_score
from inspect_ai.log import EvalLog
from inspect_ai.scorer import SampleScore, Score

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.scorers import agreement, alternative_annotator
from blpo_inspect.scorers.metrics import Judged
from tests.conftest import ScriptedAPI
from tests.scorers.judged import RATING, SAFETY, Row, evaluated, figures, scored, unscored

RATED = [Row(label, label, raters=dict.fromkeys(("anna", "ben", "cem"), label)) for label in ("safe", "unsafe") * 20]


@pytest.fixture
def log(scripted: type[ScriptedAPI], red: Path, tmp_path: Path) -> EvalLog:
    """40 images of three raters, 10 of which the judge's answer to cannot be read, and one of two raters."""
    unread = [Row(row.human, "hm", raters=row.raters) for row in RATED[:10]]
    two = Row("safe", "safe", raters={"anna": "safe", "ben": "safe"})
    return evaluated(scripted, red, tmp_path, SAFETY, [*unread, *RATED[10:], two], agreement())


def test_an_old_log_is_scored_and_unread_answers_are_lost(log: EvalLog) -> None:
    again = inspect_score(log, alternative_annotator(per_rater=True), action="append", display="none")
    found = figures(again, "alternative_annotator")
    assert (found["omega"], found["rho"], found["raters"]) == (0, 0.75, 3)
    assert (found["rho_f (ben)"], found["rho_h (ben)"], found["won (ben)"]) == (0.75, 1, 0)
    assert 0.9 < found["p (ben)"] < 1
    assert (scored(again, "alternative_annotator"), unscored(again, "alternative_annotator")) == (40, 1)
    scores = {str(sample.id): (sample.scores or {})["alternative_annotator"] for sample in again.samples or []}
    assert (scores["s0"].value, scores["s0"].answer, scores["s10"].value) == (0, None, 1)
    assert "labels of 2, and the test needs 3" in str(scores["s40"].explanation)


def test_epsilon_and_the_default_keys(log: EvalLog) -> None:
    again = inspect_score(log, alternative_annotator(epsilon=0.4), action="append", display="none")
    assert figures(again, "alternative_annotator") == {"omega": 1, "rho": 0.75, "raters": 3}
    for epsilon in (1, -0.1):
        with pytest.raises(PrerequisiteError, match="must be from 0 to below 1"):
            alternative_annotator(epsilon=epsilon)


def test_categories_epochs_and_too_few(scripted: type[ScriptedAPI], red: Path, tmp_path: Path) -> None:
    rated = [
        Row(str(1 + k % 5), str(1 + k % 5), category="few" if k < 10 else "many", raters=dict.fromkeys("abc", "3"))
        for k in range(40)
    ]
    log = evaluated(scripted, red, tmp_path, RATING, rated, alternative_annotator(by="category"), epochs=2)
    found = figures(log, "alternative_annotator")
    # the judge says 3 on a fifth of the images; the raters always do
    assert (found["omega"], found["rho"], found["rho @many"]) == pytest.approx((0, 0.2, 0.2))
    assert math.isnan(found["omega @few"]) and found["raters @few"] == 0


def test_raters_without_names(scripted: type[ScriptedAPI], red: Path, tmp_path: Path) -> None:
    log = evaluated(scripted, red, tmp_path, SAFETY, RATED[:2], agreement())
    for sample in log.samples or []:
        sample.metadata["raters"] = ["safe", "safe", "unsafe"]
    again = inspect_score(log, alternative_annotator(), action="append", display="none")
    assert unscored(again, "alternative_annotator") == 2
    [sample, *_] = again.samples or []
    assert "raters cannot be told apart" in str((sample.scores or {})["alternative_annotator"].explanation)
    assert math.isnan(figures(again, "alternative_annotator")["omega"])


def test_raters_labels_may_be_numbers() -> None:
    scored = SampleScore(score=Score(value=1), sample_metadata={"raters": {"anna": 3, 2: 4}})
    assert Judged([scored]).raters == [{"anna": "3", "2": "4"}]
