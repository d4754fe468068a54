"""What people see of the figures: Inspect's own table of scores, drawn in 80 columns."""

import io
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import rich
from click.testing import CliRunner
from inspect_ai import score as inspect_score
from inspect_ai._cli.score import print_results, score_command
from inspect_ai._display.core.results import task_scores
from inspect_ai.log import EvalLog, EvalMetric, EvalScore, read_eval_log
from inspect_ai.scorer._scorer import scorer_metrics
from rich.console import Console

from blpo_inspect.judging.labels import Kind, LabelScale
from blpo_inspect.judging.prompts import PromptPair
from blpo_inspect.scorers import agreement, calibration, correlation, error, image_judge, preference, unread
from blpo_inspect.scorers.improvement import improvement_on
from blpo_inspect.scorers.metric_keys import ENDS, SHORT, metric_key
from blpo_inspect.statistics import statistics_of
from tests.conftest import ScriptedAPI
from tests.scorers.judged import RATING, SAFETY, Row, evaluated

ROOM = 7
"""Characters that four scorers of up to 9,999 samples leave to a name, in the frame of ``inspect score``."""


def drawn(log: EvalLog, scores: Sequence[EvalScore]) -> list[list[str]]:
    """The names in each table of one row of scores, as Inspect draws them; folded names are put together."""
    assert log.results is not None and len(scores) <= 4
    console = Console(width=80, file=io.StringIO())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rich, "_console", console)
        print_results("x.eval", log.model_copy(update={"results": log.results.model_copy(update={"scores": scores})}))
    assert isinstance(console.file, io.StringIO)
    lines = [line[1:-1] for line in console.file.getvalue().splitlines() if line.startswith("│")]
    head, *rest = [line for line in lines if line.strip() and "Log:" not in line]
    starts = [match.start() for match in re.finditer(r"\S+", head)]
    assert len(starts) == len(scores)
    found: list[list[str]] = [[] for _ in scores]
    for line in rest:
        for names, start, end in zip(found, starts, [*starts[1:], None], strict=True):
            cell = line[start:end].strip()
            value = re.search(r"\s+(-?\d+\.\d*…?|nan)$", cell)
            if value:
                names.append(cell[: value.start()])
            elif cell:
                names[-1] += f" {cell}"
    return found


def assert_whole(log: EvalLog, samples: int | None = None) -> None:
    """Every name of every scorer stands there as it is, so no two of a scorer look the same.

    Args:
        log: A scored log.
        samples: What counts of samples are drawn as; None for what they are.
    """
    assert log.results is not None
    scores = [score.model_copy(deep=True) for score in log.results.scores]
    for name, metric in [one for score in scores for one in score.metrics.items()]:
        if samples is not None and metric.value and re.match(r"(n|count|pairs|support)\b", name):
            metric.value = samples
    for place in range(0, len(scores), 4):
        row = scores[place : place + 4]
        for names, score in zip(drawn(log, row), row, strict=True):
            assert names == [key.replace("\\[", "[") for key in score.metrics], score.name


def rated(**known: Any) -> list[Row]:
    """Ratings of 15 images with two raters each, and a kappa below 0."""
    return [
        Row(str(k % 5 + 1), str((k + 2) % 5 + 1), raters={"a": str(k % 5 + 1), "b": str((k + k // 7) % 5 + 1)}, **known)
        for k in range(15)
    ]


def test_keys_are_short_and_differ() -> None:
    figures = {*SHORT, *statistics_of(RATING), "share", "ece", "brier"}
    made = [metric_key(figure, of) for figure in figures for of in ENDS]
    assert max(map(len, made)) <= ROOM and len(set(made)) == len(made)


def test_the_scorers_of_a_rating_and_more_that_were_added(
    scripted: type[ScriptedAPI], red: Path, tmp_path: Path
) -> None:
    log = evaluated(scripted, red, tmp_path, RATING, rated(group="g"), [agreement(), unread(), correlation(), error()])
    for scorer in (calibration(), preference(), correlation(), agreement()):
        log = inspect_score(log, scorer, action="append")
    for samples in (None, 100, 9_999):
        assert_whole(log, samples)


def test_by_category_beside_three_others(scripted: type[ScriptedAPI], red: Path, tmp_path: Path) -> None:
    judged = [
        Row(human, answer, category)
        for category in ("Spam", "Hate", "Self")
        for human, answer in zip(["safe", "unsafe"] * 5, ["unsafe", "safe"] * 4 + ["safe"] * 2, strict=True)
    ]
    log = evaluated(scripted, red, tmp_path, SAFETY, judged, [agreement(), unread()])
    for scorer in (calibration(), agreement(by="category")):
        log = inspect_score(log, scorer, action="append")
    assert_whole(log)
    assert_whole(log, 999)


def test_long_categories_are_folded(scripted: type[ScriptedAPI], red: Path, tmp_path: Path) -> None:
    half = [row for name in ("Public and Personal Health", "Illegal Activity") for row in rated(category=name)]
    log = evaluated(scripted, red, tmp_path, RATING, half, [agreement(), unread(), correlation(), error()])
    for scorer in (error(by="category"), correlation(by="category")):
        log = inspect_score(log, scorer, action="append")
    assert_whole(log)
    assert_whole(log, 999)


@pytest.mark.parametrize("scale", [SAFETY, RATING])
def test_a_judge_as_scorer(scale: LabelScale, scripted: type[ScriptedAPI], red: Path, tmp_path: Path) -> None:
    labels = scale.labels * 3
    judged = [Row(human, answer) for human, answer in pairwise(labels)]
    log = evaluated(scripted, red, tmp_path, scale, judged, [agreement(), unread()])
    by = image_judge(PromptPair("Which?", scale=scale), images="input")
    log = inspect_score(log, by, action="append")
    assert_whole(log)


def test_by_category_from_the_command_line(scripted: type[ScriptedAPI], red: Path, tmp_path: Path) -> None:
    judged = [Row("safe", "safe", "Harassment"), Row("unsafe", "safe", "Harassment"), Row("safe", "safe", "Deception")]
    log = evaluated(scripted, red, tmp_path, SAFETY, judged, [agreement(), unread()])
    command = [log.location, "--scorer", "blpo_inspect/agreement", "-S", "by=category", "-S", "per_label=true"]
    done = CliRunner().invoke(score_command, [*command, "--action", "append", "--overwrite"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    log = read_eval_log(log.location)
    assert log.results is not None
    assert {"kappa_u @Harassment", "prec_l (unsafe) @Harassment"} <= set(log.results.scores[2].metrics)
    assert_whole(log)


@pytest.mark.parametrize("name", ["[b]", "[/b]", "[/]", "a [red]b[/red]", "a\x1b[31mb", "a\nb", "\\[x]", "[link=x]"])
def test_a_category_is_text_and_no_style(name: str, scripted: type[ScriptedAPI], red: Path, tmp_path: Path) -> None:
    judged = [Row("safe", "safe", name), Row("unsafe", "safe", "other")]
    log = evaluated(scripted, red, tmp_path, SAFETY, judged, unread(by="category"))
    assert log.results is not None
    [names] = drawn(log, log.results.scores)
    shown = name.replace("\x1b", "\\x1b").replace("\n", " ")
    assert f"share @{shown}" in names and "share @other" in names


@pytest.mark.parametrize("kind", ["unordered", "ordinal", "numeric"])
def test_an_optimization_fits_what_inspect_eval_draws(kind: Kind) -> None:
    names = list(map(str, scorer_metrics(improvement_on(kind, raters=True))))
    scores = [
        EvalScore(name=name, scorer="improvement", metrics={"mean": EvalMetric(name="mean", value=-0.125)})
        for name in names
    ]
    console = Console(width=80, file=io.StringIO())
    for row in task_scores(scores):
        console.print(row)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert len(names) > 5 and "…" not in text and all(name in text for name in names)
