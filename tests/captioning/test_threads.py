"""Tests of a captioner in several threads and in forked processes."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import polycap
import quick_captioners
from polycap.captioning.captioner import Captioner
from polycap.captioning.group import CaptionerGroup
from polycap.encoder.encoder import Encoder
from polycap.encoder.identity import SIZE
from polycap.runtime.pool import RequestPool
from quick_captioners import caption_some, load_two, write_quick_graph
from tiny import CODE, OTHER_CODE, World

pytest_plugins = ["tiny_fixtures"]

CALLS = [(size, thread) for thread in range(8) for size in (1, 2, 6, 3, 1, 5, 4, 1, 6, 2) * 2]


@pytest.fixture(scope="module")
def quick_graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Graph instead of the encoder's."""
    path = tmp_path_factory.mktemp("graph") / "model.xml"
    write_quick_graph(path)
    return path


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cache with the graphs of both searches, after `captioners`."""
    return tmp_path_factory.mktemp("threads-cache")


@pytest.fixture(scope="module")
def captioners(finished_world: World, quick_graph: Path, cache: Path) -> list[Captioner]:
    """Captioners of two languages with one encoder, by OpenVINO."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POLYCAP_LANGUAGES", str(finished_world.places))
        patch.setenv("POLYCAP_CACHE", str(cache))
        patch.setenv("POLYCAP_ENCODER", str(finished_world.encoder))
        return load_two((CODE, OTHER_CODE), finished_world.pack, quick_graph)


@pytest.fixture(scope="module")
def photos() -> list[Any]:
    """48 photos of noise, `(32, 32, 3) uint8`."""
    return list(np.random.default_rng(1).integers(0, 256, (48, 32, 32, 3), dtype=np.uint8))


def test_threads_caption_as_one_thread_does(captioners: list[Captioner], photos: list[Any]) -> None:
    expected = [caption_some(captioners, photos, size, start) for size, start in CALLS]
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(caption_some, captioners, photos, size, start) for size, start in CALLS]
        assert [call.result(timeout=60) for call in calls] == expected
    assert len({str(captions) for captions in expected}) > 20  # else mixed-up captions would not show


def test_threads_caption_as_one_thread_does_with_keras(world: World, quick_encoder: Encoder, photos: list[Any]) -> None:
    captioner = polycap.load(CODE, encoder=quick_encoder)
    expected = [caption_some([captioner], photos, size, start) for size, start in CALLS[:16]]
    fresh = polycap.load(CODE, pack=world.pack, encoder=quick_encoder)
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(caption_some, [fresh], photos, size, start) for size, start in CALLS[:16]]
        assert [call.result(timeout=60) for call in calls] == expected


def test_a_caller_that_stops_halfway_leaves_nothing_busy(captioners: list[Captioner], photos: list[Any]) -> None:
    [expected] = caption_some(captioners, photos, 1, 3)
    running = set(threading.enumerate())
    results = CaptionerGroup(captioners).pipe(photos * 4)
    next(results)
    results.close()  # type: ignore[attr-defined]
    for thread in set(threading.enumerate()) - running:  # those that decode end with the photo at hand
        thread.join(timeout=30)
        assert not thread.is_alive()
    for name in ("_one", "_several"):
        pool: RequestPool = getattr(captioners[0].encoder, name)
        assert pool._free.qsize() == 2 * pool.open()
    assert caption_some(captioners, photos, 1, 3) == [expected]


def test_a_call_that_fails_leaves_nothing_busy(captioners: list[Captioner]) -> None:
    pool: RequestPool = captioners[0].encoder._several  # type: ignore[attr-defined]
    good = np.zeros((1, SIZE, SIZE, 3), dtype=np.uint8)
    for _ in range(3):
        with pytest.raises(RuntimeError):
            list(pool.run([good, good[:, :, :5], good]))
    assert pool._free.qsize() == 2 * pool.open()
    assert len(list(pool.run([good] * 3))) == 3


def test_outputs_that_nobody_draws_leave_nothing_busy(captioners: list[Captioner]) -> None:
    pool: RequestPool = captioners[0].encoder._several  # type: ignore[attr-defined]
    outputs = pool.run([np.zeros((1, SIZE, SIZE, 3), dtype=np.uint8)] * 9)
    next(outputs)
    outputs.close()  # type: ignore[attr-defined]
    assert pool._free.qsize() == 2 * pool.open()


FORKS = """
import os, signal, sys, threading
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import quick_captioners
from quick_captioners import caption_some, load_two
import numpy as np

pack, graph, when = Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
photos = [np.full((32, 32, 3), shade, np.uint8) for shade in range(0, 250, 40)]
captioners = [] if when == "first" else load_two(("qaa", "qab"), pack, graph)
ending = threading.Event()

def caption():
    while not ending.is_set():
        caption_some(captioners, photos, 5, 0)

threads = [threading.Thread(target=caption) for _ in range(2 if when == "busy" else 0)]
for thread in threads:
    thread.start()
if captioners:
    caption_some(captioners, photos, 2, 0)
for number in range(4):
    child = os.fork()
    if not child:
        signal.alarm(30)  # a hang ends by SIGALRM
        try:
            loaded = captioners or load_two(("qaa", "qab"), pack, graph)
            print(len(caption_some(loaded, photos, 2, 0)), "captioned", flush=True)
        except Exception as error:
            print(type(error).__name__, error, flush=True)
            try:
                load_two(("qaa", "qab"), pack, graph)
            except Exception as error:
                print(type(error).__name__, error, flush=True)
        sys.exit(0)  # destructors run
    _, status = os.waitpid(child, 0)
    print("ended", os.waitstatus_to_exitcode(status), flush=True)
ending.set()
for thread in threads:
    thread.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.usefixtures("captioners")
@pytest.mark.parametrize("when", ["first", "quiet", "busy"])
def test_a_forked_process_captions_or_says_why_not(
    when: str, finished_world: World, quick_graph: Path, cache: Path
) -> None:
    variables = {"POLYCAP_LANGUAGES": str(finished_world.places), "POLYCAP_CACHE": str(cache)}
    variables["POLYCAP_ENCODER"] = str(finished_world.encoder)
    arguments = [str(Path(quick_captioners.__file__).parent), str(finished_world.pack), str(quick_graph), when]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKS, *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    if when == "first":
        expected = ["2 captioned"]
    else:
        expected = 2 * ["CaptionRuntimeError this process was forked from one in which polycap had computed already, "]
    lines = done.stdout.splitlines()
    assert len(lines) == 4 * (len(expected) + 1)
    for number, line in enumerate(lines):
        assert line.startswith([*expected, "ended 0"][number % (len(expected) + 1)]), done.stdout
    assert when == "first" or 'multiprocessing.get_context("spawn")' in lines[0]
