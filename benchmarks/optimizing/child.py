"""One run of BLPO in the embedded world, in a process of its own, with clocks at what takes time.

The package is measured as it is: wrappers stand in the place of the engine's batches, the optimizer's answers, the
preparation of requests and Inspect's writing of the finished log.
"""

import hashlib
import os
import resource
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from optimizing.clock import Clock, Span, seconds
from optimizing.naive import naive_calls, validation_calls
from optimizing.plan import ROLES, Calls, Job, Result

JUDGE = "shapes-judge"


def measure(job: Job) -> Result:
    """Carry the run out.

    Raises:
        RuntimeError: It did not end well.
    """
    began = time.perf_counter()
    # torch reads it when it loads; `hf-vlm` would set it, but here torch is loaded first
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import inspect_ai
    from inspect_ai._eval.task import log as logger
    from inspect_ai._eval.task import run as runner

    import blpo_inspect._registry  # noqa: F401 - registers what the run names
    from blpo_inspect.judging.prompts import PromptPair
    from blpo_inspect.optimizers import solver
    from blpo_inspect.optimizers.evaluator import Evaluator
    from blpo_inspect.optimizers.methods.blpo import blpo
    from blpo_inspect.tasks.optimize import optimize
    from blpo_inspect.world.optimizer import induction as optimizer

    settings: dict[str, Any] = dict(job.settings)
    pair = Path(job.log_dir) / "pair.yaml"
    judging, inducing, preparing, writing = Clock(), Clock(), Clock(), Clock()
    evaluators: list[Evaluator] = []

    class NotedEvaluator(Evaluator):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            evaluators.append(self)

    with ExitStack() as stack:
        if job.mode == "cold":
            from blpo_inspect.models import engine
        imports = time.perf_counter() - began
        weights = 0.0
        if job.mode == "cold":
            stack.enter_context(judging.on(engine.Engine, "_run"))
            stack.enter_context(preparing.on(engine.Engine, "_start"))
            weights = _load_weights()
        stack.enter_context(inducing.on(optimizer, "replies"))
        stack.enter_context(writing.on(runner, "log_sample"))
        stack.enter_context(writing.on(logger.TaskLogger, "log_finish"))
        began = time.perf_counter()
        task = optimize(job.benchmark, {"limit_per_class": job.per_class}, seed=job.seed, save=str(pair))
        drawing = time.perf_counter() - began
        stack.callback(setattr, solver, "Evaluator", Evaluator)
        vars(solver)["Evaluator"] = NotedEvaluator
        before, began = _processor(), time.perf_counter()
        [log] = inspect_ai.eval(
            task,
            model=f"hf-vlm/{JUDGE}",
            model_roles={"optimizer": "induction/rules"},
            solver=blpo(**settings),
            display="none",
            log_dir=job.log_dir,
            log_realtime=job.realtime,
        )
        running, processor = time.perf_counter() - began, _processor() - before
    if log.status != "success":
        raise RuntimeError(f"the run ended with status {log.status}: {log.error.message if log.error else log.stats}")
    # not from the log: to read a large one back takes as long as to write it, and more memory
    found = PromptPair.load(pair).provenance
    uses = evaluators[0].calls.uses
    tested = 2 * found["benchmark"]["sizes"]["test"]
    naive = naive_calls(found)
    test_calls = sum(use.calls for use in uses.values()) - sum(found["calls"].values())
    calls = {}
    for role in ROLES:
        made, replayed = uses[role].made, uses[role].replayed
        if role == "judge":  # who judged the test split, all of it made or all of it replayed
            made, replayed = (made - test_calls, replayed) if made else (made, replayed - test_calls)
        calls[role] = Calls(made, replayed, naive[role])
    models: list[Span] = [*judging.spans, *inducing.spans]
    return Result(
        job=job,
        pair=hashlib.sha256(pair.read_bytes()).hexdigest(),
        stopped=found["stopped"],
        steps=len(found["trajectory"]),
        images=sum(found["benchmark"]["sizes"].values()),
        calls=calls,
        validated=validation_calls(found),
        test_calls=test_calls,
        requested=sum(evaluator.requested for evaluator in evaluators) - tested,
        imports=imports,
        weights=weights,
        drawing=drawing,
        running=running,
        judging=seconds(judging.spans),
        inducing=seconds(inducing.spans, but=judging.spans),
        preparing=seconds(preparing.spans, but=models),
        writing=seconds(writing.spans, but=models),
        processor=processor,
        memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        log=Path(unquote(urlsplit(log.location).path)).stat().st_size,
        cache=sum(file.stat().st_size for file in Path(os.environ["BLPO_CACHE_DIR"]).glob("cache.db*")),
        load=os.getloadavg()[0],
    )


def _load_weights() -> float:
    """Have this process's one engine made, as the first request would; how long it took."""
    from blpo_inspect.models import checkpoint, engine
    from blpo_inspect.models.model_args import ModelSettings

    began = time.perf_counter()
    engine.engine_for(checkpoint.resolve(JUDGE, None), ModelSettings()).result()
    return time.perf_counter() - began


def _processor() -> float:
    use = resource.getrusage(resource.RUSAGE_SELF)
    return use.ru_utime + use.ru_stime
