"""The embedded world: a simulation that exercises the real path from image to verdict without a hub.

Drawings of a few coloured shapes, simulated raters who follow hidden rules, and a small vision-language
model trained from scratch to describe such drawings and to judge them by the rules a prompt states.
"""

from pathlib import Path

JUDGE = Path(__file__).parent / "judge"
"""The folder of the embedded judge's checkpoint, ``hf-vlm/shapes-judge``."""
