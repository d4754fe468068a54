"""Inspect scorers: how well a judge's verdicts agree with people's labels, and a judge as a scorer (`image_judge`)."""

from blpo_inspect.scorers.agreement import agreement
from blpo_inspect.scorers.alternative_annotator import alternative_annotator
from blpo_inspect.scorers.calibration import calibration
from blpo_inspect.scorers.correlation import correlation
from blpo_inspect.scorers.error import error
from blpo_inspect.scorers.further_agreement import further_agreement
from blpo_inspect.scorers.image_judge import image_judge
from blpo_inspect.scorers.improvement import improvement
from blpo_inspect.scorers.labels import labels
from blpo_inspect.scorers.position import position
from blpo_inspect.scorers.preference import preference
from blpo_inspect.scorers.unread import unread

__all__ = [
    "agreement",
    "alternative_annotator",
    "calibration",
    "correlation",
    "error",
    "further_agreement",
    "image_judge",
    "improvement",
    "labels",
    "position",
    "preference",
    "unread",
]
