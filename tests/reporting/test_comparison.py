"""Which runs stand in one group, in which order, and whether their differences are called real."""

from dataclasses import replace

import pytest
from scipy.stats import binomtest

from blpo_inspect import statistics
from blpo_inspect.logs.judged_run import JudgedRun
from blpo_inspect.reporting.comparison import Group, compared, letter
from blpo_inspect.reporting.content import Options, report
from blpo_inspect.reporting.failures import calibration, confusion, disagreements
from blpo_inspect.reporting.run_data import Gathered, LeftOut
from blpo_inspect.reporting.significance import pairs_of
from tests.reporting.runs import RATING, run_of

HUMAN = ["safe"] * 4 + ["unsafe"] * 4


def groups_of(*runs: JudgedRun) -> tuple[list[Group], list[LeftOut]]:
    return compared(Gathered(tuple(runs), (), ()))


def labels(wrong: set[int], human: list[str] = HUMAN) -> list[str | None]:
    return [{"safe": "unsafe", "unsafe": "safe"}[one] if place in wrong else one for place, one in enumerate(human)]


def test_figures_worked_out_by_hand() -> None:
    unread = [*labels({4})[:7], None]
    [group], notes = groups_of(run_of(HUMAN, labels({0, 4, 5}), model="worse"), run_of(HUMAN, unread, model="better"))
    assert not notes
    better, worse = group.rows
    assert (better.letter, better.run.record.model, worse.letter) == ("A", "better", "B")
    # 6 of 7 read answers are right, and one of 8 was not read
    assert better.figures["accuracy"].value == pytest.approx(6 / 7)
    assert better.unread.value == pytest.approx(1 / 8)
    # 5 of 8 right; people 4 : 4, judge 5 : 3, so chance is (4·5 + 4·3) / 64 = 0.5 and kappa (0.625 - 0.5) / 0.5
    assert worse.figures["accuracy"].value == pytest.approx(5 / 8)
    assert worse.figures["cohens_kappa"].value == pytest.approx(0.25)
    assert group.ceiling is None


def test_other_labels_images_scales_and_data_are_kept_apart_and_named() -> None:
    good = labels(set())
    base = [run_of(HUMAN, good, model="a"), run_of(HUMAN, good, model="b")]
    other_people = run_of(["safe", "safe", "unsafe", "safe", *HUMAN[4:]], good, model="c")
    other_images = run_of(HUMAN, good, model="d", image=[f"new {n}" for n in range(8)])
    other_scale = run_of(["1"] * 8, ["1"] * 8, RATING, model="e")
    other_data = run_of(HUMAN, good, model="f", id=[f"t{n}" for n in range(8)])
    groups, notes = groups_of(other_scale, *base, other_people, other_images, other_data)
    assert [group.name for group in groups] == [f"toy, data {n}" for n in range(1, 6)]
    assert [row.run.record.model for row in groups[0].rows] == ["a", "b"]
    why = {note.what: note.why for note in notes}
    assert "other human labels than data 1 for 1 of 8 shared samples, such as s2" in why["c.eval"]
    assert "other images than data 1 for 8 of 8" in why["d.eval"]
    assert "another scale" in why["e.eval"]
    assert "no sample is shared" in why["f.eval"]


def test_missing_samples_are_counted_and_their_run_comes_last() -> None:
    whole, part = run_of(HUMAN, labels({0, 1}), model="whole"), run_of(HUMAN, labels(set()), model="part")
    part = replace(part, answers=part.answers[2:])
    [group], notes = groups_of(part, whole)
    assert [(row.run.record.model, row.missing) for row in group.rows] == [("whole", 0), ("part", 2)]
    [note] = notes
    assert "no answer to 2 of the group's 8 samples" in note.why
    [pair], _ = pairs_of(group, 20)
    assert pair.shared == 6  # and there both are right throughout
    assert pair.difference.value == 0


def test_differences_are_holm_corrected_over_all_pairs() -> None:
    human = ["safe", "unsafe"] * 10
    wrong = {"a": set[int](), "b": set(range(10)), "c": {19}}
    [group], _ = groups_of(*(run_of(human, labels(places, human), model=name) for name, places in wrong.items()))
    pairs, _ = pairs_of(group, 20)
    by_name = {f"{pair.first}{pair.second}": pair for pair in pairs}
    assert [row.run.record.model for row in group.rows] == ["a", "c", "b"]
    # McNemar: a against b differ on 10 samples, all in favour of a; c against b on 11, of which 10 in favour of c
    raw = {"AB": 1.0, "AC": binomtest(0, 10).pvalue, "BC": binomtest(1, 11).pvalue}
    assert {name: pair.accuracy and pair.accuracy.p for name, pair in by_name.items()} == pytest.approx(raw)
    assert {name: pair.accuracy_p for name, pair in by_name.items()} == pytest.approx(statistics.holm(raw))
    assert {name: pair.p for name, pair in by_name.items()} == pytest.approx(
        statistics.holm({name: pair.difference.p for name, pair in by_name.items()})
    )
    assert [by_name[name].real for name in ("AB", "AC", "BC")] == [False, True, True]


def test_pairs_use_answers_that_both_could_be_read_in() -> None:
    one, other = labels(set()), labels(set())
    one[0], other[1] = None, None
    [group], _ = groups_of(run_of(HUMAN, one, model="a"), run_of(HUMAN, other, model="b"))
    [pair], _ = pairs_of(group, 20)
    assert (pair.shared, pair.unread) == (6, 2)
    found = report(Gathered(tuple(row.run for row in group.rows), (), ()), Options())
    assert any("2 shared answers are in no test" in note.why for note in found.left_out)


def test_only_the_first_runs_are_tested_and_the_rest_is_named() -> None:
    [group], _ = groups_of(*(run_of(HUMAN, labels({n}), model=f"m{n}") for n in range(5)))
    pairs, notes = pairs_of(group, 3)
    assert len(pairs) == 3
    assert notes == [LeftOut("toy: tests of D to E", notes[0].why)]


def test_the_human_ceiling_and_the_share_of_it() -> None:
    raters = [dict.fromkeys("xyz", one) for one in HUMAN]
    raters[0] = {"x": "safe", "y": "safe", "z": "unsafe"}
    [group], _ = groups_of(run_of(HUMAN, labels(set()), raters=raters))
    assert group.ceiling is not None and group.ceiling.value == group.ceiling.value
    assert group.rows[0].share is not None
    assert group.rows[0].share.value > 1


def test_confusion_and_calibration_by_hand() -> None:
    sure = [{"safe": 0.9, "unsafe": 0.1}, {"safe": 0.9, "unsafe": 0.1}]
    run = run_of(
        ["safe", "unsafe", "safe"],
        ["safe", "safe", None],
        probabilities=[*sure, None],
    )
    matrix = confusion(run, run.scale)
    assert matrix is not None
    assert matrix.counts == {
        "safe": {"safe": 1, "unsafe": 0, "unread": 1},
        "unsafe": {"safe": 1, "unsafe": 0, "unread": 0},
    }
    known = calibration(run)
    assert known is not None
    assert [(one.n, one.right) for one in known.bins] == [(2, 0.5)]
    assert known.bins[0].confidence == pytest.approx(0.9)
    assert known.error.value == pytest.approx(0.4)


def test_the_most_telling_disagreements_come_first() -> None:
    human = ["1", "1", "1", "5", "3"]
    one: list[str | None] = ["2", "5", "1", "5", "3"]
    other: list[str | None] = ["2", "4", "5", "4", "3"]
    [group], _ = groups_of(run_of(human, one, RATING, "a"), run_of(human, other, RATING, "b"))
    wrong, split = disagreements(group, 12, 20)
    assert [item.sample.id for item in wrong] == ["s1", "s0"]  # mean distances 7/8 and 1/4
    assert [item.sample.id for item in split] == ["s2", "s3"]  # distances between judges 1 and 1/4
    assert disagreements(group, 1, 20)[0][0].sample.id == "s1"


def test_letters() -> None:
    assert [letter(n) for n in (0, 25, 26, 51, 52)] == ["A", "Z", "AA", "AZ", "BA"]
