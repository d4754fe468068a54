"""The settings of BLPO and their presets."""

from dataclasses import dataclass
from typing import Literal

from blpo_inspect.optimizers.settings import Settings, at_least

Keep = Literal["validation", "last"]
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
        stratify: Whether errors and anchors are drawn evenly over people's labels.
        carry_i2t: Whether an outer step starts from the best I2T prompt of the one before, else from the first one.
        include_start: Whether the I2T prompt that an outer step starts from may win it.
        selection: ``validation`` keeps an update only if it lowers the loss on the validation split, so that the
            result is never worse there than the start; ``last`` keeps every update.
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
    stratify: bool = True
    carry_i2t: bool = True
    include_start: bool = True
    selection: Keep = "validation"
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
        fresh_errors=0,
        anchors=0,
        stratify=False,
        carry_i2t=False,
        include_start=False,
        selection="last",
        patience=None,
        map=False,
    ),
}
