"""The verbs of the command line from Python, by `polycap`'s public names alone."""

from collections.abc import Sequence
from pathlib import Path

import pytest

import polycap
from builds import STAGES, Place
from tiny import CODE, training_settings

pytest_plugins = ["tiny_fixtures"]


class Backwards:
    """Translator that reverses each word."""

    identity = "backwards/1"

    def translate(self, texts: Sequence[str]) -> list[polycap.Translation]:
        return [polycap.Translation(" ".join(word[::-1] for word in text.split())) for text in texts]


def test_translate_train_caption_evaluate_and_build(
    built: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    language, out = polycap.get_language(CODE), tmp_path / "translated.jsonl"
    translated = polycap.translate_language(language, polycap.load_dataset(built.data), out, Backwards(), sample=1)
    assert translated.report.kept == 60
    assert translated.sample is not None
    assert translated.sample[0].caption.startswith("A der elcric")
    dataset, faults = polycap.load_with_captions(built.data, [polycap.CaptionSource(out)])
    assert (dataset.caption_origin, faults) == ("mt:backwards/1", ())

    options = polycap.FeatureOptions(mirrored=False)
    features = polycap.make_features(dataset, tmp_path / "features", options)
    assert [len(store.names) for store in features.stores] == [12]
    settings = training_settings(kind="merge", epochs=1)
    assert isinstance(settings, polycap.TrainingSettings)
    pack = polycap.train_language(language, dataset, tmp_path / "features", tmp_path / "run", settings)

    captioner = polycap.load(CODE, pack=pack)
    assert captioner(built.data / "Images" / "p00.jpg").language == language
    evaluation = polycap.evaluate_captioner(captioner, dataset, "dev", store=features.stores[0])
    assert (evaluation.scores.photos, evaluation.scores.references_origin) == (2, "mt:backwards/1")

    steps: list[polycap.PlannedStage] = []
    build = polycap.build_language(CODE, polycap.BuildOptions(data=built.data), work=built.work, on_step=steps.append)
    assert [step.stage.name for step in build.steps] == [step.stage.name for step in steps] == STAGES
    assert build.pack == language.own_pack_folder
    assert "%|" not in capsys.readouterr().err  # no bars, as stderr is no terminal


def test_an_engine_by_name(place: Place) -> None:
    dataset, engine = polycap.load_dataset(place.data), polycap.EngineOptions(engine="owl")
    with pytest.raises(polycap.PolycapError, match="no translation engine 'owl'"):
        polycap.translate_language(polycap.get_language(CODE), dataset, place.folder / "x.jsonl", engine)
