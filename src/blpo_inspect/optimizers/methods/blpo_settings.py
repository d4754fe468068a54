"""The settings of BLPO and their presets."""

from dataclasses import dataclass
from typing import Literal

from blpo_inspect.optimizers.settings import Settings, at_least

Selection = Literal["validation", "last"]
Keep = Literal["expected", "significant"]
Inner = Literal["needed", "always"]
Told = Literal["all", "paper"]
I2T = Literal["learned", "fixed", "judge_prompt"]


@dataclass(frozen=True)
class BlpoSettings(Settings):
    """How BLPO runs; the defaults of this class are the preset ``default``.

    Attributes:
        outer_steps: Updates of the judge prompt at most (T).
        inner_steps: New I2T prompts tried in each outer step (K); 0 is no inner loop.
        batch_size: Misjudged images that the optimizer reads about, at most.
        fresh_errors: Further misjudged images that take part in scoring, at most: those that the optimizer did not
            read about show whether an update holds for others.
        anchors: Correctly judged images that take part in scoring, at most: they show what an update breaks.
        shown_right: How many of them the optimizer reads about, marked as judged right, at most.
        stratify: Whether errors and anchors are drawn evenly over people's labels; scores weight them back.
        max_judged: Training images judged in an outer step to find errors, at most; None: all, where errors are rare.
        told: ``all`` that helps the optimizer (`briefing`), or what the paper tells it: the misjudged images alone.
        inner: ``needed`` searches I2T prompts in an outer step only until captions lead to an update that mends a
            third of what is possible and holds; ``always`` tries all K.
        racing: Whether a candidate is dropped as soon as it cannot be one of the best two of its outer step any more,
            and validation ends as soon as its outcome is decided; else all are judged on everything.
        carry_i2t: Whether an outer step starts from the best I2T prompt of the one before, else from the first one.
        include_start: Whether the I2T prompt that an outer step starts from may win it.
        selection: ``validation`` keeps an update only if it lowers the loss on the validation split, so that the
            result is never worse there than the start; ``last`` keeps every update.
        keep: Which updates that lower it are kept: ``expected`` all, ``significant`` those whose gain cannot be chance.
        patience: Outer steps without an update that was kept, after which the run ends; None: never.
        i2t: ``learned`` by the inner loop, ``fixed``, or ``judge_prompt``: the judge prompt in force asks for the
            captions.

    Raises:
        ValueError: A value out of its range; the message names it.
    """

    outer_steps: int = at_least(1, 5)
    inner_steps: int = at_least(0, 5)
    batch_size: int = at_least(1, 10)
    fresh_errors: int = at_least(0, 10)
    anchors: int = at_least(0, 10)
    shown_right: int = at_least(0, 3)
    stratify: bool = True
    max_judged: int | None = at_least(1, 60)
    told: Told = "all"
    inner: Inner = "needed"
    racing: bool = True
    carry_i2t: bool = True
    include_start: bool = True
    selection: Selection = "validation"
    keep: Keep = "expected"
    patience: int | None = at_least(1, 2)
    i2t: I2T = "learned"

    @property
    def candidates(self) -> int:
        """New I2T prompts per outer step: none where the I2T prompt is not learned."""
        return self.inner_steps if self.i2t == "learned" else 0


PRESETS = {
    "default": BlpoSettings(),
    # Algorithm 1 of arXiv 2602.11340: its argmax runs over the new I2T prompts only
    "paper": BlpoSettings(
        loss="scale",
        fresh_errors=0,
        anchors=0,
        shown_right=0,
        stratify=False,
        max_judged=None,
        told="paper",
        inner="always",
        racing=False,
        carry_i2t=False,
        include_start=False,
        selection="last",
        patience=None,
        map=False,
    ),
}
