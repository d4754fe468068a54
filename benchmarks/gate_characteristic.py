"""How often the gate passes, fails or cannot tell, for a judge that did not change and for one that got worse.

A simulated judge agrees with people on 80 % of the images. Each run of it flips some answers at random, so that two
runs differ although nothing changed; a change that makes it worse turns a share of its right answers wrong for good.
The verdicts are those of `blpo_inspect.statistics.non_inferiority`. Prints Markdown tables.

    python benchmarks/gate_characteristic.py
    python benchmarks/gate_characteristic.py --parts suites others
"""

import argparse
import gc
import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from itertools import product

import numpy as np

from blpo_inspect.judging.labels import LabelScale
from blpo_inspect.regression.power import chances, labels_needed
from blpo_inspect.statistics import Decision, non_inferiority, statistics_of, suite_wide
from blpo_inspect.statistics.interval import design_effect
from blpo_inspect.statistics.paired_proportions import tango_score

SAFETY = LabelScale("unordered", ("safe", "unsafe"))
RATING = LabelScale("ordinal", ("1", "2", "3", "4", "5"))
SIZES = (110, 200, 500)
DROPS = (0.0, 0.03, 0.05, 0.10)
AGREEMENT = 0.8
ALPHA = 0.05
GATE = 1.6448536269514722
"""Standard normal quantile at 1 - `ALPHA`."""
VERDICTS = ("pass", "fail", "inconclusive")

Answers = tuple[list[str], list[str], list[str]]


def two_labels(n: int, noise: float, drop: float, rng: np.random.Generator) -> Answers:
    """People's labels and the answers before and after; noise is the share of images whose answer differs between two
    runs of an unchanged judge, drop that of images on which it turned from right to wrong."""
    # an answer flips in each run with probability f; two runs differ with 2f(1 - f)
    flip = (1 - math.sqrt(1 - 2 * noise)) / 2
    human = rng.random(n) < 0.5
    right = rng.random(n) < (AGREEMENT - flip) / (1 - 2 * flip)  # so that a run agrees on 80 %
    # flips take back the same part of the drop as they give
    lost = rng.random(n) < drop / (AGREEMENT - flip)
    after = right & ~lost
    sides = [np.where(kept ^ (rng.random(n) < flip), human, ~human) for kept in (right, after)]
    names = np.array(SAFETY.labels)
    first, second, third = (names[side.astype(int)].tolist() for side in (human, *sides))
    return first, second, third


def ratings(n: int, noise: float, drop: float, rng: np.random.Generator) -> Answers:
    """Ratings from 1 to 5: people's, before and after; in each run a share of answers moves by one, drop is the share
    of images that get an answer to another image instead."""
    human = rng.integers(0, 5, n)
    judge = np.clip(np.round(human + 0.9 * rng.standard_normal(n)), 0, 4).astype(int)
    lost = np.where(rng.random(n) < drop, rng.permutation(judge), judge)
    sides = []
    for kept in (judge, lost):
        moved = (rng.random(n) < noise / 2) * rng.choice((-1, 1), n)
        sides.append(np.clip(kept + moved, 0, 4))
    names = np.array(RATING.labels)
    first, second, third = (names[side].tolist() for side in (human, *sides))
    return first, second, third


@cache
def _accuracy(n: int, gained: int, lost: int, margin: float, alpha: float) -> Decision:
    human = ["safe"] * n
    before = ["unsafe"] * gained + ["safe"] * (n - gained)
    after = ["safe"] * gained + ["unsafe"] * lost + ["safe"] * (n - gained - lost)
    return non_inferiority(human, before, after, figure="accuracy", scale=SAFETY, margin=margin, alpha=alpha, seed=0)


def accuracy_decision(human: Sequence[str], before: Sequence[str], after: Sequence[str], margin: float) -> Decision:
    """The decision on accuracy, which depends on the numbers of gained and lost samples only."""
    gained = sum(b != h == a for h, b, a in zip(human, before, after, strict=True))
    lost = sum(b == h != a for h, b, a in zip(human, before, after, strict=True))
    return _accuracy(len(human), gained, lost, margin, ALPHA)


def shown(count: int, of: int) -> str:
    """A share with its Monte Carlo standard error, in percent."""
    share = count / of
    return f"{share:.1%} ± {math.sqrt(share * (1 - share) / of):.1%}"


def accuracy(replications: int, seed: int) -> list[str]:
    """Accuracy: shares of pass and fail by n, noise, margin and drop; and how far they are from `chances`."""
    lines = [
        "| n | flips | margin | " + " | ".join(f"drop {drop:.0%}: pass | fail" for drop in DROPS) + " |",
        "|---:|---:|---:|" + "---:|" * 2 * len(DROPS),
    ]
    apart = []
    for n, noise in product(SIZES, (0.05, 0.10)):
        seen: dict[tuple[float, float], Counter[str]] = {}
        for drop in DROPS:
            rng = np.random.default_rng([seed, n, round(1000 * noise), round(1000 * drop)])
            draws = [two_labels(n, noise, drop, rng) for _ in range(replications)]
            for margin in (0.03, 0.05):
                counts = Counter(accuracy_decision(*draw, margin).verdict for draw in draws)
                seen[margin, drop] = Counter({str(verdict): count for verdict, count in counts.items()})
                exact = chances(n, margin, discordant=noise + drop * math.sqrt(1 - 2 * noise), drop=drop, alpha=ALPHA)
                for verdict, expected in (("pass", exact.passing), ("fail", exact.failing)):
                    error = math.sqrt(expected * (1 - expected) / replications)
                    apart.append((abs(seen[margin, drop][verdict] / replications - expected), error))
        for margin in (0.03, 0.05):
            shares = " | ".join(
                f"{seen[margin, drop][verdict] / replications:.1%}" for drop in DROPS for verdict in ("pass", "fail")
            )
            lines.append(f"| {n} | {noise:.0%} | {margin:.0%} | {shares} |")
    furthest, error = max(apart)
    note = f"Standard errors are at most {math.sqrt(0.25 / replications):.1%}. "
    note += f"The furthest of {len(apart)} shares from what `chances` computes is off by {furthest:.1%}"
    return [*lines, "", f"{note} (standard error {error:.1%})."]


def others(replications: int, seed: int) -> list[str]:
    """Other figures: false alarms when nothing changed, and what passes though it dropped by the margin."""
    lines = [
        "| figure | n | flips | true drop | margin | pass | fail | inconclusive |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    kinds: tuple[tuple[str, LabelScale, Callable[[int, float, float, np.random.Generator], Answers], float], ...] = (
        ("cohens_kappa", SAFETY, two_labels, 0.05),
        ("quadratic_kappa", RATING, ratings, 0.10),
    )
    for (name, scale, drawn, harm), n, worse in product(kinds, (110, 200), (False, True)):
        for noise in (0.02, 0.10):
            drop = harm if worse else 0.0
            named = statistics_of(scale)[name]
            # the figure's own true drop, from one large sample
            large = [
                named.columns(side, scale)
                for side in drawn(200_000, noise, drop, np.random.default_rng([seed, round(1000 * noise)]))
            ]
            fell = named.figure(large[0], large[1]) - named.figure(large[0], large[2]) if worse else 0.0
            margin = fell if worse else 0.05
            rng = np.random.default_rng([seed, n, worse, round(1000 * noise)])
            seen: Counter[str] = Counter(
                non_inferiority(
                    *drawn(n, noise, drop, rng), figure=name, scale=scale, margin=margin, alpha=ALPHA, seed=replication
                ).verdict
                for replication in range(replications)
            )
            shares = " | ".join(shown(seen[verdict], replications) for verdict in VERDICTS)
            lines.append(f"| {name} | {n} | {noise:.0%} | {fell:.3f} | {margin:.3f} | {shares} |")
    return lines


CLUSTERS = ((5, 40), (10, 20), (22, 5), (40, 5), (100, 2), (200, 5))
"""How many, and of how many samples."""


def clustered(replications: int, seed: int) -> list[str]:
    """Whole clusters are lost, in all by the margin: how often that passes, with and without pseudo clusters in the
    design effect; and how often a judge that only flips answers passes."""
    lines = [
        "| clusters | margin | passes though lost: none | one of either | passes unchanged: none | one of either |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for (count, size), margin in product(CLUSTERS, (0.03, 0.05, 0.10)):
        of = np.repeat(np.arange(count), size).tolist()
        passed: Counter[tuple[bool, int]] = Counter()
        for worse in (True, False):
            rng = np.random.default_rng([seed, count, size, round(1000 * margin), worse])
            for _ in range(replications):
                before = rng.random((count, size)) < 0.9
                kept = before & ~((rng.random((count, 1)) < margin / 0.9) & worse)
                # flips that leave the accuracy of 90 % as it is
                after = np.where(before, kept & (rng.random(kept.shape) >= 0.01), rng.random(kept.shape) < 0.09)
                changes = (after.astype(int) - before).ravel()
                gained, lost = int((changes == 1).sum()), int((changes == -1).sum())
                for pseudo in (0, 1):
                    effect = design_effect(changes.tolist(), of, ends=(-1, 1), pseudo=pseudo)
                    effective = len(of) / max(1.0, effect)
                    share = effective / len(of)
                    score = float(tango_score(gained * share, lost * share, effective, -margin))
                    passed[worse, pseudo] += score > GATE
        shares = (shown(passed[worse, pseudo], replications) for worse in (True, False) for pseudo in (0, 1))
        lines.append(f"| {count} × {size} | {margin:.0%} | {' | '.join(shares)} |")
    return lines


def suites(replications: int, seed: int) -> list[str]:
    """Five cases at once: how often some case fails where nothing changed, and all pass where one got worse."""
    lines = [
        "| suite of 5 cases, n = 200, margin 3 % | each at 5 % | `suite_wide` |",
        "|---|---:|---:|",
    ]
    for title, drops, verdict in (
        ("nothing changed: some case fails", (0.0,) * 5, "fail"),
        ("one case dropped by 5 points: it fails", (0.05, 0.0, 0.0, 0.0, 0.0), "first"),
        ("one case dropped by 10 points: it fails", (0.10, 0.0, 0.0, 0.0, 0.0), "first"),
        ("one case dropped by 3 points: all pass", (0.03, 0.0, 0.0, 0.0, 0.0), "pass"),
    ):
        rng = np.random.default_rng([seed, *(round(1000 * drop) for drop in drops)])
        plain = corrected = 0
        for _ in range(replications):
            cases = {str(k): accuracy_decision(*two_labels(200, 0.10, drop, rng), 0.03) for k, drop in enumerate(drops)}
            plain += happened(cases, verdict)
            # without a fail there is nothing to correct
            failed = any(case.verdict == "fail" for case in cases.values())
            corrected += happened(suite_wide(cases, ALPHA) if failed else cases, verdict)
        lines.append(f"| {title} | {shown(plain, replications)} | {shown(corrected, replications)} |")
    return lines


def happened(cases: dict[str, Decision], verdict: str) -> bool:
    """Whether some case failed, the first failed, or all passed."""
    if verdict == "first":
        return cases["0"].verdict == "fail"
    verdicts = [case.verdict for case in cases.values()]
    return "fail" in verdicts if verdict == "fail" else set(verdicts) == {"pass"}


def labels(replications: int, seed: int) -> list[str]:
    """How many labelled images let an unchanged judge pass in 80 % of cases (computed, not simulated)."""
    shares = (0.0, 0.02, 0.05, 0.10, 0.20)
    lines = [
        "| margin | " + " | ".join(f"{share:.0%} flip" for share in shares) + " |",
        "|---:|" + "---:|" * len(shares),
    ]
    for margin in (0.01, 0.02, 0.03, 0.05, 0.10):
        needed = " | ".join(f"{labels_needed(margin, discordant=share, alpha=ALPHA):,}" for share in shares)
        lines.append(f"| {margin:.0%} | {needed} |")
    return lines


PARTS: dict[str, Callable[[int, int], list[str]]] = {
    "accuracy": accuracy,
    "clustered": clustered,
    "suites": suites,
    "others": others,
    "labels": labels,
}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--replications", type=int, default=10_000)
    parser.add_argument("--slow", type=int, default=200, help="replications for figures that are resampled")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    options = parser.parse_args()
    gc.freeze()  # statsmodels' Holm collects garbage at every call, which takes longer than all else
    some = options.replications // 5
    replications = {"accuracy": options.replications, "clustered": some, "suites": some, "others": options.slow}
    for name in options.parts:
        began = time.monotonic()
        lines = PARTS[name](replications.get(name, 0), options.seed)
        print(f"{name}: {replications.get(name, 0)} replications, {time.monotonic() - began:.0f} s\n", flush=True)
        print("\n".join(lines), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
