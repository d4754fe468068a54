"""The keys of figures in Inspect's metrics, which are short: `metric_key` is the only place that makes them.

Inspect draws up to four scorers side by side, which leaves seven or more of 80 columns to a name. It cuts what is
longer, and a figure and the ends of its interval then look the same. Before a label and a group stands a space, where
Inspect can fold the name.
"""

from typing import Literal

from rich.markup import escape

from blpo_inspect._util.text import visible

SHORT = {
    "accuracy": "acc",
    "balanced_accuracy": "bacc",
    "macro_f1": "mf1",
    "weighted_f1": "wf1",
    "cohens_kappa": "kappa",
    "linear_kappa": "lwk",
    "quadratic_kappa": "qwk",
    "krippendorff_alpha": "alpha",
    "precision": "prec",
    "recall": "rec",
    "pearson": "plcc",
    "spearman": "srcc",
    "kendall_tau": "krcc",
    "macro_f1_all": "mf1a",
    "gwet_ac1": "ac1",
    "gwet_ac2": "ac2",
    "lower_limit": "loa",
    "upper_limit": "uoa",
    "expected_mae": "emae",
    "expected_pearson": "eplcc",
    "expected_spearman": "esrcc",
    "preference": "pref",
    "preference_decided": "dec",
    "judge_ties": "jtie",
    "human_ties": "htie",
}
"""Figure → what its keys begin with; a figure that is not here has a short name already."""

Of = Literal["value", "low", "high", "ceiling", "raters", "share"]

ENDS: dict[Of, str] = {"value": "", "low": "_l", "high": "_u", "ceiling": "_c", "raters": "_r", "share": "_s"}
"""What a key says of a figure → what it ends with."""


def metric_key(figure: str, of: Of = "value", label: str | None = None) -> str:
    """``kappa``, ``kappa_l``, ``prec_u (unsafe)``.

    Args:
        figure: Its name in `blpo_inspect.statistics`, such as ``cohens_kappa``.
        of: The figure itself, an end of its 95 % interval, the human ceiling, pairs of raters, or the judge's share of
            the ceiling.
        label: The label that the figure is of; None for all.
    """
    return SHORT.get(figure, figure) + ENDS[of] + ("" if label is None else f" ({_shown(label)})")


def in_group(key: str, group: str) -> str:
    """The key of the same figure over one group of samples: ``acc @outdoor``."""
    return f"{key} @{_shown(group)}"


def _shown(text: str) -> str:
    """A text of the data: Inspect would take ``[…]`` in it for a style, and fail at one that was never opened."""
    return escape(visible(text))
