"""Fixtures of the tests of polycap/server."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from polycap.server.app import Service
from polycap.server.serve import open_service
from services import LIMITS, RTL, Languages, running
from tiny import CODE, World, make_language


@pytest.fixture(scope="module")
def languages(finished_world: World, encoder: Any, tmp_path_factory: pytest.TempPathFactory) -> Languages:
    """Function that registers two trained languages, one of them right-to-left, and an untrained one."""
    folder = make_language(tmp_path_factory.mktemp("more"), RTL, "rtl")
    (folder / "pack").symlink_to(finished_world.pack)

    def reach(patch: pytest.MonkeyPatch) -> None:
        patch.setenv("POLYCAP_LANGUAGES", os.pathsep.join([str(finished_world.places), str(folder)]))
        patch.setenv("POLYCAP_RUNTIME", "keras")
        patch.setattr("polycap.language.registry._built_in", lambda _: iter(()))
        patch.setenv("POLYCAP_ENCODER", str(finished_world.encoder))
        patch.setattr("polycap.encoder.encoder.Encoder.load", lambda _: encoder)

    return reach


@pytest.fixture(scope="module")
def service(languages: Languages) -> Iterator[Service]:
    with pytest.MonkeyPatch.context() as patch:
        languages(patch)
        with open_service(f"{CODE},{RTL}", limits=LIMITS) as opened:
            yield opened


@pytest.fixture(scope="module")
def loopback(service: Service) -> Iterator[httpx.Client]:
    with running(service) as client:
        yield client


@pytest.fixture
def client(loopback: httpx.Client, quick_encoder: Any) -> httpx.Client:
    """Client of the service, with a quick encoder."""
    assert quick_encoder
    return loopback


@pytest.fixture
def photos(tiny_data: Path) -> list[Path]:
    return sorted((tiny_data / "Images").glob("p*.jpg"))
