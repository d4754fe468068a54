"""What Inspect finds: importing this module registers every task, solver, scorer and model provider.

Nothing here may import torch or transformers: Inspect loads this module at every start.
"""

from blpo_inspect.cache.cached_provider import cached
from blpo_inspect.importing.provider import ImportedAPI
from blpo_inspect.judging.pairs import judge_pair
from blpo_inspect.judging.solvers import describe, judge
from blpo_inspect.models.hf_vlm import hf_vlm
from blpo_inspect.models.jury import jury
from blpo_inspect.optimizers.methods.blpo import blpo
from blpo_inspect.optimizers.methods.gepa import gepa
from blpo_inspect.optimizers.methods.opro import opro
from blpo_inspect.optimizers.methods.protegi import protegi
from blpo_inspect.optimizers.methods.remap import remap
from blpo_inspect.optimizers.methods.textgrad import textgrad
from blpo_inspect.scorers import (
    agreement,
    alternative_annotator,
    calibration,
    correlation,
    error,
    further_agreement,
    image_judge,
    improvement,
    labels,
    position,
    preference,
    unread,
)
from blpo_inspect.tasks.agin import agin
from blpo_inspect.tasks.folder import folder
from blpo_inspect.tasks.image_reward import image_reward
from blpo_inspect.tasks.image_reward_pairs import image_reward_pairs
from blpo_inspect.tasks.nlvr import nlvr
from blpo_inspect.tasks.optimize import optimize
from blpo_inspect.tasks.pairs import pairs
from blpo_inspect.tasks.seetrue import seetrue
from blpo_inspect.tasks.shapes import shapes_alignment, shapes_rating, shapes_safety
from blpo_inspect.tasks.unsafebench import unsafebench
from blpo_inspect.world.optimizer.induction import induction

__all__ = [
    "ImportedAPI",
    "agin",
    "agreement",
    "alternative_annotator",
    "blpo",
    "cached",
    "calibration",
    "correlation",
    "describe",
    "error",
    "folder",
    "further_agreement",
    "gepa",
    "hf_vlm",
    "image_judge",
    "image_reward",
    "image_reward_pairs",
    "improvement",
    "induction",
    "judge",
    "judge_pair",
    "jury",
    "labels",
    "nlvr",
    "opro",
    "optimize",
    "pairs",
    "position",
    "preference",
    "protegi",
    "remap",
    "seetrue",
    "shapes_alignment",
    "shapes_rating",
    "shapes_safety",
    "textgrad",
    "unread",
    "unsafebench",
]
