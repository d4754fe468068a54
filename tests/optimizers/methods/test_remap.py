"""The map at the end of a run, and `remap`, which does nothing else: a judge with a shifted scale, end to end."""

import gc
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import Task, task
from inspect_ai import eval as inspect_eval
from inspect_ai.log import EvalLog
from inspect_ai.model import ChatMessage, ModelOutput
from inspect_ai.solver import Solver, SolverSpec

from blpo_inspect._util.inspect_internals import PrerequisiteError
from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.judging.likelihood import LABEL_LOGPROBS
from blpo_inspect.judging.prompts import RESULT, PromptPair
from blpo_inspect.judging.samples import Record
from blpo_inspect.optimizers.methods.blpo import blpo
from blpo_inspect.optimizers.methods.remap import remap
from blpo_inspect.optimizers.methods.textgrad import textgrad
from blpo_inspect.tasks.common import judging_task
from blpo_inspect.tasks.optimize import optimize
from tests.conftest import ScriptedAPI
from tests.optimizers.toy import pair_of, tagged
from tests.optimizers.toy import picture as square

FIVE = LabelScale("ordinal", ("1", "2", "3", "4", "5"))
SIZES = {"train": 5, "validation": 20, "test": 10}
SHIFTED = {"1": "1", "2": "1", "3": "2", "4": "3", "5": "5"}
"""What a judge that is one too high means. Its 5 is as often people's 4 as their 5, so it stays."""


@task
def stars(split: str = "test", prompts: str | None = None, kind: str = "ordinal", answer: Any = "text") -> Task:
    """Squares that people give one to five stars in turn; as numbers, or as low (1, 2) and high (3 to 5)."""
    first = sum(size for name, size in SIZES.items() if name < split)
    records = []
    for place in range(SIZES[split]):
        label = str(1 + place % 5)
        scale = {
            "ordinal": FIVE,
            "numeric": LabelScale("numeric", low=1, high=5),
            "unordered": LabelScale("unordered", ("low", "high")),
        }[kind]
        human = label if kind != "unordered" else "low" if label < "3" else "high"
        records.append(Record(f"{split}{place}", square(chr(first + place)), human, text=f"{split} {label}"))
    return judging_task(records, scale, name="stars", default_prompt="How many?", prompts=prompts, answer=answer)


def script(says: Callable[[int], str | ModelOutput]) -> Callable[[list[ChatMessage]], str | ModelOutput]:
    """A judge that says something about people's stars; an optimizer that always proposes the same."""

    def answer(messages: list[ChatMessage]) -> str | ModelOutput:
        text = messages[0].text
        if "between <" in text:
            return tagged("Too vague.", "critique") if "between <critique>" in text else tagged("How many stars?")
        found = re.search(r"<text>(\w+) (\d)</text>", text)
        return says(int(found[2])) if found else "A square."

    return answer


def one_too_high(stars: int) -> str:
    return str(min(stars + 1, 5))


def fair(stars: int) -> str:
    return str(stars)


def run(solver: Solver | SolverSpec | None, folder: Path, optimizer: bool = False, **args: Any) -> EvalLog:
    """One optimization of the stars."""
    [log] = inspect_eval(
        optimize("stars", **args),
        solver=solver,
        model="scripted/judge",
        model_roles={"optimizer": "scripted/optimizer"} if optimizer else {},
        log_dir=str(folder),
        display="none",
    )
    return log


def asked(scripted: type[ScriptedAPI], split: str) -> int:
    """How often the judge was asked about a split."""
    return sum(f"<text>{split} " in messages[0].text for messages in scripted.requests)


def test_a_judge_that_is_one_too_high_is_mapped(
    scripted: type[ScriptedAPI], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted.script = staticmethod(script(one_too_high))
    file = tmp_path / "pair.yaml"
    log = run(remap(), tmp_path, save=str(file))
    pair = pair_of(log)
    assert pair == PromptPair.load(file)
    assert (pair.judge, pair.map) == ("How many?", SHIFTED)
    assert pair.provenance["calls"] == {"judge": 20, "i2t": 0}
    assert (asked(scripted, "train"), asked(scripted, "validation"), asked(scripted, "test")) == (0, 20, 10)
    # four of five labels are one step of four off. An image of 4 or 5 that is left out turns the others' tie against it
    assert pair.provenance["map"] == "kept, cross-validated loss 0.200 → 0.100 on 20 validation images"
    test = pair.provenance["test"]
    assert (test["before"]["accuracy"], test["after"]["accuracy"]) == (0.2, 0.8)
    assert test["raw"] == {"before": test["before"], "after": test["before"]}

    monkeypatch.setenv("BLPO_CACHE", "offline")
    calls = len(scripted.requests)
    assert pair_of(run(remap(), tmp_path)).to_yaml() == pair.to_yaml()
    figures = []
    for prompts in (None, str(file)):
        [judged] = inspect_eval(stars(prompts=prompts), model="scripted/judge", log_dir=str(tmp_path), display="none")
        assert judged.results, judged.error
        figures.append(
            {name: metric.value for score in judged.results.scores for name, metric in score.metrics.items()}
        )
    assert [of["mae"] for of in figures] == [pytest.approx(0.8), pytest.approx(0.2)]
    assert len(scripted.requests) == calls


def test_a_map_that_does_not_help_is_not_kept(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    scripted.script = staticmethod(script(fair))
    pair = pair_of(run(remap(), tmp_path))
    assert pair.map is None and "\nmap:" not in pair.to_yaml()
    assert pair.provenance["map"] == "none, cross-validated loss 0.000 → 0.000 on 20 validation images"
    assert "raw" not in pair.provenance["test"]


def test_numbers_are_mapped_too(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    scripted.script = staticmethod(script(lambda stars: str(1 + (stars - 1) / 2)))
    pair = pair_of(run(remap(), tmp_path, benchmark_args={"kind": "numeric"}))
    assert pair.map == {"1": "1", "1.5": "2", "2": "3", "2.5": "4", "3": "5"}
    assert pair.provenance["test"]["after"]["mae"] == 0


def test_labels_without_an_order_are_weighed_by_their_probabilities(
    scripted: type[ScriptedAPI], tmp_path: Path
) -> None:
    """The judge is never sure of high."""

    def timid(stars: int) -> ModelOutput:
        output = ModelOutput.from_content("m", "low")
        output.metadata = {LABEL_LOGPROBS: {"low": -0.1, "high": -5.0 + stars / 2}}
        return output

    scripted.script = staticmethod(script(timid))
    unordered = {"kind": "unordered"}
    without = pair_of(run(remap(), tmp_path, benchmark_args=unordered))
    assert without.map is None and "answer=likelihood" in without.provenance["map"]
    pair = pair_of(run(remap(), tmp_path, benchmark_args={**unordered, "answer": "likelihood"}))
    test = pair.provenance["test"]
    assert pair.map and pair.map["low"] == "1"
    assert (test["before"]["accuracy"], test["after"]["accuracy"]) == (0.4, 1.0)


def test_calls_for_the_map_count_and_keep_within_the_budget(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    """This run does not validate, so fitting the map judges the validation split."""
    scripted.script = staticmethod(script(one_too_high))
    solver: dict[str, Any] = {"updates": 1, "batch_size": 5, "selection": "train"}
    plain = pair_of(run(textgrad(**solver, map=False), tmp_path, optimizer=True)).provenance
    assert asked(scripted, "validation") == 0 and "map" not in plain
    whole = pair_of(run(textgrad(**solver), tmp_path, optimizer=True))
    assert whole.judge == "How many stars?" and whole.map == SHIFTED
    calls = sum(plain["calls"].values())
    assert sum(whole.provenance["calls"].values()) == calls + 20
    short = pair_of(run(textgrad(**solver, max_calls=calls + 19), tmp_path, optimizer=True))
    assert short.map is None and sum(short.provenance["calls"].values()) == calls
    why = f"none, max_calls={calls + 19}: 20 more after {calls} would exceed it"
    assert short.provenance["map"] == why and short.provenance["stopped"] == plain["stopped"]


def test_remap_without_calls_left_says_so(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    scripted.script = staticmethod(script(one_too_high))
    pair = pair_of(run(remap(max_calls=19), tmp_path))
    assert pair.map is None and pair.provenance["map"].startswith("none, max_calls=19: 20 more after 0")
    assert pair.provenance["test"]["after"]["accuracy"] == 0.2


def test_the_papers_preset_fits_no_map(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    scripted.script = staticmethod(script(one_too_high))
    pair = pair_of(run(blpo("paper", outer_steps=1, inner_steps=0), tmp_path, optimizer=True))
    assert pair.judge == "How many stars?" and pair.map is None
    assert asked(scripted, "validation") == 0
    assert "map" not in pair.provenance and "raw" not in pair.provenance["test"]


def test_the_curve_ends_with_the_map(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    scripted.script = staticmethod(script(one_too_high))
    test = pair_of(run(remap(), tmp_path, test_kept=True)).provenance["test"]
    assert test["kept"] == [{"calls": 0, **test["before"]}, {"calls": 20, **test["after"]}]


def test_a_first_pair_counts_with_its_map(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    """Its map, made for another judge, makes a fair one err: a fitted map cannot help, and the pair stays as it is."""
    scripted.script = staticmethod(script(fair))
    PromptPair("How many?", scale=FIVE, map=SHIFTED).save(tmp_path / "start.yaml")
    pair = pair_of(run(remap(), tmp_path, prompts=str(tmp_path / "start.yaml")))
    assert pair.map == pair.provenance["start"]["map"] == SHIFTED
    test = pair.provenance["test"]
    assert (test["before"]["accuracy"], test["after"]["accuracy"]) == (0.4, 0.4)
    assert (test["raw"]["before"]["accuracy"], test["raw"]["after"]["accuracy"]) == (1, 1)


def test_only_remap_runs_without_an_optimizer(scripted: type[ScriptedAPI], tmp_path: Path) -> None:
    """Named on the command line or made before; another solver still ends before anything is asked."""
    scripted.script = staticmethod(script(fair))
    log = run(SolverSpec("blpo_inspect/remap"), tmp_path)
    assert log.status == "success", log.error
    assert (log.samples or [])[0].metadata[RESULT]["uses"].keys() == {"judge", "i2t"}
    del log
    gc.collect()
    calls = len(scripted.requests)
    with pytest.raises(PrerequisiteError, match="an optimizer model is needed"):
        run(blpo(), tmp_path)
    with pytest.raises(PrerequisiteError, match="an optimizer model is needed"):
        run(None, tmp_path)
    beside = remap()
    failed = run(blpo(), tmp_path)
    assert failed.error and failed.error.message.startswith("an optimizer model is needed")
    assert beside and len(scripted.requests) == calls
