"""Tests of polycap/captioning/captioner.py: a pack trained on twelve photos, and Xception with random weights."""

import io
import pickle
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import polycap
from polycap import BuildOptions, build_language, load_dataset, write_pack_file
from polycap.captioning.caption import Candidate, Caption
from polycap.captioning.captioner import Captioner
from polycap.captioning.group import CaptionerGroup
from polycap.captioning.rows import caption_row
from polycap.captioning.stream import CaptionRequest, caption_requests
from polycap.encoder.artefact import EncoderArtefact
from polycap.errors import LanguageError, PackError, PhotoError, PolycapError
from polycap.language.settings import DecodingSettings
from polycap.photos.load import load_photo
from polycap.photos.name import PhotoBytes
from polycap.server.answers import CaptionAnswer
from tiny import CODE, OTHER_CODE, World, change_json, make_language

pytest_plugins = ["tiny_fixtures"]


@pytest.fixture(scope="module")
def captioner(finished_world: World, encoder: Any) -> Captioner:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POLYCAP_LANGUAGES", str(finished_world.places))
        return polycap.load(CODE, encoder=encoder)


@pytest.fixture(scope="module")
def other(finished_world: World, encoder: Any) -> Captioner:
    """Captioner of another language, with the same pack and another search."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POLYCAP_LANGUAGES", str(finished_world.places))
        settings = DecodingSettings(beam_width=1, max_length=5)
        return polycap.load(OTHER_CODE, pack=finished_world.pack, encoder=encoder, decoding=settings)


@pytest.fixture(scope="module")
def photos(tiny_data: Path) -> list[Path]:
    return sorted((tiny_data / "Images").iterdir())


def texts(captions: Any) -> list[str]:
    return [caption.text for caption in captions]


@pytest.mark.usefixtures("quick_encoder")
def test_paths_images_and_arrays_are_captioned_alike(captioner: Captioner, photos: list[Path]) -> None:
    some = photos[:3]
    expected = texts(captioner(some))
    assert all(expected)
    assert texts(captioner(map(str, some))) == expected
    images = [Image.open(path) for path in some]
    sizes = [image.size for image in images]
    assert texts(captioner(images)) == expected
    assert [image.size for image in images] == sizes
    assert texts(captioner([np.asarray(image) for image in images])) == expected
    assert texts(captioner([PhotoBytes(path.name, path.read_bytes()) for path in some])) == expected
    assert texts(captioner(np.stack([np.asarray(image) for image in images]))) == expected
    assert texts(captioner(np.array(list(map(str, some))))) == expected
    assert texts(captioner(np.array(some, dtype=object))) == expected
    assert texts(captioner([some[2], images[0], str(some[1])])) == [expected[2], expected[0], expected[1]]
    for image in images:
        image.close()


@pytest.mark.usefixtures("quick_encoder")
def test_a_photo_alone_is_one_caption(captioner: Captioner, photos: list[Path]) -> None:
    """A path's letters and an array's rows are no photos."""
    [expected] = captioner(photos[:1])
    assert (str(expected), expected.text, expected.score) == (
        expected.text,
        expected.candidates[0].text,
        expected.score,
    )
    assert (expected.photo, expected.language, expected.via) == (photos[0], captioner.language, "")
    assert captioner(photos[0]) == expected
    assert captioner(str(photos[0])).text == expected.text
    assert captioner(photos[0].read_bytes()).text == expected.text
    assert captioner(PhotoBytes("alone", photos[0].read_bytes())).text == expected.text
    with Image.open(photos[0]) as image:
        assert captioner(image).text == expected.text
        assert captioner(np.asarray(image)).text == expected.text
    assert texts(captioner.pipe(str(photos[0]))) == [expected.text]


def test_no_photo(captioner: Captioner) -> None:
    assert captioner([]) == []
    assert list(captioner.pipe([])) == []


@pytest.mark.usefixtures("quick_encoder")
def test_a_bad_photo_is_raised_or_returned_in_its_place(
    captioner: Captioner, photos: list[Path], tmp_path: Path
) -> None:
    text, cut = tmp_path / "text.jpg", tmp_path / "cut.jpg"
    text.write_text("not a photo")
    cut.write_bytes(photos[0].read_bytes()[:-60])
    lazy = Image.open(io.BytesIO(cut.read_bytes()))
    png = tmp_path / "good.png"
    with Image.open(photos[1]) as image:
        image.save(png)
    bad: list[Any] = [text, cut, tmp_path / "none.jpg", tmp_path, np.zeros((3, 3, 7), dtype=np.uint8), lazy]
    mixed = [photos[0], *bad, png]
    results = list(captioner.pipe(mixed, errors="return"))
    assert [result.photo is photo for result, photo in zip(results, mixed, strict=True)] == [True] * 8
    assert all(isinstance(result, PhotoError) for result in results[1:-1])
    assert texts([results[0], results[-1]]) == texts(captioner(photos[:2]))
    assert "none.jpg: no such file" in str(results[3])
    with pytest.raises(PhotoError, match=r"text\.jpg: is not an image"):
        captioner(mixed)
    pipe = captioner.pipe(mixed)
    assert next(pipe).photo == photos[0]
    with pytest.raises(PhotoError, match=r"text\.jpg"):
        next(pipe)
    assert len([error for error in captioner.pipe(bad, errors="return") if isinstance(error, PhotoError)]) == 6


def test_values_that_are_not_allowed(captioner: Captioner, photos: list[Path]) -> None:
    with pytest.raises(PolycapError, match='errors: is \'ignore\'; it is "raise" or "return"'):
        captioner.pipe(photos, errors="ignore")  # type: ignore[call-overload]
    with pytest.raises(PolycapError, match="n_best: is 0; it is a number from 1 up"):
        captioner(photos, n_best=0)


@pytest.mark.usefixtures("quick_encoder")
def test_photos_are_consumed_at_most_64_ahead_by_the_callers_thread(captioner: Captioner, photos: list[Path]) -> None:
    drawn, threads = 0, set()

    def source() -> Iterator[Path]:
        nonlocal drawn
        for number in range(150):
            drawn += 1
            threads.add(threading.get_ident())
            yield photos[number % len(photos)]

    pipe = captioner.pipe(source())
    assert drawn == 0
    ahead = []
    for number, _ in enumerate(pipe, start=1):
        ahead.append(drawn - number)
    assert number == drawn == 150
    assert max(ahead) == 63
    assert threads == {threading.get_ident()}


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="descriptors are counted where the system lists them")
@pytest.mark.usefixtures("quick_encoder")
def test_opened_images_are_drawn_as_they_are_used(captioner: Captioner, photos: list[Path]) -> None:
    """A caller of 150 opened images has at most 64 of them open."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    images = (Image.open(photos[number % len(photos)]) for number in range(150))
    open_files = [len(list(Path("/proc/self/fd").iterdir())) - before for _ in captioner.pipe(images)]
    assert len(open_files) == 150
    assert max(open_files) <= 64 + 10


@pytest.mark.usefixtures("quick_encoder")
def test_a_photo_without_content_has_a_warning(captioner: Captioner, photos: list[Path]) -> None:
    blank, real = captioner([np.full((60, 80, 3), 250, np.uint8), photos[0]])
    warning = "the photo is nearly uniform; the caption is a guess"
    assert (blank.warning, real.warning) == (warning, "")
    assert caption_row(blank)["warning"] == warning
    assert "warning" not in caption_row(real)
    CaptionAnswer.model_validate(caption_row(blank))


def test_what_is_neither_a_photo_nor_several_is_named_by_its_type(captioner: Captioner) -> None:
    values: list[tuple[Any, str]] = [(None, "NoneType"), (5, "int"), ({"a.jpg": 1}, "dict")]
    for value, name in values:
        with pytest.raises(PhotoError, match=f"^{name}: is neither a photo nor an iterable of photos$"):
            captioner(value)


def test_a_captioner_is_pickled_by_how_it_was_loaded(
    captioner: Captioner, other: Captioner, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[dict[str, Any]] = []

    def load(**arguments: Any) -> Captioner:
        loaded.append(arguments)
        return other

    with pytest.raises(PolycapError, match=f"{CODE}: can't be pickled, since its encoder is an object"):
        pickle.dumps(captioner)
    given = captioner.loaded_by or {}
    monkeypatch.setattr("polycap.captioning.load.load", load)
    for one in (captioner, CaptionerGroup([captioner])):
        monkeypatch.setattr(one, "loaded_by", {**given, "encoder": "shipped", "pack": "pack"})
        assert [pickle.loads(pickle.dumps(one)) for _ in range(2)] == [other, other]
    assert loaded == [
        given | {name: Path(path).absolute() for name, path in (("encoder", "shipped"), ("pack", "pack"))}
    ]
    monkeypatch.setattr(captioner, "loaded_by", None)
    with pytest.raises(PolycapError, match=r"since it was not loaded by polycap\.load"):
        pickle.dumps(captioner)


@pytest.mark.usefixtures("quick_encoder")
def test_an_error_of_the_callers_iterable_is_raised_in_order(captioner: Captioner, photos: list[Path]) -> None:
    def source() -> Iterator[Path]:
        yield from photos[:3]
        raise KeyError("no more")

    pipe = captioner.pipe(source())
    assert len([next(pipe) for _ in range(3)]) == 3
    with pytest.raises(KeyError, match="no more"):
        next(pipe)


@pytest.mark.usefixtures("quick_encoder")
def test_a_caption_goes_to_another_process_without_its_captioner(captioner: Captioner, photos: list[Path]) -> None:
    caption = captioner(photos[0])
    other = pickle.loads(pickle.dumps(caption))
    assert other == caption
    with pytest.raises(PolycapError, match="has no captioner for attention maps"):
        other.attention()


@pytest.mark.usefixtures("quick_encoder")
def test_a_captions_attention_maps_are_those_of_its_photo(
    captioner: Captioner, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    caption = captioner(photos[0])
    assert caption.attention() == []  # the tiny decoder attends to no cell in particular
    features, asked = captioner.reduce(captioner.encoder.grid(load_photo(photos[0], captioner.encoder.size)[None])), []

    def weigh(given: Any, token_ids: Any) -> Any:
        asked.append(given)
        return np.ones((*token_ids.shape, 100), dtype=np.float32)

    monkeypatch.setitem(vars(captioner), "_cell_weights", weigh)
    assert "".join(one.token for one in caption.attention()).strip() == caption.text
    np.testing.assert_array_equal(asked[0], features)


@pytest.fixture
def encoded(quick_encoder: Any, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Number of photos of each call of the encoder."""
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
    results = CaptionerGroup([captioner, other])(many)
    assert encoded == [32, 4]
    assert [result[CODE].photo for result in results] == many
    assert all(list(result) == [CODE, OTHER_CODE] for result in results)
    for language in (captioner, other):
        assert texts(result[language.language.code] for result in results) == texts(language(photos)) * 3
    assert texts(captioner(photos)) != texts(other(photos))


def test_each_photo_in_languages_of_its_own(
    captioner: Captioner, other: Captioner, photos: list[Path], encoded: list[int]
) -> None:
    """They are encoded together, with a bad photo and a repeated one."""
    alone = {c.language.code: texts(c(photos[:3])) for c in (captioner, other)}
    encoded.clear()
    asked: list[tuple[int, list[Captioner]]] = [(0, [captioner]), (1, [other, captioner]), (0, [other]), (2, [other])]
    wanted = [CaptionRequest(photos[number], captioners) for number, captioners in asked]
    bad = CaptionRequest(PhotoBytes("bad.jpg", b"not a photo"), [other])
    error, *results = caption_requests([bad, *wanted], captioner.encoder)
    assert encoded == [4]
    assert str(error) == "bad.jpg: is not an image that Pillow can read"
    for (number, captioners), result in zip(asked, results, strict=True):
        expected = {c.language.code: alone[c.language.code][number] for c in captioners}
        assert isinstance(result, dict)
        assert {code: caption.text for code, caption in result.items()} == expected
        assert list(result) == list(expected)


@pytest.mark.usefixtures("quick_encoder")
def test_results_come_before_all_photos_are_read(captioner: Captioner, photos: list[Path], tmp_path: Path) -> None:
    """Photos are streamed."""
    late = [tmp_path / f"{number}.jpg" for number in range(200)]
    for path in late:
        path.symlink_to(photos[0])
    results = captioner.pipe(late, errors="return")
    assert isinstance(next(results), Caption)
    for path in late:
        path.unlink()
    missing = [result for result in results if isinstance(result, PhotoError)]
    assert len(missing) >= 100


@pytest.mark.usefixtures("quick_encoder")
def test_candidates(captioner: Captioner, photos: list[Path]) -> None:
    for caption in captioner(photos[:4], n_best=3):
        candidates = caption.candidates
        assert 1 <= len(candidates) <= 3
        assert all(isinstance(candidate, Candidate) for candidate in candidates)
        assert len({candidate.text for candidate in candidates}) == len(candidates)
        assert all(candidate.log_prob < candidate.score < 0 for candidate in candidates)
    grid = np.random.default_rng(0).normal(size=(2, 100, 2840)).astype(np.float16)
    assert [len(found) for found in captioner.decode(grid)] == [1, 1]
    np.testing.assert_allclose(captioner.reduce(grid), captioner.pack.pca(grid), atol=1e-4)
    assert captioner.decode(grid, 2) == captioner.decode_reduced(captioner.reduce(grid), 2)


@pytest.mark.usefixtures("quick_encoder")
def test_languages_that_share_a_pca_have_photos_reduced_once(
    captioner: Captioner, other: Captioner, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    reduced = []

    def reduce(self: Captioner, grid: Any) -> Any:
        reduced.append(len(grid))
        return self.pack.pca(grid)

    monkeypatch.setattr(Captioner, "reduce", reduce)
    wanted = [
        CaptionRequest(photos[0], [captioner]),
        CaptionRequest(photos[1], [other, captioner]),
        CaptionRequest(photos[2], [other]),
    ]
    found: list[Any] = list(caption_requests(wanted, captioner.encoder))
    assert [list(result) for result in found] == [[CODE], [OTHER_CODE, CODE], [OTHER_CODE]]
    assert reduced == [3]
    assert found[1][CODE] == captioner(photos[1])


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


@pytest.mark.usefixtures("quick_encoder")
def test_loading(
    world: World, photos: list[Path], captioner: Captioner, encoder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packs: the language's own or another. Encoders: from a path, by default, or loaded."""
    expected = texts(captioner(photos[:2]))
    given = []

    def load(artefact: EncoderArtefact) -> Any:
        given.append(artefact.identity)
        return encoder

    monkeypatch.setattr("polycap.encoder.encoder.Encoder.load", load)
    assert texts(polycap.load(CODE)(photos[:2])) == expected
    other = polycap.load(CODE, pack=world.pack, encoder=str(world.encoder))
    assert (other.encoder, other.pack.card) == (encoder, captioner.pack.card)
    assert given == [encoder.artefact.identity] * 2
    greedy = polycap.load(CODE, encoder=encoder, decoding=DecodingSettings(beam_width=1, max_length=4))
    assert len(given) == 2
    assert all(len(found) == 1 for found in greedy.decode(np.zeros((1, 100, 2840), dtype=np.float32), 3))


def test_paths_may_be_text(world: World, encoder: Any, tmp_path: Path) -> None:
    captioner = polycap.load(CODE, pack=str(world.pack), encoder=encoder)
    assert repr(captioner) == f"<Captioner {CODE}>"
    dataset = load_dataset(str(world.data), photo_folder=str(world.data / "Images"))
    assert dataset == load_dataset(world.data)
    out = tmp_path / "x.polycap"
    assert write_pack_file(captioner.language, str(out), pack=str(world.pack)).path == out
    plan = build_language(CODE, BuildOptions(data=str(world.data)), work=str(tmp_path), dry_run=True)
    assert plan.language == CODE


@pytest.mark.usefixtures("world")
def test_languages_that_can_not_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(LanguageError, match="unknown language 'xx'"):
        polycap.load("xx")
    with pytest.raises(PackError, match="no trained pack yet in"):
        polycap.load(OTHER_CODE)
    with pytest.raises(PackError, match="no trained pack here"):
        polycap.load(CODE, pack=tmp_path)


def test_an_encoder_of_other_weights(
    world: World, captioner: Captioner, other: Captioner, encoder: Any, tmp_path: Path
) -> None:
    pack = shutil.copytree(world.pack, tmp_path / "pack")
    change_json(pack / "card.json", encoder="another")
    with pytest.raises(PackError, match="is of encoder another, but the encoder in use is"):
        polycap.load(CODE, pack=pack)

    class Stranger:
        identity = "another"
        size = encoder.size

    stranger = Captioner(captioner.language, polycap.load(CODE).pack, encoder)
    stranger.encoder = Stranger()  # type: ignore[assignment]
    with pytest.raises(PackError, match="but the one that was loaded is another"):
        CaptionerGroup([stranger, other])


@pytest.mark.usefixtures("quick_encoder")
def test_a_language_of_a_users_folder(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photos: list[Path], captioner: Captioner
) -> None:
    folder = make_language(tmp_path, "qac")
    (folder / "pack").symlink_to(world.pack)
    monkeypatch.setenv("POLYCAP_LANGUAGES", str(folder))
    assert polycap.load("qac")(photos[0]).text == captioner(photos[0]).text
