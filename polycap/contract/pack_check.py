"""The check of a trained pack: it writes captions in the language's own text."""

import unicodedata
from collections.abc import Iterator

from polycap.contract.checks import Skip, letters_in
from polycap.errors import CaptionRuntimeError, PolycapError
from polycap.language import Language, LanguageFault
from polycap.text.normalize import normalize_text

__all__ = ["check_pack"]

_SPACE, _SPECIAL_PIECES = "▁", ("<pad>", "<unk>", "<s>", "</s>")  # as SentencePiece writes them


def check_pack(language: Language) -> Iterator[LanguageFault]:
    import numpy as np

    from polycap.pack.pack import load_pack
    from polycap.runtime.choose import open_runtime

    where = str(language.pack_folder)
    try:
        pack = load_pack(language.pack_folder)
        search = open_runtime().search(pack, language.decoding)
    except CaptionRuntimeError as error:
        raise Skip(str(error)) from error
    except PolycapError as error:
        yield LanguageFault(where, str(error), "a whole pack", "install or train it again")
        return
    if pack.card.language != language.code:
        received = f"a pack of {pack.card.language}"
        yield LanguageFault(
            where, received, f"one of {language.code}", f"train one with `polycap train {language.code}`"
        )
    shape = (2, pack.card.decoder.cells, pack.card.decoder.channels)
    features = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    found = search.find(features)
    captions = [" ".join(pack.tokenizer.decode(ids).split()) for ids in found.token_ids[:, 0]]
    if not all(captions):
        yield LanguageFault(where, "an empty caption", "a caption", "train it again")
    # Noise may be described with an apostrophe at a word's end: only letters count. Two captions show little of a
    # vocabulary: its pieces count, too.
    strange = [caption for caption in captions if letters_in(language.normalize(caption)) != letters_in(caption)]
    for text in strange or [piece for piece in pack.tokenizer.pieces if not _is_normal(piece, language)][:1]:
        allowed = "what [text] leaves of a caption: the pack was trained with other settings"
        yield LanguageFault(where, repr(text), allowed, "train it again, or restore language.toml")


def _is_normal(piece: str, language: Language) -> bool:
    """Whether a piece of SentencePiece's can come from normalised text, within some word."""
    if piece in _SPECIAL_PIECES:
        return True
    word = unicodedata.normalize(language.text.unicode_form, f"a{piece.replace(_SPACE, ' ')}a")
    return normalize_text(word, language.text) == " ".join(word.split())
