"""Captioners of several languages, which share an encoder."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from polycap.errors import LanguageError, PackError
from polycap.language import Language, Registry
from polycap.pack.card import read_card

if TYPE_CHECKING:
    from polycap.captioning.captioner import Captioner
    from polycap.encoder.protocol import PhotoEncoder
    from polycap.runtime.protocol import Runtime

__all__ = ["load_captioner", "load_captioners"]

logger = logging.getLogger(__name__)


def load_captioners(
    languages: str | None,
    *,
    beam: int | None = None,
    n_best: int = 1,
    pack: Path | None = None,
    weights: Path | None = None,
    via: str | None = None,
    always_via: bool = False,
    broken: dict[str, str] | None = None,
    runtime: "Runtime | None" = None,
) -> "list[Captioner]":
    """The captioners of "en", "de,fr" or "all", with one encoder between them.

    Args:
        languages: codes; without them the pack's, or else the registry's default.
        via: a language to write captions in and translate them from, for languages without a decoder.
        always_via: for the others, too.
        broken: where to enter languages whose pack can't be loaded, and why, instead of raising.
        beam: width of the search; without it, each language's own, or `n_best` if that is more.
        runtime: what computes; without it as `open_runtime` chooses.

    Raises:
        LanguageError: an unknown language, `all` where none is trained, or one pack for several languages.
        PackError: a language has no usable pack.
    """
    registry = Registry.discover()
    chosen = _choose(registry, languages, pack)
    source = registry.get(via) if via else None
    translated = [x for x in chosen if source and x.code != source.code and (always_via or x.status == "untrained")]
    decoded = [language for language in chosen if language not in translated]
    if source and (own := [language.code for language in decoded if language.code != source.code]):
        logger.info("%s: not translated from %s, for there is a decoder", ", ".join(own), source.code)
    for language in [*decoded, *([source] if source and translated else [])]:
        if pack is None and language.status == "untrained":
            code, folder = language.code, language.folder
            hint = "" if via else "; or, if it names a translation engine, give `via`, a language that has one"
            raise PackError(f"{code}: no trained pack yet in {folder}; make one with `polycap build {code}`{hint}")
    from polycap.captioning.translated import TranslatedCaptioner
    from polycap.translation.choose import choose_engine

    # before the encoder: what is missing is known at once
    translators = {
        x.code: choose_engine(x, source=x.translation.source or source.code).open() for x in translated if source
    }
    from polycap.runtime.choose import open_runtime

    runtime = runtime or open_runtime()
    encoder = runtime.encoder(weights)

    def load(language: Language) -> "Captioner":
        return load_captioner(language, encoder, runtime, beam=beam, n_best=n_best, pack=pack)

    captioners: list[Captioner] = []
    base = load(source) if source and translated else None
    for language in chosen:
        if base is not None and language in translated:
            captioners.append(TranslatedCaptioner(language, base, translators[language.code]))
            continue
        try:
            captioners.append(load(language))
        except PackError as error:
            if languages != "all" and broken is None:
                raise
            if broken is not None:
                broken[language.code] = str(error)
            logger.warning("%s: left out: %s", language.code, error)  # one broken pack does not hide the others
    if not captioners:
        codes = ", ".join(language.code for language in chosen)
        raise LanguageError(f"`language` {languages}: none of {codes} has a usable pack; see above")
    return captioners


def load_captioner(
    language: Language,
    encoder: "PhotoEncoder",
    runtime: "Runtime",
    *,
    beam: int | None = None,
    n_best: int = 1,
    pack: Path | None = None,
) -> "Captioner":
    """One language's captioner, with an encoder that is loaded already; the rest is as in `load_captioners`."""
    from polycap.captioning.captioner import Captioner

    width = beam or max(language.decoding.beam_width, n_best)
    settings = language.decoding.model_copy(update={"beam_width": width})
    return Captioner.load(language.code, pack=pack, encoder=encoder, settings=settings, runtime=runtime)


def _choose(registry: Registry, languages: str | None, pack: Path | None) -> list[Language]:
    """The languages that are asked for."""
    own = read_card(pack).language if pack is not None else None
    if languages is None:
        chosen = list(registry.default) if own is None else [registry.get(own)]
    elif languages == "all":
        chosen = [language for language in registry.languages if language.status == "trained"]
    else:
        codes = dict.fromkeys(code.strip() for code in languages.split(",") if code.strip())
        chosen = [registry.get(code) for code in codes]
        if not chosen:
            raise LanguageError(f"`language` {languages!r}: names no language; give codes with commas between, or all")
    if not chosen:
        asked = f"`language` {languages}: " if languages else ""
        raise LanguageError(f"{asked}no language has a trained pack; make one with `polycap build`")
    if pack is not None and len(chosen) > 1:
        names = ", ".join(language.code for language in chosen)
        raise LanguageError(f"`pack` is one language's, but `language` names {len(chosen)}: {names}")
    if own not in (None, chosen[0].code):
        logger.warning("%s: captions in %s, by its card, and not in %s", pack, own, chosen[0].code)
    return chosen
