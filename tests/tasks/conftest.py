"""The fixture ``hub`` with the published benchmarks on it."""

import pytest

from blpo_inspect.data.hub import archives
from blpo_inspect.tasks import image_reward, seetrue
from tests.data.hub.conftest import hub as hub
from tests.data.hub.server import Hub
from tests.tasks import worlds

UNSAFE_COMMIT = "c0ffee" + "0" * 34


@pytest.fixture
def benchmarks(hub: Hub) -> Hub:
    """The hub with SeeTRUE, ImageRewardDB (also under its old name) and UnsafeBench, which is gated."""
    hub.add(seetrue.SOURCE.id, worlds.seetrue(), commit=seetrue.SOURCE.commit)
    hub.add(image_reward.SOURCE.id, worlds.image_reward(), commit=image_reward.SOURCE.commit)
    hub.renamed["THUDM/ImageRewardDB"] = image_reward.SOURCE.id
    hub.add("yiting/UnsafeBench", worlds.unsafebench(), commit=UNSAFE_COMMIT, gated=True)
    return hub


@pytest.fixture
def whole_archives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Archives are downloaded whole, as where most of an archive is wanted."""
    monkeypatch.setattr(archives, "WHOLE_SHARE", 0.0)
