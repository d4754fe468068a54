"""A process that optimizes the toy and dies at a given call: ``python -m tests.optimizers.killed SAVE LOGS CALLS``.

Prints how many calls its models answered, if it lives.
"""

import os
import signal
import sys

from inspect_ai.model import modelapi

from blpo_inspect.optimizers.methods.blpo import blpo
from tests.conftest import ScriptedAPI
from tests.optimizers.test_run import improving
from tests.optimizers.toy import run


def main(save: str, log_dir: str, calls: int) -> None:
    """Optimize; at the call after so many the process is gone."""
    modelapi(name="scripted")(lambda: ScriptedAPI)
    world = improving()
    answered = 0

    def die() -> None:
        nonlocal answered
        if answered == calls:
            os.kill(os.getpid(), signal.SIGKILL)
        answered += 1

    world.on_call = die
    run(world, blpo(), log_dir=log_dir, save=save)
    print(answered)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
