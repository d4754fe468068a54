"""Several judges as one: by hand, and against plain computations."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy.optimize import nnls

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.statistics import jury
from blpo_inspect.statistics.jury import Panel

SAFETY = LabelScale("unordered", ("safe", "unsafe", "unsure"))
RATING = LabelScale("ordinal", ("1", "2", "3", "4", "5"))


def panel(human: str, *verdicts: str, scale: LabelScale = RATING, clusters: list[int] | None = None) -> Panel:
    """Ratings as digits, ``-`` for an unread one."""
    said = [[None if one == "-" else one for one in column] for column in verdicts]
    return Panel(list(human), said, scale, clusters or list(range(len(human))))


def test_together_by_hand() -> None:
    judges = panel("1254", "12-4", "1554", "3-51")
    assert jury.together(judges, "mean") == [5 / 3, 3.5, 5.0, 3.0]
    assert jury.together(judges, "median") == [1.0, 3.5, 5.0, 4.0]
    # of 2 and 5 the first judge's; the third sample has two fives
    assert jury.together(judges, "majority") == [1.0, 2.0, 5.0, 4.0]
    # nobody read it: the label farthest from people's
    assert jury.together(panel("12", "1-", "2-"), "mean") == [1.5, 5.0]
    labels = Panel(["safe"] * 2, [["safe", None], ["unsafe", None], ["unsafe", None]], SAFETY, [0, 1])
    assert jury.together(labels, "majority") == ["unsafe", "unsafe"]
    with pytest.raises(ValueError, match="no way"):
        jury.together(labels, "mean")


def test_errors_and_their_correlation() -> None:
    judges = panel("123451", "223442", "133351")
    expected = np.array([[1, 0, 0, 0, -1, 1], [0, 1, 0, -1, 0, 0]], dtype=float)
    assert judges.errors().tolist() == expected.tolist()
    assert jury.error_correlation(judges, resamples=20).value == pytest.approx(np.corrcoef(expected)[0, 1])
    three = panel("123451", "223442", "133351", "123451")  # the last has no errors, and no correlation
    assert jury.error_correlation(three, resamples=20).value == pytest.approx(np.corrcoef(expected)[0, 1])
    assert math.isnan(jury.error_correlation(panel("12", "12", "12"), resamples=20).value)


def test_effective_number() -> None:
    assert jury.effective(3, 0.0) == 3 and jury.effective(3, 1.0) == 1
    assert jury.effective(5, 0.25) == 2.5
    # variance of a mean of 5 with correlation .25: (1 + 4·.25)/5 = 1/2.5


def simulated(n: int = 200, seed: int = 0) -> Panel:
    """A good judge, two that share their errors, and one that guesses."""
    rng = np.random.default_rng(seed)
    truth, shared = rng.normal(size=n), rng.normal(size=n)

    def rated(values: np.ndarray) -> str:
        return "".join(str(1 + k) for k in np.searchsorted([-1, -0.3, 0.3, 1], values))

    return panel(
        rated(truth),
        rated(truth + 0.5 * rng.normal(size=n)),
        rated(truth + shared + 0.2 * rng.normal(size=n)),
        rated(truth + shared + 0.2 * rng.normal(size=n)),
        rated(rng.normal(size=n)),
        clusters=[k // 2 for k in range(n)],
    )


def test_weights_are_stacking_s() -> None:
    judges = simulated()
    said, fitted = jury.weighted(judges)
    weights = fitted.each
    columns = np.array([[float(label) for label in verdicts if label] for verdicts in judges.verdicts]).T
    truth = np.array([float(label) for label in judges.human])
    expected = nnls(columns - columns.mean(0), truth - truth.mean())[0]
    assert weights == pytest.approx(expected.tolist())
    assert weights[0] > weights[1] + weights[2] and weights[3] < 0.1
    # each sample is said by weights of others: changing people's label of a cluster does not change what is said of it
    human = [*judges.human]
    human[0] = human[1] = "5" if human[0] != "5" else "1"
    again, _ = jury.weighted(Panel(human, judges.verdicts, RATING, judges.clusters))
    assert again[:2] == said[:2] and again[2:] != said[2:]


def test_labels_without_an_order_are_weighted_too() -> None:
    rng = np.random.default_rng(0)
    human = rng.choice(["safe", "unsafe"], 150).tolist()

    def judge(share: float) -> list[str | None]:
        return [one if rng.random() < share else "unsure" for one in human]

    votes: list[list[str | None]] = [judge(0.9), judge(0.5), judge(0.5), [None] * 150]
    said, fitted = jury.weighted(Panel(human, votes, SAFETY, list(range(150))))
    weights = fitted.each
    assert weights[0] > max(weights[1:]) and weights[3] == 0

    def right(side: Sequence[object]) -> int:
        return sum(one == other for one, other in zip(side, human, strict=True))

    assert right(said) >= right(votes[0])  # the others are right or say what nobody means


def test_a_jury_is_two_judges_of_the_same_samples() -> None:
    with pytest.raises(ValueError, match="at least two"):
        panel("12", "12")
    with pytest.raises(ValueError, match="same samples"):
        panel("12", "12", "1")
