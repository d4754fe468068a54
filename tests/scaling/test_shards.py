"""One eval set and one cache, shared by processes that ask a model whose answers change from call to call."""

from pathlib import Path

from inspect_ai.log import EvalSample, read_eval_log

from blpo_inspect.cache.store import Store
from tests.scaling.fickle import Fickle
from tests.scaling.machines import Machine, Process

SMALL, LARGE, LARGER = 6, 9, 12
"""Images per label of three tasks that differ in nothing else: the smaller one's are among the larger one's."""


def shard(machine: Machine, who: str, per_class: int, *options: str) -> Process:
    """Start this process's part of the eval set ``sweep``: one task, and the log folder of all."""
    tasks = ["blpo_inspect/shapes_safety", "-T", f"limit_per_class={per_class}", "--model", "openai-api/served/judge"]
    common = ["--log-dir", "sweep", "--id", "sweep", "--display", "plain", *options]
    return machine.start("inspect", "eval-set", *tasks, *common, variables={"SERVED_API_KEY": who})


def judged(log: Path) -> list[EvalSample]:
    """The samples of a log that succeeded."""
    read = read_eval_log(str(log))
    assert read.status == "success" and read.eval.eval_set_id == "sweep"
    return read.samples or []


def test_shards_of_an_eval_set_share_what_each_has_recorded(tmp_path: Path) -> None:
    """At the same moment both pay and the first answer stays; later nobody asks again; a finished set does nothing."""
    with Fickle() as model:
        machine = Machine(tmp_path / "machine", SERVED_BASE_URL=model.url)

        model.together = frozenset({"one", "two"})
        sizes = {"one": SMALL, "two": LARGE}
        both = {who: shard(machine, who, size, "--log-dir-allow-dirty") for who, size in sizes.items()}
        for who, process in both.items():
            try:
                process.output()
            except AssertionError as error:
                if "EOCD not found" not in str(error):
                    raise
                # Inspect read the log of the other while that was written; as docs/scaling.md says
                shard(machine, who, sizes[who], "--log-dir-allow-dirty").output()
        model.together = frozenset()
        small, large = sorted(map(judged, machine.logs("sweep")), key=len)
        assert (len(small), len(large)) == (2 * SMALL, 2 * LARGE)
        one, two = set(model.asked_by("one")), set(model.asked_by("two"))
        assert len(one | two) == 2 * LARGE
        assert one & two, "equal calls were in flight at one time, and both were made"
        assert len(model.asked) == len(one) + len(two), "no process makes a call twice"
        paid = [sample for sample in small + large if not (sample.output.metadata or {})["blpo_cache"]["hit"]]
        assert len(paid) == len(model.asked)
        said = {str(sample.id): sample.output.completion for sample in large}
        assert {str(sample.id): sample.output.completion for sample in small}.items() <= said.items()

        store = Store(machine.cache())
        assert len(list(store.entries())) == 2 * LARGE

        refused = shard(machine, "three", LARGER).output(code=1)
        assert "--log-dir-allow-dirty" in refused
        shard(machine, "three", LARGER, "--log-dir-allow-dirty").output()
        three = model.asked_by("three")
        assert len(three) == len(set(three)) == 2 * (LARGER - LARGE)
        assert not set(three) & (one | two), "what was recorded is not asked again"

        before = {path: path.read_bytes() for path in machine.logs("sweep")}
        assert len(before) == 3
        shard(machine, "four", LARGE, "--log-dir-allow-dirty").output()
        assert {path: path.read_bytes() for path in machine.logs("sweep")} == before
        assert not model.asked_by("four")
