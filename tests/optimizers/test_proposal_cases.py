"""Answers of an optimizer as language models write them, labelled by hand (``../shared/cases/proposals.jsonl``)."""

import json
from collections import Counter
from pathlib import Path

import pytest
from inspect_ai.model import ModelOutput

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.optimizers.delimiters import JUDGE_PROMPT
from blpo_inspect.optimizers.guard import judge_prompt_problem
from blpo_inspect.optimizers.proposal import read_answer
from blpo_inspect.optimizers.settings import Settings

CASES = Path(__file__).parents[3] / "shared" / "cases" / "proposals.jsonl"


@pytest.mark.skipif(not CASES.exists(), reason=f"{CASES} is only in the workplace, not in the repository")
def test_no_bad_answer_is_accepted_and_no_good_one_is_refused() -> None:
    """What only harms the form of the answer is not refused: it shows in unread answers."""
    wrong: Counter[str] = Counter()
    for line in CASES.read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        output = ModelOutput.from_content("optimizer", case["answer"], stop_reason=case["stop_reason"])
        new, reason = read_answer(output, JUDGE_PROMPT)
        scale = LabelScale.from_dict(case["scale"])
        reason = reason or judge_prompt_problem(new, case["in_force"], scale, case["captions"], Settings())
        if case["good"] is not None and case["good"] != (reason is None):
            wrong["refused" if case["good"] else case["kind"]] += 1
    assert wrong == {"format": 8}
