"""The benchmark of a whole optimization: counting, clocks, and a small run of it all."""

import json
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import optimize_cost
from optimizing.clock import Clock, seconds
from optimizing.naive import naive_calls, validation_calls


def candidate(number: int, **found: Any) -> dict[str, Any]:
    return {"number": number, "prompt": "p", "i2t": "q", "score": 0.1, **found}


def step(*candidates: dict[str, Any], validation_loss: float | None = None) -> dict[str, Any]:
    return {
        "shown": ["a", "b", "c"],
        "fresh_errors": ["d"],
        "anchors": ["e"],
        "candidates": list(candidates),
        "validation_loss": validation_loss,
    }


def record(*steps: dict[str, Any], validated: bool = True) -> dict[str, Any]:
    loss = {"before": 0.5, "after": 0.5} if validated else {}
    return {
        "benchmark": {"sizes": {"train": 100, "validation": 50, "test": 30}},
        "validation_loss": loss,
        "trajectory": list(steps),
    }


def test_naive_count_of_a_step() -> None:
    # judge: 100 to find errors, 2 candidates × 5 images × 2 prompts; validation: first pair and new one
    # i2t: 3 images × (2 candidates + outer update); optimizer: 2 updates of p, 1 of q, the outer update
    found = naive_calls(record(step(candidate(0), candidate(1), validation_loss=0.4)))
    assert found == {"judge": 100 + 20 + 2 * 50, "i2t": 9, "optimizer": 4}
    assert validation_calls(record(step(candidate(0), validation_loss=0.4))) == 100


def test_naive_count_repeats_refused_questions_and_leaves_out_what_never_was() -> None:
    refused = [{"reason": "too long", "text": "…"}] * 3
    no_q = {"number": 1, "prompt": None, "rejected": refused}
    no_p = {"number": 2, "prompt": None, "i2t": "q", "score": 0.0, "rejected": refused}
    assert naive_calls(record(step(no_q, no_p), validated=False)) == {"judge": 100, "i2t": 3, "optimizer": 3 + 1 + 3}
    # a step that found no errors judged the training split and ended the run
    none = {**step(), "shown": [], "fresh_errors": [], "anchors": []}
    assert naive_calls(record(none, validated=False)) == {"judge": 100, "i2t": 0, "optimizer": 0}


def test_spans_of_several_threads_are_united() -> None:
    assert seconds([(0, 2), (1, 3), (5, 6), (5.5, 5.7)]) == 4
    assert seconds([(0, 4)], but=[(1, 2), (3, 9)]) == 2
    assert seconds([]) == 0


def test_a_clock_times_functions_and_gives_them_back() -> None:
    def work(wait: float) -> str:
        time.sleep(wait)
        return "done"

    owner, clock = SimpleNamespace(work=work), Clock()
    with clock.on(owner, "work"):
        other = threading.Thread(target=owner.work, args=(0.05,))
        other.start()
        assert owner.work(0.05) == "done"
        other.join()
    assert owner.work is work and len(clock.spans) == 2
    assert 0.05 <= seconds(clock.spans) < 5
    with pytest.raises(AttributeError), clock.on(owner, "nothing"):
        pass


def test_a_small_run_and_its_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = tmp_path / "raw.json"
    status = optimize_cost.main(["--sizes", "0.1", "--repeats", "1", "--max-calls", "60", "--json", str(raw)])
    printed = capsys.readouterr()
    assert status == 0, printed.err
    assert "byte for byte" in printed.out and "| **calls per second** |" in printed.out
    cold, replayed = json.loads(raw.read_text())["results"]
    assert cold["pair"] == replayed["pair"] and cold["images"] == 30
    made = sum(one["made"] for one in cold["calls"].values())
    assert 0 < made <= 60 and cold["requested"] >= made - cold["calls"]["optimizer"]["made"]
    assert sum(one["made"] for one in replayed["calls"].values()) == 0
    assert sum(one["made"] + one["replayed"] for one in replayed["calls"].values()) == made + sum(
        one["replayed"] for one in cold["calls"].values()
    )
    assert 0 < cold["judging"] < cold["running"] and replayed["judging"] == 0
    assert cold["log"] > 0 and cold["cache"] > 0 and cold["memory"] > 1e8


@pytest.mark.parametrize("argument", [["--sizes", "0"], ["--sizes", "a"], ["--repeats", "0"], ["--max-calls", "-1"]])
def test_wrong_usage(argument: list[str]) -> None:
    with pytest.raises(SystemExit) as error:
        optimize_cost.main(argument)
    assert error.value.code == 2
