"""What Inspect finds: importing this module registers every task, solver, scorer and model provider.

Nothing here may import torch or transformers: Inspect loads this module at every start.
"""

from blpo_inspect.cache.provider import cached
from blpo_inspect.models.induction.provider import induction
from blpo_inspect.models.provider import hf_vlm
from blpo_inspect.optimize.blpo import blpo
from blpo_inspect.optimize.gepa import gepa
from blpo_inspect.optimize.opro import opro
from blpo_inspect.optimize.protegi import protegi
from blpo_inspect.optimize.textgrad import textgrad
from blpo_inspect.scorers import agreement, calibration, correlation, error, improvement, preference, unread
from blpo_inspect.solvers import describe, judge
from blpo_inspect.tasks.agin import agin
from blpo_inspect.tasks.folder import folder
from blpo_inspect.tasks.image_reward import image_reward
from blpo_inspect.tasks.optimize import optimize
from blpo_inspect.tasks.seetrue import seetrue
from blpo_inspect.tasks.shapes import shapes_alignment, shapes_rating, shapes_safety
from blpo_inspect.tasks.unsafebench import unsafebench

__all__ = [
    "agin",
    "agreement",
    "blpo",
    "cached",
    "calibration",
    "correlation",
    "describe",
    "error",
    "folder",
    "gepa",
    "hf_vlm",
    "image_reward",
    "improvement",
    "induction",
    "judge",
    "opro",
    "optimize",
    "preference",
    "protegi",
    "seetrue",
    "shapes_alignment",
    "shapes_rating",
    "shapes_safety",
    "textgrad",
    "unread",
    "unsafebench",
]
