"""Load the captioners of one language or several, which share an encoder."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, overload

from polycap.captioning.options import CaptionerOptions
from polycap.errors import LanguageError, PackError
from polycap.language import Language, Registry
from polycap.language.settings import DecodingSettings
from polycap.pack.card import read_card

if TYPE_CHECKING:
    from polycap.captioning.captioner import Captioner
    from polycap.captioning.group import CaptionerGroup
    from polycap.encoder.protocol import PhotoEncoder
    from polycap.pack.pack import Pack
    from polycap.runtime.protocol import Runtime
    from polycap.translation.engine import Translator

__all__ = ["Loadable", "check_left_out", "load", "load_captioners", "open_captioners"]

logger = logging.getLogger(__name__)

Loadable: TypeAlias = str | PathLike[str] | Language
"""A language: its code, the path of a folder or a pack file, or the language itself."""


@overload
def load(  # type: ignore[overload-overlap]
    language: Loadable,
    *,
    pack: str | PathLike[str] | None = None,
    encoder: "PhotoEncoder | str | PathLike[str] | None" = None,
    decoding: DecodingSettings | None = None,
    beam: int | None = None,
    via: str | None = None,
    runtime: "Runtime | str | None" = None,
    precision: str | None = None,
) -> "Captioner": ...


@overload
def load(
    language: Sequence[Loadable],
    *,
    pack: str | PathLike[str] | None = None,
    encoder: "PhotoEncoder | str | PathLike[str] | None" = None,
    decoding: DecodingSettings | None = None,
    beam: int | None = None,
    via: str | None = None,
    runtime: "Runtime | str | None" = None,
    precision: str | None = None,
) -> "CaptionerGroup": ...


def load(
    language: Loadable | Sequence[Loadable],
    *,
    pack: str | PathLike[str] | None = None,
    encoder: "PhotoEncoder | str | PathLike[str] | None" = None,
    decoding: DecodingSettings | None = None,
    beam: int | None = None,
    via: str | None = None,
    runtime: "Runtime | str | None" = None,
    precision: str | None = None,
) -> "Captioner | CaptionerGroup":
    """Load the captioner of a language, or a group of captioners of several languages, which encodes each photo once.

    Args:
        language: a code such as "de", a `Language`, the path of a language's folder, of a pack's folder or of a pack
            file (`.polycap`); or a list of them. A text is a path if it holds a slash or ends in `.polycap`.
        pack: folder of a pack other than the language's own, such as a run's. (default: the language's own)
        encoder: folder of the encoder's artefact, or a loaded encoder, such as that of another captioner. (default:
            `POLYCAP_ENCODER`, else the shipped one)
        decoding: settings of the search. (default: the language's own)
        beam: width of the beam search; 1 is greedy search. (default: that of `decoding`)
        via: code of the language to translate captions from, for languages without a pack. (default: none)
        runtime: openvino, keras or auto, or an open runtime. (default: `POLYCAP_RUNTIME`, else auto)
        precision: precision of the encoder: f32, bf16, int8 or auto. (default: `POLYCAP_PRECISION`, else auto)

    Returns:
        A captioner, or for a list a group of captioners.

    Raises:
        LanguageError: there is no such language, or its folder is broken.
        PackError: a language has no trained pack, or the pack is broken or of another encoder.
        EncoderError: the encoder is missing or broken.
        CaptionRuntimeError: there is no such runtime, or it is not installed or can't run.
    """
    from polycap.captioning.find import find_language
    from polycap.captioning.group import CaptionerGroup

    given: dict[str, Any] = {
        "language": language,
        "pack": pack,
        "encoder": encoder,
        "decoding": decoding,
        "beam": beam,
        "via": via,
    }
    given |= {"runtime": runtime, "precision": precision}
    several = isinstance(language, Sequence) and not isinstance(language, str)
    registry = Registry.discover()
    listed: Sequence[Loadable] = language if several else [language]  # type: ignore[list-item,assignment]
    chosen = [find_language(item, registry) for item in listed]
    if pack is not None:
        _require_one([language for language, _ in chosen])
        chosen = [(chosen[0][0], Path(pack))]
    if decoding is not None and beam is None:
        beam = decoding.beam_width
    captioners, left_out = open_captioners(
        chosen,
        CaptionerOptions(
            beam=beam,
            encoder=Path(encoder) if isinstance(encoder, str | PathLike) else None,
            runtime=runtime if isinstance(runtime, str) else None,
            precision=precision,
        ),
        registry.get(via) if via else None,
        decoding=decoding,
        encoder=None if isinstance(encoder, str | PathLike) else encoder,
        runtime=None if isinstance(runtime, str) else runtime,
    )
    for message in left_out.values():
        raise PackError(message)
    loaded = CaptionerGroup(captioners) if several else captioners[0]
    loaded.loaded_by = given
    return loaded


def load_captioners(
    languages: str | None, options: CaptionerOptions | None = None, registry: Registry | None = None
) -> "tuple[list[Captioner], dict[str, str]]":
    """Load the captioners of "en", "de,fr" or "all", with one encoder.

    Args:
        languages: codes separated by commas, or "all" trained languages. (default: the language of the pack in
            `options`, or else the registry's default languages)
        options: options of the captioners. (default: those of `CaptionerOptions`)
        registry: registry of languages. (default: a new one)

    Returns:
        The captioners, one at least, and messages about packs that can't be used, by language code, for
        `check_left_out`.

    Raises:
        LanguageError: a language is unknown, no language is trained, or `options` has a pack for several languages.
        PackError: a language has no trained pack, or none of several has a usable one.
    """
    registry, options = registry or Registry.discover(), options or CaptionerOptions()
    chosen = [(language, options.pack) for language in _select_languages(registry, languages, options.pack)]
    source = registry.get(options.via) if options.via else None
    return open_captioners(chosen, options, source)


def check_left_out(languages: str | None, left_out: Mapping[str, str]) -> None:
    """Log a warning for each language that was left out of "all".

    Raises:
        PackError: a language was left out, and `languages` is not "all".
    """
    for code, message in left_out.items():
        if languages != "all":
            raise PackError(message)
        logger.warning("%s: left out: %s", code, message)


def open_captioners(
    chosen: Sequence[tuple[Language, Path | None]],
    options: CaptionerOptions,
    source: Language | None = None,
    *,
    decoding: DecodingSettings | None = None,
    encoder: "PhotoEncoder | None" = None,
    runtime: "Runtime | None" = None,
) -> "tuple[list[Captioner], dict[str, str]]":
    """Load the captioners of languages, with one encoder, after checking all packs.

    Args:
        chosen: languages, each with the folder of its pack, or None for the language's own.
        options: options of the captioners, of which `pack` and `via` are ignored.
        source: language to translate captions from, for languages without a pack. (default: none)
        decoding: settings of the search. (default: each language's own)
        encoder: loaded encoder. (default: that of `options`)
        runtime: open runtime. (default: one by `options`)

    Returns:
        As `load_captioners`.

    Raises:
        PackError: a language has no trained pack, or none of several has a usable one.
        EncoderError, CaptionRuntimeError, TranslationError: encoder, runtime or translation engine can't be loaded.
    """
    translated = [language for language, _ in chosen if source and _is_translated(language, source, options)]
    decoded = [(language, pack) for language, pack in chosen if language not in translated]
    if source and (own := [language.code for language, _ in decoded if language.code != source.code]):
        logger.info("%s: not translated from %s, since there is a trained pack", ", ".join(own), source.code)
    _require_trained([*decoded, *([(source, None)] if source and translated else [])], hint=source is None)
    translators = _open_translators(translated, source)
    parts = _Parts(options, decoding, encoder, runtime)
    packs, left_out = parts.packs(decoded)
    base_pack = parts.pack(source, None) if source and translated else None
    captioners: dict[str, Captioner] = {}
    for language, pack in packs:
        try:
            captioners[language.code] = parts.captioner(language, pack)
        except PackError as error:
            left_out[language.code] = str(error)
    if source and base_pack:
        from polycap.captioning.translated import TranslatedCaptioner

        base = captioners.get(source.code) or parts.captioner(source, base_pack)
        captioners |= {
            language.code: TranslatedCaptioner(language, base, translators[language.code]) for language in translated
        }
    _require_some(captioners, left_out)
    return [captioners[language.code] for language, _ in chosen if language.code in captioners], left_out


@dataclass
class _Parts:
    """Shared parts of captioners; encoder and runtime are opened for the first captioner."""

    options: CaptionerOptions
    decoding: DecodingSettings | None
    encoder: "PhotoEncoder | None"
    runtime: "Runtime | None"

    def pack(self, language: Language, folder: Path | None) -> "Pack":
        """Load the pack in `folder`, or the language's own."""
        from polycap.encoder.artefact import open_encoder
        from polycap.pack.pack import load_pack

        loaded = self.encoder and self.encoder.artefact
        return load_pack(folder or language.pack_folder, loaded or open_encoder(self.options.encoder))

    def packs(
        self, chosen: Sequence[tuple[Language, Path | None]]
    ) -> "tuple[list[tuple[Language, Pack]], dict[str, str]]":
        """Load the packs of languages; return them, and messages about packs that can't be loaded, by code."""
        packs, left_out = [], {}
        for language, folder in chosen:
            try:
                packs.append((language, self.pack(language, folder)))
            except PackError as error:
                left_out[language.code] = str(error)
        return packs, left_out

    def captioner(self, language: Language, pack: "Pack") -> "Captioner":
        """Return the captioner of a language; open encoder and runtime if they are not open."""
        from polycap.captioning.captioner import Captioner
        from polycap.runtime.choose import open_runtime

        options = self.options
        self.runtime = self.runtime or open_runtime(
            options.runtime, precision=options.precision, reference=options.reference
        )
        self.encoder = self.encoder or self.runtime.encoder(pack.encoder)
        decoding = options.decoding(self.decoding or pack.card.search_settings(language.decoding))
        return Captioner(language, pack, self.encoder, decoding, self.runtime)


def _is_translated(language: Language, source: Language, options: CaptionerOptions) -> bool:
    return language.code != source.code and (options.always_via or language.status == "untrained")


def _require_trained(chosen: Sequence[tuple[Language, Path | None]], *, hint: bool) -> None:
    for language, pack in chosen:
        if pack is None and language.status == "untrained":
            code, folder = language.code, language.folder
            other = "; or, if it names a translation engine, give `via`, a language with a pack" if hint else ""
            raise PackError(f"{code}: no trained pack yet in {folder}; make one with `polycap build {code}`{other}")


def _require_some(captioners: Mapping[str, object], left_out: Mapping[str, str]) -> None:
    if left_out and not captioners:
        codes, messages = ", ".join(left_out), list(left_out.values())
        several = f"none of {codes} has a usable pack; first " if len(messages) > 1 else ""
        raise PackError(f"{several}{messages[0]}")


def _open_translators(languages: Sequence[Language], source: Language | None) -> "dict[str, Translator]":
    if not languages or source is None:
        return {}
    from polycap.translation.choose import choose_engine_from

    return {language.code: choose_engine_from(language, source).open() for language in languages}


def _select_languages(registry: Registry, languages: str | None, pack: Path | None) -> list[Language]:
    """Return the languages for the argument `languages` of `load_captioners`."""
    own = read_card(pack).language if pack is not None else None
    if languages is None:
        chosen = list(registry.default_languages) if own is None else [registry.get(own)]
    elif languages == "all":
        chosen = [language for language in registry.languages if language.status == "trained"]
    else:
        codes = dict.fromkeys(code.strip() for code in languages.split(",") if code.strip())
        chosen = list({language.code: language for language in map(registry.get, codes)}.values())
        if not chosen:
            raise LanguageError(f"`language` {languages!r}: names no language; give codes separated by commas, or all")
    if not chosen:
        where = f"`language` {languages}: " if languages else ""
        raise LanguageError(f"{where}no language has a trained pack; make one with `polycap build`")
    if pack is not None:
        _require_one(chosen)
    if own not in (None, chosen[0].code):
        logger.warning("%s: is a pack of %s by its card, not of %s", pack, own, chosen[0].code)
    return chosen


def _require_one(languages: Sequence[Language]) -> None:
    """Check that a pack is given for exactly one language."""
    if len(languages) != 1:
        names = ", ".join(language.code for language in languages)
        raise LanguageError(f"`pack` is one language's, but `language` names {len(languages)}: {names}")
