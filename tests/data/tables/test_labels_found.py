"""What is odd about the labels of a table: what is noted, what stops a run, what is left alone."""

from collections.abc import Sequence

import pytest

from blpo_inspect.data.tables.labels_found import LabelsFound, find_labels
from blpo_inspect.data.tables.odd_labels import odd_names
from blpo_inspect.data.tables.options import task_option
from blpo_inspect.judging.labels import LabelScale


def found(labels: Sequence[object], stated: LabelScale | None = None, *, words_missing: bool = True) -> LabelsFound:
    rows = [(f"row {number}", {"label": label}) for number, label in enumerate(labels, start=2)]
    return find_labels(rows, ["label"], stated, task_option, words_missing=words_missing)


def test_the_most_frequent_spelling_is_the_label() -> None:
    labels = found(["safe"] * 5 + ["SAFE", "Safe", "Safe"] + ["not_safe", "not-safe", "not-safe"])
    assert labels.scale == LabelScale("unordered", ("not-safe", "safe"))
    assert set(labels.notes) == {
        "read as 'safe': 'SAFE' (1 row: row 7), 'Safe' (2 rows: row 8, row 9)",
        "read as 'not-safe': 'not_safe' (1 row: row 10)",
    }
    assert labels.doubts == () and [labels.read(x) for x in ("SAFE", "Not Safe")] == ["safe", "not-safe"]


@pytest.mark.parametrize(
    "word",
    ["NA", "n/a", "N/A", "na", "NaN", "nan", "null", "NULL", "None", "empty", "Empty", "#N/A", "<NA>", "-", "–", "?"],
)
def test_words_for_nothing_are_missing_unless_they_are_stated(word: str) -> None:
    labels = found(["safe", "unsafe", word, "safe"])
    assert labels.scale.labels == ("safe", "unsafe") and labels.read(word) is None
    remedy = "where they are labels, state all with -T labels=first,second,…"
    assert labels.notes == (f"counted as missing labels: {word!r} (1); {remedy}",)
    stated = found(["safe", word], LabelScale("unordered", ("safe", word)))
    assert stated.read(word) == word and stated.notes == ()
    aliased = found(["safe", word], LabelScale("unordered", ("safe", "unsafe"), aliases={word: "unsafe"}))
    assert aliased.read(word) == "unsafe"
    other = found(["safe", word], LabelScale("unordered", ("safe", "unsafe")))
    assert other.read(word) is None and other.notes == labels.notes
    assert found(["safe", word], words_missing=False).read(word) == word  # a folder of that name


def test_words_that_may_be_labels_are_labels() -> None:
    assert found(["none", "mild", "severe"]).scale.labels == ("mild", "none", "severe")
    assert found(["+", "-", "-"]).scale.labels == ("+", "-")


def test_characters_that_nobody_sees_are_removed_and_noted() -> None:
    labels = found(["safe", "sa\u200bfe", "\ufeffunsafe", "un\u00adsafe", "\u200e"])
    assert labels.scale.labels == ("safe", "unsafe")
    assert labels.notes == (
        "characters that cannot be seen were removed from 3 labels, as from 'sa\\u200bfe' (1 row: row 3)",
    )
    assert labels.read("\u200e") is None
    family = "👨\u200d👩\u200d👧"  # joiners that make one sign of three are seen
    assert found([family, "x"]).scale.labels == ("x", family) and not found([family, "x"]).notes


@pytest.mark.parametrize(
    ("odd", "near"),
    [
        ("unsfae", "unsafe"),
        ("unsaef", "unsafe"),
        ("unsaf", "unsafe"),
        ("unsaffe", "unsafe"),
        ("unsade", "unsafe"),
        ("un safe", "unsafe"),
        ("vary good", "very good"),
        ("verygood", "very good"),
        ("unaceptabel", "unacceptable"),
    ],
)
def test_a_rare_label_close_to_another_is_a_doubt(odd: str, near: str) -> None:
    labels = found([near] * 6 + ["other"] * 6 + [odd])
    assert labels.doubts == (
        f"label {odd!r} is rare (1 row: row 14) and close to {near!r}, which 6 have; correct it, or state the labels"
        f" with {task_option('labels', ','.join(labels.scale.labels))}",
    )
    assert found([near] * 6 + [odd], LabelScale("unordered", (near, odd))).doubts == ()


@pytest.mark.parametrize(
    ("rare", "frequent"),
    [
        ("unsafe", "safe"),
        ("acceptable", "unacceptable"),
        ("inappropriate", "appropriate"),
        ("cat", "dog"),
        ("B", "A"),
        ("class b", "class a"),
        ("type 2", "type 1"),
        ("A+", "A"),
        ("positive", "negative"),
        ("interior", "exterior"),
    ],
)
def test_a_rare_label_of_its_own_is_none(rare: str, frequent: str) -> None:
    assert found([frequent] * 59 + [rare]).doubts == ()


def test_what_is_not_rare_is_no_doubt() -> None:
    assert odd_names({"cats": 30, "bats": 30, "rats": 12}) == {}
    assert odd_names({"cats": 3000, "cast": 100}) == {"cast": "cats"}  # 3 %
    assert odd_names({"cats": 3, "bats": 2}) == {}


def test_many_different_numbers_are_a_range_to_be_confirmed() -> None:
    labels = found([3, 97, 55.5, "12", 41, 68, 77, 3])
    assert labels.scale == LabelScale("numeric", low=3, high=97)
    assert labels.doubts == (
        "the labels are 7 different numbers from 3 to 97: confirm this range of the scale with "
        "-T scale=numeric:3:97, or state another",
    )
    assert found([3, 97], LabelScale("numeric", low=0, high=100)).doubts == ()


@pytest.mark.parametrize("odd", [44, 55, 11, 3.5, -9])
def test_a_rare_number_apart_is_a_doubt(odd: float) -> None:
    [doubt] = found([1, 2, 3, 4, 5] * 12 + [odd]).doubts
    assert doubt.startswith(f"label '{odd}' is rare (1 row: row 62) and apart from the other numbers; correct it, or ")


@pytest.mark.parametrize("ratings", [[1, 2, 3, 4] * 12 + [5], [1, 2, 3] * 12 + [5], [2, 3, 4] * 9 + [1, 5], [1, 3, 5]])
def test_a_rare_lowest_or_highest_rating_is_none(ratings: list[int]) -> None:
    labels = found(list(ratings))
    assert labels.doubts == () and labels.scale.kind == "ordinal"


def test_uneven_numbers_may_be_names_or_an_order() -> None:
    [doubt] = found([1, 2, 1000] * 4).doubts
    assert doubt.endswith("with -T scale=ordinal:1,2,1000 or -T scale=unordered:1,2,1000")


def test_a_word_among_numbers_is_a_doubt() -> None:
    [doubt] = found([1, 2, 3, 4, 5] * 4 + ["good"]).doubts
    assert doubt.startswith("label 'good' is rare (1 row: row 22) and no number, while the others are; correct it")


def test_a_number_too_long_for_a_label_is_its_rows_fault() -> None:
    labels = found([1, 2, 3, "9" * 5000])
    assert labels.scale.labels == ("1", "2", "3")
    with pytest.raises(ValueError, match="has 5,000 characters, too many for a label"):
        labels.read("9" * 5000)
