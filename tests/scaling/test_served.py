"""The whole optimization with the judge behind HTTP: the embedded judge in a process of ``transformers serve``."""

import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from inspect_ai.model import ModelOutput

from blpo_inspect.cache.entry import canonical
from blpo_inspect.cache.store import Store
from blpo_inspect.judging.prompts import PromptPair
from blpo_inspect.world import JUDGE
from tests.scaling.machines import Machine, Process, stopped

ASKED = '"POST /v1/chat/completions HTTP/1.1" 200'


class Served:
    """The embedded judge at an address.

    Attributes:
        url: Of the OpenAI API.
        process: The server.
    """

    def __init__(self, machine: Machine) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/v1"
        folder = JUDGE.parent
        options = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
        self.process: Process = machine.start("transformers", "serve", "judge", *options, folder=folder)

    def wait(self) -> None:
        """Return once it answers."""
        deadline = time.monotonic() + 90
        while True:
            try:
                with urllib.request.urlopen(self.url.replace("/v1", "/health"), timeout=5):
                    return
            except (urllib.error.URLError, ConnectionError):
                assert self.process.running.poll() is None and time.monotonic() < deadline, self.process.printed()
                time.sleep(0.1)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A server that is ready; it ends with the test at the latest."""
    server = Served(Machine(tmp_path / "server"))
    with stopped(server.process):
        server.wait()
        yield server


def answers(machine: Machine, model: str) -> dict[bytes, tuple[str, int, int]]:
    """What a model was asked on a machine: messages to text, tokens in and tokens out."""
    found = {}
    for entry in Store(machine.cache()).entries():
        if entry.model == model:
            output = ModelOutput.model_validate(entry.output)
            assert output.usage is not None
            tokens = output.usage.input_tokens, output.usage.output_tokens
            found[canonical(entry.request["messages"])] = (output.completion, *tokens)
    return found


def test_a_served_judge_gives_the_same_pair_and_replays_without_its_server(
    served: Served, recorded: Machine, tmp_path: Path
) -> None:
    """Same prompts, figures and trajectory as in one process; afterwards neither server, key nor torch is needed."""
    one = Machine(tmp_path / "one", SERVED_BASE_URL=served.url)
    one.optimize("openai-api/served/judge", SERVED_API_KEY="none").output()
    over_http = PromptPair.load(one.home / "pair.yaml")
    in_process = PromptPair.load(recorded.home / "pair.yaml")
    test = over_http.provenance["test"]
    assert test["after"]["accuracy"] > test["before"]["accuracy"] + 0.2, "there was something to agree on"
    models = over_http.provenance["models"]
    assert models["judge"] == {
        "provider": "openai-api",
        "name": "served/judge",
        "base_url": served.url,
        "model": "judge@main",
    }
    same_but_models = {**over_http.provenance, "models": in_process.provenance["models"]}
    assert replace(over_http, provenance=same_but_models) == in_process

    said = answers(one, "openai-api/served/judge")
    assert said == answers(recorded, "hf-vlm/shapes-judge"), "every verdict and caption, and their numbers of tokens"
    assert served.process.printed().count(ASKED) == len(said), "no call was made twice"

    served.process.stop()
    other = Machine(
        tmp_path / "other",
        ("torch", "transformers"),
        SERVED_BASE_URL=served.url,
        BLPO_CACHE_DIR=str(one.cache()),
        BLPO_CACHE="offline",
    )
    other.optimize("cached/openai-api/served/judge").output()
    assert (other.home / "pair.yaml").read_bytes() == (one.home / "pair.yaml").read_bytes()
