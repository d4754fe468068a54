"""The scorer `calibration` on logs of a model that gives log-probabilities."""

import math
from pathlib import Path

import pytest
from inspect_ai.model import Logprob, Logprobs, ModelOutput, TopLogprob

from blpo_inspect.scorers import calibration
from tests.conftest import ScriptedAPI
from tests.scorers.judged import RATING, Row, evaluated, figures, scored, unscored


def sure_of(answer: str, probability: float) -> Logprobs:
    """An answer of one token with this probability; the rest is on the next rating (5: the one before)."""
    other = "4" if answer == "5" else str(int(answer) + 1)
    listed = [(answer, probability), (other, 1 - probability)]
    top = [TopLogprob(token=token, logprob=math.log(share)) for token, share in listed]
    return Logprobs(content=[Logprob(token=answer, logprob=math.log(probability), top_logprobs=top)])


@pytest.fixture
def sure(scripted: type[ScriptedAPI], monkeypatch: pytest.MonkeyPatch) -> type[ScriptedAPI]:
    """A scripted model that answers ``4 0.9`` with 4, of which it is sure with 0.9."""
    plain = ModelOutput.from_content

    def from_content(model: str, content: str) -> ModelOutput:
        answer, _, probability = content.partition(" ")
        output = plain(model, answer)
        if probability:
            output.choices[0].logprobs = sure_of(answer, float(probability))
        return output

    monkeypatch.setattr(ModelOutput, "from_content", staticmethod(from_content))
    return scripted


def test_figures_by_hand(sure: type[ScriptedAPI], red: Path, tmp_path: Path) -> None:
    answers = {"4": "4 0.9", "3": "2 0.9", "1": "1 0.6", "5": "4", "2": "maybe"}
    judged = [Row(human, answer) for human, answer in answers.items()]
    log = evaluated(sure, red, tmp_path, RATING, judged, calibration())
    found = figures(log, "calibration")
    # bin (.8, .9]: one of two right; bin (.5, .6]: right
    assert found["ece"] == pytest.approx((abs(1 - 1.8) + 0.4) / 3, abs=1e-6)
    # .1² + .1²; .9² + .9² (human 3 has the rest, .1); .4² + .4²
    assert found["brier"] == pytest.approx((0.02 + 1.62 + 0.32) / 3, abs=1e-6)
    # 4.1 2.1 1.4 against 4 3 1
    assert found["emae"] == pytest.approx((0.1 + 0.9 + 0.4) / 3, abs=1e-6)
    assert found["esrcc"] == pytest.approx(1)
    assert (scored(log, "calibration"), unscored(log, "calibration")) == (3, 2)
    scores = [(sample.scores or {})["calibration"] for sample in log.samples or []]
    assert [score.reason for score in scores] == [None, None, None, "scoring_failed", "invalid_response_format"]
    assert "--top-logprobs" in str(scores[3].explanation)
    assert scores[1].as_float() == pytest.approx(0.1)
