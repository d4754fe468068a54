"""What judges are worth together and what may be decided alone, in every format of a report."""

import json
from dataclasses import replace

from blpo_inspect.reporting.content import Options, Report, report
from blpo_inspect.reporting.export import json_text, markdown
from blpo_inspect.reporting.page import html
from blpo_inspect.reporting.run_data import Gathered
from tests.reporting.runs import run_of

PEOPLE = ["safe", "unsafe"] * 30
WRONG = {"safe": "unsafe", "unsafe": "safe"}


def wrong_on(*places: int) -> list[str | None]:
    return [WRONG[one] if place in places else one for place, one in enumerate(PEOPLE)]


def compared() -> Report:
    """Three judges that are wrong on other samples; the second says how sure it is."""
    runs = [run_of(PEOPLE, wrong_on(*range(5 * k, 5 * k + 5)), model=f"judge {k}") for k in range(3)]
    sure = [
        replace(answer, probabilities={"safe": 0.6, "unsafe": 0.4} if place in range(5, 10) else {"safe": 0.99})
        for place, answer in enumerate(runs[1].answers)
    ]
    runs[1] = replace(runs[1], answers=tuple(sure))
    return report(Gathered(tuple(runs), (), ()), Options(images=False))


def test_every_format_says_what_a_jury_is_worth() -> None:
    found = compared()
    page, text, [group] = html(found), markdown(found), json.loads(json_text(found))["groups"]
    together = {line["name"]: line for line in group["jury"]["juries"]}
    assert together["majority"]["figures"]["accuracy"]["value"] == 1 and group["jury"]["effective"] == 3
    assert "3 judges are worth 3.0 independent ones" in page and "worth 3.0 independent judges" in text
    assert "The majority of all judges may decide 100% alone" in page and "- the majority may decide 100%" in text
    alone = [run["alone"] for run in group["runs"]]
    assert sum(one is not None for one in alone) == 1
    [one] = [one for one in alone if one]
    assert (one["decided"], one["right"], one["threshold"]) == (55, 55, 0.99)
    assert "may decide 92% alone" in page and "may decide 92% alone" in text


def test_one_judge_is_no_jury() -> None:
    found = report(Gathered((run_of(PEOPLE, wrong_on(1)),), (), ()), Options(images=False))
    assert "there is no jury" in html(found) and "No judge gives probabilities" in html(found)
    assert "No judge says how sure it is." in markdown(found)
    assert json.loads(json_text(found))["groups"][0]["jury"] is None
