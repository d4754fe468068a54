"""JUnit XML: one test suite, one test case per case. Fail is a failure, broken an error, inconclusive a failure too."""

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from blpo_inspect._util.text import shortened, visible_lines
from blpo_inspect.regression.decide import CaseResult, SuiteResult
from blpo_inspect.regression.outputs.phrases import calls, flip_cells, headline

MOST_FLIPS = 50


def junit(suite_result: SuiteResult) -> bytes:
    """The result in the form that Jenkins, GitLab and others read.

    An inconclusive case is a failure of the type ``inconclusive``, so that no reader takes it for a pass.
    """
    outcomes = [case.outcome for case in suite_result.cases]
    counts = {
        "tests": len(outcomes),
        "failures": sum(outcome in ("fail", "inconclusive") for outcome in outcomes),
        "errors": outcomes.count("broken"),
        "skipped": 0,
    }
    attributes = {name: str(count) for name, count in counts.items()}
    root = Element("testsuites", {"name": "blpo check", **{k: v for k, v in attributes.items() if k != "skipped"}})
    suite = SubElement(root, "testsuite", {"name": visible_lines(suite_result.name), **attributes})
    for case in suite_result.cases:
        _case(suite, suite_result.name, case)
    indent(root)
    content: str = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{content}\n'.encode()


def _case(suite: Element, name: str, case: CaseResult) -> None:
    element = SubElement(suite, "testcase", {"name": visible_lines(case.name), "classname": visible_lines(name)})
    if case.outcome != "pass":
        kind = "error" if case.outcome == "broken" else "failure"
        inner = SubElement(
            element,
            kind,
            {"type": case.outcome, "message": shortened(visible_lines(headline(case).partition("\n")[0]))},
        )
        inner.text = visible_lines("\n".join([headline(case), *_flips(case)]))
    lines = [*(f"{criterion.outcome}: {criterion.reason}" for criterion in case.criteria), *case.drift, calls(case)]
    SubElement(element, "system-out").text = visible_lines("\n".join(line for line in lines if line))


def _flips(case: CaseResult) -> list[str]:
    lines = [
        f"{sample}: people {human}; {before} -> {after} ({turn})"
        for sample, human, before, after, turn in map(flip_cells, case.flips[:MOST_FLIPS])
    ]
    more = len(case.flips) - len(lines)
    return [*lines, f"and {more} more"] if more else lines
