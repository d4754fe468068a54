"""Multimodal judges that agree with people, as an extension of Inspect AI.

The public API, loaded when a name is first used: importing the package imports neither Inspect nor torch.
docs/python-api.md shows each name at work.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blpo_inspect.judging.answer_parser import Verdict
    from blpo_inspect.judging.callable_judge import Judge
    from blpo_inspect.judging.labels import LabelScale
    from blpo_inspect.judging.prompts import PromptPair
    from blpo_inspect.judging.samples import Record, to_dataset
    from blpo_inspect.judging.solvers import describe, judge
    from blpo_inspect.regression.check import check
    from blpo_inspect.reporting.writing import report
    from blpo_inspect.scorers.image_judge import image_judge
    from blpo_inspect.tasks.common import judging_task
    from blpo_inspect.tasks.optimize import optimize

__all__ = [
    "Judge",
    "LabelScale",
    "PromptPair",
    "Record",
    "Verdict",
    "check",
    "describe",
    "image_judge",
    "judge",
    "judging_task",
    "optimize",
    "report",
    "to_dataset",
]

_MODULES = {
    "Judge": "judging.callable_judge",
    "LabelScale": "judging.labels",
    "PromptPair": "judging.prompts",
    "Record": "judging.samples",
    "Verdict": "judging.answer_parser",
    "check": "regression.check",
    "describe": "judging.solvers",
    "image_judge": "scorers.image_judge",
    "judge": "judging.solvers",
    "judging_task": "tasks.common",
    "optimize": "tasks.optimize",
    "report": "reporting.writing",
    "to_dataset": "judging.samples",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("blpo-inspect")
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})
