"""The names that ``import blpo_inspect`` offers, and what that costs."""

import json
import subprocess
import sys

import pytest

import blpo_inspect

IMPORT = """
import json, sys, time
began = time.perf_counter()
import blpo_inspect
took = time.perf_counter() - began
print(json.dumps([took, [name for name in ("inspect_ai", "torch", "numpy", "yaml") if name in sys.modules]]))
"""


def test_importing_the_package_loads_nothing_heavy() -> None:
    """Under 0.1 s, the best of three fresh interpreters, for the machine may be busy."""
    runs = [json.loads(subprocess.check_output([sys.executable, "-c", IMPORT])) for _ in range(3)]
    assert all(loaded == [] for _, loaded in runs)
    assert min(took for took, _ in runs) < 0.1


@pytest.mark.parametrize("name", blpo_inspect.__all__)
def test_every_name_is_there_and_documented(name: str) -> None:
    value = getattr(blpo_inspect, name)
    assert value.__doc__, name
    assert name in dir(blpo_inspect)
    assert value is getattr(blpo_inspect, name)
    assert not isinstance(value, type(sys)), f"{name} is a module of the same name"


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="no attribute 'optimise'"):
        _ = blpo_inspect.optimise
    assert blpo_inspect.__version__.count(".") == 2
