"""Check of a trained pack: its captions are normalised text of the language."""

import unicodedata
from collections.abc import Iterator

from polycap.contract.checks import Skip, letters_in
from polycap.errors import CaptionRuntimeError, PolycapError
from polycap.language import Language, LanguageFault
from polycap.text.normalize import normalize_text

__all__ = ["check_pack"]

_SPACE, _SPECIAL_PIECES = "▁", ("<pad>", "<unk>", "<s>", "</s>")  # SentencePiece's notation


def check_pack(language: Language) -> Iterator[LanguageFault]:
    import numpy as np

    from polycap.pack.pack import load_pack
    from polycap.runtime.choose import open_runtime

    where = str(language.pack_folder)
    try:
        pack = load_pack(language.pack_folder)
        search = open_runtime().search(pack, pack.card.search_settings(language.decoding))
    except CaptionRuntimeError as error:
        raise Skip(str(error)) from error
    except PolycapError as error:
        yield LanguageFault(where, str(error), "a whole pack of the encoder in use", "install or train it again")
        return
    if pack.card.language != language.code:
        received = f"a pack of {pack.card.language}"
        yield LanguageFault(
            where, received, f"one of {language.code}", f"train one with `polycap train {language.code}`"
        )
    shape = (2, pack.card.decoder.cells, pack.card.decoder.channels)
    features = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    token_ids = search.find(features).token_ids[:, 0]
    captions = [" ".join(pack.tokenizer.decode(ids).split()) for ids in token_ids]
    if not all(captions):
        yield LanguageFault(where, "an empty caption", "a caption", "train it again")
    # Only letters are compared: a caption of noise may have an apostrophe at a word's end. The pieces are checked, too,
    # since two captions use few of them.
    strange = [caption for caption in captions if letters_in(language.normalize(caption)) != letters_in(caption)]
    for text in strange or [piece for piece in pack.tokenizer.pieces if not _is_normal(piece, language)][:1]:
        allowed = "text that [text] does not change: the pack was trained with other settings"
        yield LanguageFault(where, repr(text), allowed, "train it again, or restore language.toml")


def _is_normal(piece: str, language: Language) -> bool:
    """Return whether a SentencePiece piece can occur in normalised text, within some word."""
    if piece in _SPECIAL_PIECES:
        return True
    word = unicodedata.normalize(language.text.unicode_form, f"a{piece.replace(_SPACE, ' ')}a")
    return normalize_text(word, language.text) == " ".join(word.split())
