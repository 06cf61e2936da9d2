"""The tokenizer: real SentencePiece models, small ones, and one on real captions."""

from pathlib import Path

import pytest

from polycap.errors import TokenizerError
from polycap.language import load_language
from polycap.text.normalize import normalize_text
from polycap.text.settings import TextSettings, TokenizerSettings
from polycap.text.tokenizer import BOS, EOS, PAD, UNK, Tokenizer

ENGLISH = Path(__file__).parent.parent.parent / "languages" / "en"
TEXTS = [
    "a dog runs over the grass",
    "two dogs run over a green field",
    "a man in a red coat rides a bicycle",
    "two children play in the sand by the sea",
]
SMALL = TokenizerSettings(vocab_size=60)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(TEXTS, SMALL)


def test_special_ids(tokenizer: Tokenizer) -> None:
    assert (PAD, UNK, BOS, EOS) == (0, 1, 2, 3)
    assert tokenizer.pieces[:4] == ("<pad>", "<unk>", "<s>", "</s>")
    assert len(tokenizer.pieces) == tokenizer.vocab_size <= 60


def test_there_and_back(tokenizer: Tokenizer) -> None:
    batch = tokenizer.encode_batch(TEXTS)
    for text, ids in zip(TEXTS, batch, strict=True):
        assert tokenizer.encode(text) == ids
        assert min(ids) > EOS
        assert tokenizer.decode(ids) == text
    assert tokenizer.encode("") == []
    assert tokenizer.encode_batch([]) == []
    assert tokenizer.decode([]) == ""


def test_decode_leaves_out_what_is_no_text(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode(TEXTS[0])
    assert tokenizer.decode([BOS, *ids[:2], UNK, *ids[2:], EOS, PAD, PAD]) == TEXTS[0]
    assert UNK in tokenizer.encode("狗")


@pytest.mark.parametrize("token_id", [-1, 60, 10**30])
def test_decode_refuses_other_ids(tokenizer: Tokenizer, token_id: int) -> None:
    with pytest.raises(TokenizerError, match="outside this tokenizer's 0 to"):
        tokenizer.decode([token_id])


def test_special_pieces_can_not_be_written(tokenizer: Tokenizer) -> None:
    assert not {PAD, BOS, EOS} & set(tokenizer.encode("<s> a dog </s> <pad>"))


def model_of(tokenizer: Tokenizer, folder: Path) -> bytes:
    tokenizer.save(folder / "model")
    return (folder / "model").read_bytes()


def test_training_is_deterministic(tmp_path: Path) -> None:
    first, second = (Tokenizer.train(iter(TEXTS), SMALL) for _ in range(2))
    assert first.identity == second.identity
    assert model_of(first, tmp_path) == model_of(second, tmp_path)
    assert first.identity != Tokenizer.train(TEXTS[:3], SMALL).identity


def test_saved_and_loaded(tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "folder" / "tokenizer.model"
    tokenizer.save(path)
    for copy in (Tokenizer.load(path), Tokenizer.from_bytes(path.read_bytes())):
        assert copy.identity == tokenizer.identity
        assert copy.encode_batch(TEXTS) == tokenizer.encode_batch(TEXTS)


def test_broken_models(tokenizer: Tokenizer, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = model_of(tokenizer, tmp_path)
    for broken in (b"", b"x", b"not a model" * 99, model[:100], model[:-50]):
        with pytest.raises(TokenizerError, match="no SentencePiece model"):
            Tokenizer.from_bytes(broken)
    with pytest.raises(TokenizerError, match=r"nowhere\.model: can't be read"):
        Tokenizer.load(tmp_path / "nowhere.model")
    (tmp_path / "empty.model").touch()
    with pytest.raises(TokenizerError, match=r"empty\.model: these 0 bytes"):
        Tokenizer.load(tmp_path / "empty.model")
    assert capfd.readouterr() == ("", "")


def test_training_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    Tokenizer.train(TEXTS, SMALL)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("model_type", ["unigram", "bpe", "char", "word"])
def test_a_small_corpus_gives_a_small_vocabulary(model_type: str) -> None:
    settings = TokenizerSettings.model_validate({"model_type": model_type, "vocab_size": 3500})
    small = Tokenizer.train(TEXTS, settings)
    assert EOS < small.vocab_size < 400
    assert [small.decode(ids) for ids in small.encode_batch(TEXTS)] == TEXTS
    assert Tokenizer.train(["a"], settings).vocab_size > EOS


@pytest.mark.parametrize("model_type", ["char", "word"])
def test_what_a_small_vocabulary_lacks_is_told(model_type: str, caplog: pytest.LogCaptureFixture) -> None:
    words = [f"aa {chr(letter)}" for letter in range(ord("b"), ord("z"))]
    small = TokenizerSettings.model_validate({"model_type": model_type, "vocab_size": 16})
    unknown = sum(ids.count(UNK) for ids in Tokenizer.train(words, small).encode_batch(words))
    assert unknown > 0
    assert f"vocabulary of 16 lacks {unknown} of " in caplog.text
    caplog.clear()
    Tokenizer.train(words, small.model_copy(update={"vocab_size": 40}))
    assert not caplog.text


def test_no_text_and_too_many_characters() -> None:
    with pytest.raises(TokenizerError, match="0 sentences"):
        Tokenizer.train(["", "  "], SMALL)
    with pytest.raises(TokenizerError, match="vocab_size must be at least") as caught:
        Tokenizer.train(TEXTS, TokenizerSettings(vocab_size=16))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "एक लड़की किताब पढ़ रही है।",
        "क्\u200dष क्\u200cष",
        "একটি কুকুর ঘাসে দৌড়াচ্ছে",
        "كلبٌ يجري على العشب",
        "سگ\u200cها می\u200cدوند",
        "一只狗在草地上奔跑",
        "çimenlerin üzerinde koşan ışıltılı köpek",
        "１２３ ﬁ ㌔ cafe\u0301",  # what NFKC would change
    ],
)
def test_sentencepiece_changes_nothing(text: str) -> None:
    texts = [normalize_text(text, TextSettings(unicode_form=form)) for form in ("NFC", "NFD")]
    trained = Tokenizer.train(texts, TokenizerSettings(vocab_size=100))
    for text_form in texts:
        ids = trained.encode(text_form)
        assert UNK not in ids
        assert trained.decode(ids) == text_form


def test_a_long_text_is_not_left_out() -> None:
    trained = Tokenizer.train(["a b", "c " * 5000], TokenizerSettings(vocab_size=16))
    assert UNK not in trained.encode("c c")


def test_all_english_train_captions(shared: Path) -> None:
    english, folder = load_language(ENGLISH), shared / "flickr8k"
    train = set((folder / "Flickr_8k.trainImages.txt").read_text(encoding="utf-8").split())
    rows = (line.split("\t") for line in (folder / "Flickr8k.token.txt").read_text(encoding="utf-8").splitlines())
    texts = [english.normalize(caption) for name, caption in rows if name.split("#")[0] in train]
    assert len(texts) == 30_000
    trained = Tokenizer.train(texts, english.tokenizer)
    assert trained.vocab_size == english.tokenizer.vocab_size
    batch = trained.encode_batch(texts)
    assert not any(UNK in ids for ids in batch)
    assert [trained.decode(ids) for ids in batch[::100]] == texts[::100]


@pytest.mark.parametrize(
    ("piece", "reason"),
    [
        (b"\xff\xfe\xfd", "no UTF-8"),
        (b"\x1b[2", r"'▁\\x1b\[2', with control characters"),
        (b"\xe2\x80\xa8", r"'▁\\u2028', with control characters"),
    ],
)
def test_pieces_that_a_terminal_would_obey_are_refused(piece: bytes, reason: str) -> None:
    model = Tokenizer.train(["xyz"] * 20 + ["ab"], TokenizerSettings(vocab_size=16, model_type="word"))._model
    marked = "▁xyz".encode()
    assert marked in model

    with pytest.raises(TokenizerError, match=rf"piece \d+ is {reason}"):
        Tokenizer.from_bytes(model.replace(marked, "▁".encode() + piece))
