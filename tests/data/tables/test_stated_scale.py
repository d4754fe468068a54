"""``labels=a,b`` and ``scale=ordinal:1-5``, as the shell, Inspect and JSON hand them over."""

import pytest
from inspect_ai._util.config import parse_cli_args

from blpo_inspect.data.tables import TableError
from blpo_inspect.data.tables.options import command_option, task_option
from blpo_inspect.data.tables.stated_scale import stated_scale
from blpo_inspect.judging.labels import LabelScale


@pytest.mark.parametrize(
    ("text", "scale"),
    [
        ("unordered:a,b", LabelScale("unordered", ("a", "b"))),
        ("unordered:very good, bad", LabelScale("unordered", ("very good", "bad"))),
        ("unordered:yes,no", LabelScale("unordered", ("yes", "no"))),
        ("unordered:4:3,16:9", LabelScale("unordered", ("4:3", "16:9"))),
        ("unordered:1,2,3", LabelScale("unordered", ("1", "2", "3"))),
        ("ordinal:bad,fair,good", LabelScale("ordinal", ("bad", "fair", "good"))),
        ("ordinal:1-5", LabelScale("ordinal", ("1", "2", "3", "4", "5"))),
        ("ordinal:-2-2", LabelScale("ordinal", ("-2", "-1", "0", "1", "2"))),
        ("ordinal:-3--1", LabelScale("ordinal", ("-3", "-2", "-1"))),
        ("ordinal:0.5,1,1.5", LabelScale("ordinal", ("0.5", "1", "1.5"))),
        ("numeric:0:100", LabelScale("numeric", low=0, high=100)),
        ("numeric:-1:0.5", LabelScale("numeric", low=-1, high=0.5)),
    ],
)
def test_scales(text: str, scale: LabelScale) -> None:
    assert stated_scale(None, text, task_option) == scale
    from_shell = parse_cli_args([f"scale={text}"])["scale"]  # Inspect splits it at commas
    assert stated_scale(None, from_shell, task_option) == scale


@pytest.mark.parametrize(
    ("text", "labels", "kind"),
    [
        ("bad,fair,good", ("bad", "fair", "good"), "unordered"),
        ("yes,no", ("yes", "no"), "unordered"),
        ("01,02,03", ("01", "02", "03"), "ordinal"),
        ("4:3, 16:9", ("4:3", "16:9"), "unordered"),
        ("2,1,3", ("1", "2", "3"), "ordinal"),
        ("1.5,-1,0.5", ("-1", "0.5", "1.5"), "ordinal"),
        ("sa\u200bfe,unsafe", ("safe", "unsafe"), "unordered"),
    ],
)
def test_labels(text: str, labels: tuple[str, ...], kind: str) -> None:
    for given in (text, text.split(","), parse_cli_args([f"labels={text}"])["labels"]):
        scale = stated_scale(given, None, task_option)
        assert scale is not None
        assert (scale.labels, scale.kind) == (labels, kind)


def test_nothing_is_stated() -> None:
    assert stated_scale(None, None, task_option) is None
    assert stated_scale("", [], task_option) is None


@pytest.mark.parametrize(
    ("labels", "scale", "message"),
    [
        ("a,b", "ordinal:1-5", "give either -T labels=… or -T scale=…, not both"),
        (
            None,
            "ordinal",
            "-T scale=…: a scale is stated as unordered:a,b, ordinal:low,middle,high, ordinal:1-5, numeric",
        ),
        (None, "linear:1-5", "-T scale=…: a scale is stated as"),
        (None, {"unordered": "a,b"}, "is not text; put quotes around it"),
        (None, "ordinal:5-1", "ordinal:5-1 is no range of 2 to 100 whole numbers, the lowest first"),
        (None, "ordinal:0-5000", "is no range"),
        (None, "numeric:0", "a numeric scale is stated with its ends, as numeric:0:100, not 'numeric:0'"),
        (None, "numeric:1:x", "a numeric scale is stated with its ends"),
        (None, "numeric:5:1", "needs low < high"),
        (None, "unordered:a", "at least two labels"),
        ([True, False], None, "-T labels=…: True is not text; put quotes around it"),
        ("a,A", None, "must differ by more than case"),
        ("a,,b", None, "not be empty"),
    ],
)
def test_what_cannot_be_understood(labels: object, scale: object, message: str) -> None:
    with pytest.raises(TableError) as caught:
        stated_scale(labels, scale, task_option)
    assert message in str(caught.value)


def test_options_are_named_as_they_are_given() -> None:
    assert [task_option("skip_bad", "true"), command_option("allow_remote", "true")] == [
        "-T skip_bad=true",
        "--allow-remote",
    ]
    assert [task_option("labels", "a b,c"), command_option("labels", "a,b")] == ['-T "labels=a b,c"', "--labels a,b"]
