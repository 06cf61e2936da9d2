"""The captioner, with a pack that was trained on twelve photos and a whole Xception of random weights."""

import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from polycap import build_language, load_dataset, write_pack_file
from polycap.captioning.captioner import Candidate, Captioner, CaptionRequest, caption_photos, caption_requests
from polycap.decoder.results import LOG_ZERO
from polycap.errors import LanguageError, PackError, PhotoError
from polycap.language.settings import DecodingSettings
from polycap.photos.load import PhotoBytes
from tiny import CODE, OTHER_CODE, World, change_json, make_language

pytest_plugins = ["tiny_fixtures"]


@pytest.fixture(scope="module")
def captioner(finished_world: World, encoder: Any) -> Captioner:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POLYCAP_LANGUAGES", str(finished_world.places))
        return Captioner.load(CODE, encoder=encoder)


@pytest.fixture(scope="module")
def other(finished_world: World, encoder: Any) -> Captioner:
    """Another language; its pack is the first one's, its search is not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POLYCAP_LANGUAGES", str(finished_world.places))
        settings = DecodingSettings(beam_width=1, max_length=5)
        return Captioner.load(OTHER_CODE, pack=finished_world.pack, encoder=encoder, settings=settings)


@pytest.fixture(scope="module")
def photos(tiny_data: Path) -> list[Path]:
    return sorted((tiny_data / "Images").iterdir())


@pytest.mark.usefixtures("quick_encoder")
def test_paths_images_and_arrays_are_captioned_alike(captioner: Captioner, photos: list[Path]) -> None:
    some = photos[:3]
    expected = captioner.caption(some)
    assert all(expected)
    assert captioner.caption(map(str, some)) == expected
    images = [Image.open(path) for path in some]
    sizes = [image.size for image in images]
    assert captioner.caption(images) == expected
    assert [image.size for image in images] == sizes
    assert captioner.caption([np.asarray(image) for image in images]) == expected
    assert captioner.caption([PhotoBytes(path.name, path.read_bytes()) for path in some]) == expected
    assert captioner.caption(PhotoBytes("alone", some[0].read_bytes())) == expected[:1]
    assert captioner.caption(some[0].read_bytes()) == expected[:1]
    [alone] = caption_photos(str(some[0]), [captioner])
    assert alone.candidates[CODE][0].caption == expected[0]
    assert captioner.caption(np.stack([np.asarray(image) for image in images])) == expected
    assert captioner.caption([some[2], images[0], str(some[1])]) == [expected[2], expected[0], expected[1]]
    for image in images:
        image.close()


@pytest.mark.usefixtures("quick_encoder")
def test_a_photo_alone_is_a_list_of_one(captioner: Captioner, photos: list[Path]) -> None:
    """Not a list of its letters or of its rows."""
    expected = captioner.caption(photos[:1])
    assert captioner.caption(photos[0]) == expected
    assert captioner.caption(str(photos[0])) == expected
    with Image.open(photos[0]) as image:
        assert captioner.caption(image) == expected
        assert captioner.caption(np.asarray(image)) == expected


def test_no_photo(captioner: Captioner) -> None:
    assert captioner.caption([]) == []
    assert list(caption_photos([], [captioner])) == []


@pytest.mark.usefixtures("quick_encoder")
def test_a_bad_photo_stops_only_the_short_form(captioner: Captioner, photos: list[Path], tmp_path: Path) -> None:
    text, cut = tmp_path / "text.jpg", tmp_path / "cut.jpg"
    text.write_text("not a photo")
    cut.write_bytes(photos[0].read_bytes()[:-60])
    lazy = Image.open(io.BytesIO(cut.read_bytes()))
    png = tmp_path / "good.png"
    with Image.open(photos[1]) as image:
        image.save(png)
    bad: list[Any] = [text, cut, tmp_path / "none.jpg", tmp_path, np.zeros((3, 3, 7), dtype=np.uint8), lazy]
    mixed = [photos[0], *bad, png]
    results = list(caption_photos(mixed, [captioner]))
    assert [result.photo is photo for result, photo in zip(results, mixed, strict=True)] == [True] * 8
    for result in results[1:-1]:
        assert isinstance(result.error, PhotoError)
        assert result.candidates == {}
    best = [result.candidates[CODE][0].caption for result in (results[0], results[-1])]
    assert best == captioner.caption(photos[:2])
    assert "none.jpg: no such file" in str(results[3].error)
    with pytest.raises(PhotoError, match=r"text\.jpg: is not an image"):
        captioner.caption(mixed)
    assert [result.error is None for result in caption_photos(bad, [captioner])] == [False] * 6  # and none is good


@pytest.fixture
def encoded(quick_encoder: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many photos the encoder is given, each time."""
    sizes: list[int] = []
    grid = quick_encoder.grid

    def counted(pixels: Any) -> Any:
        sizes.append(len(pixels))
        return grid(pixels)

    monkeypatch.setattr(quick_encoder, "grid", counted)
    return sizes


def test_two_languages_encode_once(
    captioner: Captioner, other: Captioner, photos: list[Path], encoded: list[int]
) -> None:
    many = photos + photos + photos  # 36: more than a batch
    results = list(caption_photos(many, [captioner, other]))
    assert encoded == [32, 4]
    assert [result.photo for result in results] == many
    assert all(list(result.candidates) == [CODE, OTHER_CODE] for result in results)
    for language in (captioner, other):
        alone = language.caption(photos)
        assert [result.candidates[language.language.code][0].caption for result in results] == alone * 3
    assert captioner.caption(photos) != other.caption(photos)


def test_each_photo_in_languages_of_its_own(
    captioner: Captioner, other: Captioner, photos: list[Path], encoded: list[int]
) -> None:
    """Encoded together, a bad one between them; a photo may be there twice."""
    alone = {c.language.code: c.caption(photos[:3]) for c in (captioner, other)}
    encoded.clear()
    asked: list[tuple[int, list[Captioner]]] = [(0, [captioner]), (1, [other, captioner]), (0, [other]), (2, [other])]
    wanted = [CaptionRequest(photos[number], captioners) for number, captioners in asked]
    bad, *results = caption_requests([CaptionRequest(PhotoBytes("bad.jpg", b"not a photo"), [other]), *wanted])
    assert encoded == [4]
    assert str(bad.error) == "bad.jpg: is not an image that Pillow can read"
    for (number, captioners), result in zip(asked, results, strict=True):
        expected = {c.language.code: alone[c.language.code][number] for c in captioners}
        assert list(result.candidates) == list(expected)
        assert {code: found[0].caption for code, found in result.candidates.items()} == expected


@pytest.mark.usefixtures("quick_encoder")
def test_results_come_before_all_photos_are_read(captioner: Captioner, photos: list[Path], tmp_path: Path) -> None:
    """A folder of any size is streamed."""
    late = [tmp_path / f"{number}.jpg" for number in range(200)]
    for path in late:
        path.symlink_to(photos[0])
    results = caption_photos(late, [captioner])
    assert next(results).error is None
    for path in late:
        path.unlink()
    missing = [result for result in results if result.error is not None]
    assert len(missing) >= 100


@pytest.mark.usefixtures("quick_encoder")
def test_candidates(captioner: Captioner, photos: list[Path]) -> None:
    for result in caption_photos(photos[:4], [captioner], n_best=3):
        candidates = result.candidates[CODE]
        assert 1 <= len(candidates) <= 3
        assert all(isinstance(candidate, Candidate) for candidate in candidates)
        assert len({candidate.caption for candidate in candidates}) == len(candidates)
        assert all(candidate.log_prob < candidate.score < 0 for candidate in candidates)
    grid = np.random.default_rng(0).normal(size=(2, 100, 2840)).astype(np.float16)
    assert [len(found) for found in captioner.decode(grid)] == [1, 1]
    assert captioner.pack.pca is not None
    np.testing.assert_allclose(captioner.reduce(grid), captioner.pack.pca(grid), atol=1e-4)
    assert captioner.decode(grid, 2) == captioner.decode_reduced(captioner.reduce(grid), 2)


@pytest.mark.usefixtures("quick_encoder")
def test_languages_that_share_a_pca_have_photos_reduced_once(
    captioner: Captioner, other: Captioner, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    reduced = []

    def reduce(self: Captioner, grid: Any) -> Any:
        reduced.append(len(grid))
        return self.pack.reduce(grid)

    monkeypatch.setattr(Captioner, "reduce", reduce)
    wanted = [
        CaptionRequest(photos[0], [captioner]),
        CaptionRequest(photos[1], [other, captioner]),
        CaptionRequest(photos[2], [other]),
    ]
    found = list(caption_requests(wanted))
    assert [list(result.candidates) for result in found] == [[CODE], [OTHER_CODE, CODE], [OTHER_CODE]]
    assert reduced == [3]
    assert found[1].candidates[CODE] == next(caption_photos(photos[1], [captioner])).candidates[CODE]


def test_candidates_are_ordered_as_the_settings_say(captioner: Captioner, encoder: Any) -> None:
    ordered, by_risk = (
        Captioner(captioner.language, captioner.pack, encoder, DecodingSettings(minimum_bayes_risk=wanted))
        for wanted in (False, True)
    )
    grid = np.random.default_rng(0).normal(size=(20, 100, 2840)).astype(np.float16)
    likeliest, nearest = ordered.decode(grid, 4), by_risk.decode(grid, 4)
    assert all(found == tuple(sorted(found, key=lambda one: -one.score)) for found in likeliest)
    assert [set(found) for found in likeliest] == [set(found) for found in nearest]
    assert likeliest != nearest


def test_pieces_that_spell_the_same_text_are_one_candidate(captioner: Captioner) -> None:
    tokenizer = captioner.pack.tokenizer
    space = tokenizer.pieces.index("▁")
    ids = tokenizer.encode("red")
    rows = np.zeros((5, 20), dtype=np.int32)
    spellings = [ids, [space, *ids], [*ids, space, space], [*ids, *ids], [*ids, space, *ids]]
    for row, tokens in zip(rows, spellings, strict=True):
        row[: len(tokens)] = tokens
    scores = np.array([-1.0, -2.0, -3.0, -4.0, -5.0], dtype=np.float32)
    found = captioner._candidates(rows, scores, scores * 2, 3)
    assert found == (Candidate("red", -1.0, -2.0), Candidate("red red", -4.0, -8.0))
    assert captioner._candidates(rows, scores, scores * 2, 1) == found[:1]
    scores[1:] = LOG_ZERO
    assert captioner._candidates(rows, scores, scores, 3) == (Candidate("red", -1.0, -1.0),)


@pytest.mark.usefixtures("quick_encoder")
def test_loading(
    world: World, photos: list[Path], captioner: Captioner, encoder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the language's own pack or another; the encoder from a path, from where it is found, or one that is there."""
    expected = captioner.caption(photos[:2])
    given = []

    def load(weights: Path | None = None) -> Any:
        given.append(weights)
        return encoder

    monkeypatch.setattr("polycap.encoder.encoder.Encoder.load", load)
    assert Captioner.load(CODE).caption(photos[:2]) == expected
    assert Captioner.load(CODE, pack=world.pack, weights=world.weights).caption(photos[:2]) == expected
    assert given == [None, world.weights]
    greedy = Captioner.load(CODE, encoder=encoder, settings=DecodingSettings(beam_width=1, max_length=4))
    assert len(given) == 2
    assert all(len(found) == 1 for found in greedy.decode(np.zeros((1, 100, 2840), dtype=np.float32), 3))


def test_paths_may_be_text(world: World, encoder: Any, tmp_path: Path) -> None:
    captioner = Captioner.load(CODE, pack=str(world.pack), encoder=encoder)
    assert repr(captioner) == f"<Captioner {CODE}>"
    dataset = load_dataset(str(world.data), photos=str(world.data / "Images"))
    assert dataset == load_dataset(world.data)
    out = tmp_path / "x.polycap"
    assert write_pack_file(captioner.language, str(out), pack=str(world.pack)).path == out
    plan = build_language(CODE, data=str(world.data), work=str(tmp_path), dry_run=True)
    assert plan.language == CODE


@pytest.mark.usefixtures("world")
def test_languages_that_can_not_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(LanguageError, match="unknown language 'xx'"):
        Captioner.load("xx")
    with pytest.raises(PackError, match="no trained pack here"):
        Captioner.load(OTHER_CODE)
    with pytest.raises(PackError, match="no trained pack here"):
        Captioner.load(CODE, pack=tmp_path)


def test_an_encoder_of_other_weights(world: World, captioner: Captioner, encoder: Any, tmp_path: Path) -> None:
    pack = shutil.copytree(world.pack, tmp_path / "pack")
    change_json(pack / "card.json", encoder="another")
    with pytest.raises(PackError, match="was trained for encoder another, but the encoder at hand is"):
        Captioner.load(CODE, pack=pack)

    class Stranger:
        identity = ("another", "another")
        size = encoder.size

    stranger = Captioner(captioner.language, Captioner.load(CODE).pack, encoder)
    stranger.encoder = Stranger()  # type: ignore[assignment]
    with pytest.raises(PackError, match="but the encoder at hand is another"):
        next(caption_photos([tmp_path], [stranger, captioner]))


@pytest.mark.usefixtures("quick_encoder")
def test_a_language_of_a_users_folder(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photos: list[Path], captioner: Captioner
) -> None:
    folder = make_language(tmp_path, "qac")
    (folder / "pack").symlink_to(world.pack)
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(folder))
    assert Captioner.load("qac").caption(photos[:1]) == captioner.caption(photos[:1])
