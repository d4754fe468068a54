"""Prediction-powered means and shares: hand-derived values, the formulas again in plain Python, and what must hold."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t

from blpo_inspect.statistics.prediction_powered import Corrected, Labelled, Unlabelled, prediction_powered

SHARE = {"ends": (0.0, 1.0), "share": True}
STARS = {"ends": (1.0, 5.0), "share": False}

Pairs = Sequence[tuple[float, float]]
"""(human, judge) of each labelled picture."""


def labelled(pairs: Pairs, clusters: Sequence[object] | None = None, weight: float = 1.0) -> Labelled:
    return Labelled([f for _, f in pairs], clusters, weight, human=[y for y, _ in pairs])


def counted(both: int, missed: int, alarms: int, neither: int) -> list[tuple[float, float]]:
    return [(1.0, 1.0)] * both + [(1.0, 0.0)] * missed + [(0.0, 1.0)] * alarms + [(0.0, 0.0)] * neither


def share(pairs: Pairs, said: int, n: int, weight: float | None = None) -> Corrected:
    rest = Unlabelled([1.0] * said + [0.0] * (n - said))
    return prediction_powered([labelled(pairs)], [rest], ends=(0.0, 1.0), share=True, weight=weight)


def test_the_estimate_is_the_judges_share_and_the_mean_error() -> None:
    # 40 labels: people 12 of 40, the judge 9 of 40; on 1,000 others the judge says it of 250
    pairs = counted(both=8, missed=4, alarms=1, neither=27)
    assert share(pairs, 250, 1000, weight=1.0).value == pytest.approx(0.25 + 12 / 40 - 9 / 40)
    assert share(pairs, 250, 1000, weight=0.5).value == pytest.approx(0.5 * 0.25 + 12 / 40 - 0.5 * 9 / 40)
    assert share(pairs, 250, 1000, weight=0.0).value == pytest.approx(12 / 40)


def plain_share(pairs: Pairs, said: int, n: int, lam: float, fitted: bool) -> tuple[float, float]:
    """The interval of a share again, with pseudo labels that are written out."""
    times = 2 - lam
    rows = [(y - lam * f, 1.0) for y, f in pairs] + [(1.0, times), (-lam, times)]
    total = sum(weight for _, weight in rows)
    middle = sum(weight * error for error, weight in rows) / total
    spread = sum(weight * (error - middle) ** 2 for error, weight in rows) / total**2
    spread *= total / (total - 1 - fitted)
    p = said / n
    spread += lam**2 * p * (1 - p) / (n - 1)
    reach = float(t.ppf(0.975, len(pairs) - 1)) * math.sqrt(spread)
    return lam * p + middle - reach, lam * p + middle + reach


@pytest.mark.parametrize("lam", [0.0, 0.6, 1.0])
def test_the_interval_of_a_share_by_its_formula(lam: float) -> None:
    pairs = counted(both=20, missed=4, alarms=6, neither=30)
    found = share(pairs, 450, 1000, weight=lam)
    assert (found.low, found.high) == pytest.approx(plain_share(pairs, 450, 1000, lam, fitted=lam > 0))


def test_the_weight_has_the_least_variance() -> None:
    pairs, rest = counted(both=60, missed=15, alarms=20, neither=105), [1.0] * 400 + [0.0] * 600
    found = share(pairs, 400, 1000)
    # with a pair of pseudo labels there are 202; people say it of 76, the judge of 81, both of 60
    covariance = 60 / 202 - 76 / 202 * 81 / 202
    variance = 81 / 202 * (1 - 81 / 202)
    assert found.weight == pytest.approx(covariance / 200 / (variance / 200 + 0.24 / 1000))
    widths = {weight: share(pairs, 400, 1000, weight=weight) for weight in (0.0, found.weight, 1.0)}
    assert all(found.high - found.low <= one.high - one.low for one in widths.values())
    assert len(rest) == 1000


def test_labels_that_show_no_error_are_no_certainty() -> None:
    for pairs in (counted(10, 0, 0, 40), counted(0, 0, 0, 50), counted(50, 0, 0, 0)):
        found = share(pairs, 200, 1000)
        assert found.high - found.low > 0.05
    stars = prediction_powered([labelled([(3.0, 3.0)] * 50)], [Unlabelled([3.0] * 500)], ends=(1.0, 5.0), share=False)
    assert stars.low < 2.86 < 3.0 < 3.14 < stars.high  # as if 7 % might be at an end: Clopper and Pearson, none of 50


def test_a_share_without_verdicts_is_about_agresti_and_coulls() -> None:
    from statsmodels.stats.proportion import proportion_confint

    found = share(counted(0, 5, 0, 195), 0, 1000, weight=0.0)
    low, high = proportion_confint(5, 200, method="agresti_coull")
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.001)


def test_a_mean_of_many_is_the_textbooks() -> None:
    pairs = [(float(1 + k % 5), float(1 + (k * 7 // 3) % 5)) for k in range(3000)]
    rest = [float(1 + k % 4) for k in range(9000)]
    found = prediction_powered([labelled(pairs)], [Unlabelled(rest)], ends=(1.0, 5.0), share=False, weight=1.0)
    errors = [y - f for y, f in pairs]
    mean, other = math.fsum(errors) / 3000, math.fsum(rest) / 9000
    spread = sum((e - mean) ** 2 for e in errors) / 3000**2 + sum((f - other) ** 2 for f in rest) / 9000**2
    assert found.value == pytest.approx(mean + other)
    assert found.high - found.low == pytest.approx(2 * 1.96 * math.sqrt(spread), rel=0.003)


def test_few_labels_have_no_interval() -> None:
    for pairs in (counted(3, 1, 1, 24), counted(3, 1, 1, 25)):
        found = share(pairs, 100, 1000)
        assert math.isnan(found.low) == (len(pairs) == 29)
        assert (found.reason or "").startswith("29 labelled pictures") == (len(pairs) == 29)
    groups = [k % 9 for k in range(40)]
    found = prediction_powered([labelled(counted(9, 1, 2, 28), groups)], [Unlabelled([0.0, 1.0])], **SHARE)  # type: ignore[arg-type]
    assert "9 clusters" in (found.reason or "")
    strata = [labelled(counted(9, 1, 2, 28), weight=0.9), labelled([(1.0, 1.0)], weight=0.1)]
    assert "a stratum has only one" in (prediction_powered(strata, [Unlabelled([0.0, 1.0])], **SHARE).reason or "")  # type: ignore[arg-type]


def test_copies_of_a_picture_in_one_cluster_add_nothing() -> None:
    pairs = counted(both=20, missed=6, alarms=5, neither=49)
    alone = prediction_powered([labelled(pairs)], [Unlabelled([0.0, 1.0] * 500)], **SHARE)  # type: ignore[arg-type]
    copies = [pair for pair in pairs for _ in range(5)]
    places = [k // 5 for k in range(len(copies))]
    clustered = prediction_powered([labelled(copies, places)], [Unlabelled([0.0, 1.0] * 500)], **SHARE)  # type: ignore[arg-type]
    naive = prediction_powered([labelled(copies)], [Unlabelled([0.0, 1.0] * 500)], **SHARE)  # type: ignore[arg-type]
    assert clustered.high - clustered.low == pytest.approx(alone.high - alone.low, rel=0.05)
    assert naive.high - naive.low < 0.6 * (clustered.high - clustered.low)


def test_clusters_with_labelled_and_unlabelled_pictures_are_one() -> None:
    # the unlabelled pictures of a group are as its labelled one: errors of both go together
    pairs = [(float(k % 3 == 0), float(k % 3 == 0)) for k in range(60)]
    groups = list(range(60))
    rest = [pairs[k % 60][1] for k in range(600)]
    shared = prediction_powered(
        [labelled(pairs, groups)],
        [Unlabelled(rest, [k % 60 for k in range(600)])],
        weight=0.5,
        **SHARE,  # type: ignore[arg-type]
    )
    apart = prediction_powered(
        [labelled(pairs, groups)],
        [Unlabelled(rest, [-1 - k % 60 for k in range(600)])],
        weight=0.5,
        **SHARE,  # type: ignore[arg-type]
    )
    assert shared.high - shared.low > 1.2 * (apart.high - apart.low)


def test_strata_are_weighted() -> None:
    risky, other = counted(15, 5, 2, 28), counted(1, 0, 2, 47)
    found = prediction_powered(
        [labelled(risky, weight=0.1), labelled(other, weight=0.9)],
        [Unlabelled([1.0] * 40 + [0.0] * 60, weight=0.1), Unlabelled([1.0] * 45 + [0.0] * 855, weight=0.9)],
        weight=1.0, **SHARE,  # type: ignore[arg-type]
    )  # fmt: skip
    assert found.value == pytest.approx(0.1 * (0.4 + 3 / 50) + 0.9 * (0.05 - 2 / 50))
    assert 0 <= found.low < found.value < found.high < 0.2


def test_a_difference_turns_around() -> None:
    first, second = labelled(counted(20, 5, 5, 30)), labelled(counted(8, 2, 4, 36))
    rest = Unlabelled([1.0] * 45 + [0.0] * 55), Unlabelled([1.0] * 20 + [0.0] * 80)

    def minus(a: int, b: int) -> Corrected:
        sides = [Labelled(one.judge, None, sign, human=one.human) for one, sign in (((first, second)[a], 1), ((first, second)[b], -1))]  # fmt: skip  # noqa: E501
        return prediction_powered(sides, [Unlabelled(rest[a].judge), Unlabelled(rest[b].judge, weight=-1)], **SHARE)  # type: ignore[arg-type]

    there, back = minus(0, 1), minus(1, 0)
    assert (there.value, there.low, there.high) == pytest.approx((-back.value, -back.high, -back.low))
    assert there.low > 0


@pytest.mark.parametrize(("said", "n"), [(4000, 10_000), (130, 325)])
def test_so_many_labels_more_halve_the_interval(said: int, n: int) -> None:
    pairs = counted(both=70, missed=10, alarms=15, neither=105)
    now = share(pairs, said, n)
    assert now.more is not None
    times = 1 + now.more / len(pairs)
    many = [pair for pair in dict.fromkeys(pairs) for _ in range(round(pairs.count(pair) * times))]
    then = share(many, said, n)
    assert (then.high - then.low) / (now.high - now.low) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("fault", ["empty", "clusters", "labels"])
def test_what_does_not_fit_is_refused(fault: str) -> None:
    part = labelled(counted(9, 1, 2, 28), [1, 2] if fault == "clusters" else None)
    if fault == "labels":
        part = Labelled([0.0] * 40, human=[1.0])
    with pytest.raises(ValueError, match=r"must be|pictures, but|labels, but"):
        prediction_powered([part], [] if fault == "empty" else [Unlabelled([0.0])], **SHARE)  # type: ignore[arg-type]


values = st.sampled_from([1.0, 2.0, 3.0, 4.0, 5.0])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(values, values), min_size=30, max_size=60), st.lists(values, min_size=2, max_size=30), st.data()
)
def test_an_interval_holds_its_value_and_forgets_the_order(
    pairs: Pairs, rest: list[float], data: st.DataObject
) -> None:
    found = prediction_powered([labelled(pairs)], [Unlabelled(rest)], **STARS)  # type: ignore[arg-type]
    assert 1 <= found.low <= found.value <= found.high <= 5
    assert found.high > found.low
    assert 0 <= found.weight <= 1
    other = prediction_powered([labelled(data.draw(st.permutations(pairs)))], [Unlabelled(rest[::-1])], **STARS)  # type: ignore[arg-type]
    assert (other.low, other.high) == pytest.approx((found.low, found.high))
