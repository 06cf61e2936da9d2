"""Captioners loaded: of one language or several, which share an encoder."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, overload

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
"""A language: by its code, by a folder or pack file, or itself."""


@overload
def load(  # type: ignore[overload-overlap]
    language: Loadable,
    *,
    pack: str | PathLike[str] | None = None,
    encoder_weights: str | PathLike[str] | None = None,
    encoder: "PhotoEncoder | None" = None,
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
    encoder_weights: str | PathLike[str] | None = None,
    encoder: "PhotoEncoder | None" = None,
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
    encoder_weights: str | PathLike[str] | None = None,
    encoder: "PhotoEncoder | None" = None,
    decoding: DecodingSettings | None = None,
    beam: int | None = None,
    via: str | None = None,
    runtime: "Runtime | str | None" = None,
    precision: str | None = None,
) -> "Captioner | CaptionerGroup":
    """Load the captioner of a language, or those of a list of languages, which encode each photo once.

    Args:
        language: a code such as "de", a `Language`, the path of a language's folder, of a pack's folder or of a pack
            file (`.polycap`); or a list of them. A text is a path if it holds a slash or ends in `.polycap`.
        pack: folder of a pack other than the language's own, such as a run's. (default: the language's own)
        encoder_weights: file of the encoder's weights. (default: where `find_weights` finds them)
        encoder: an encoder that is loaded already, instead. (default: none)
        decoding: settings of the search. (default: the language's own)
        beam: width of the search, 1 is greedy. (default: that of `decoding`)
        via: code of a language to write captions in and to translate from, where there is no decoder. (default: none)
        runtime: openvino, keras or auto, or one that is open. (default: `POLYCAP_RUNTIME`, else auto)
        precision: f32, bf16, int8 or auto, of the encoder. (default: `POLYCAP_PRECISION`, else auto)

    Returns:
        A captioner, or for a list a group of them.

    Raises:
        LanguageError: no such language, or a broken folder.
        PackError: a language has no trained pack, or the pack is broken or of another encoder.
        EncoderError: the encoder's weights can't be had.
        CaptionRuntimeError: no such runtime, or it is not installed or can't run.
    """
    from polycap.captioning.find import find_language
    from polycap.captioning.group import CaptionerGroup

    several = isinstance(language, Sequence) and not isinstance(language, str)
    registry = Registry.discover()
    listed: Sequence[Loadable] = language if several else [language]  # type: ignore[list-item,assignment]
    chosen = [find_language(each, registry) for each in listed]
    if pack is not None:
        _require_one([language for language, _ in chosen])
        chosen = [(chosen[0][0], Path(pack))]
    if decoding is not None and beam is None:
        beam = decoding.beam_width
    captioners, left_out = open_captioners(
        chosen,
        CaptionerOptions(
            beam=beam,
            encoder_weights=Path(encoder_weights) if encoder_weights else None,
            runtime=runtime if isinstance(runtime, str) else None,
            precision=precision,
        ),
        registry.get(via) if via else None,
        decoding=decoding,
        encoder=encoder,
        runtime=None if isinstance(runtime, str) else runtime,
    )
    for message in left_out.values():
        raise PackError(message)
    return CaptionerGroup(captioners) if several else captioners[0]


def load_captioners(
    languages: str | None, options: CaptionerOptions | None = None, registry: Registry | None = None
) -> "tuple[list[Captioner], dict[str, str]]":
    """Load the captioners of "en", "de,fr" or "all", with one encoder between them.

    Args:
        languages: codes with commas between, or "all" that are trained. (default: that of the pack in `options`, or
            else the registry's default)
        options: see `CaptionerOptions`. (default: its defaults)
        registry: the languages in reach. (default: they are searched for)

    Returns:
        The captioners, one at least, and by language code why a pack can't be used; see `check_left_out`.

    Raises:
        LanguageError: an unknown language, `all` where none is trained, or one pack for several languages.
        PackError: a language has no trained pack, or none of several has a usable one.
    """
    registry, options = registry or Registry.discover(), options or CaptionerOptions()
    chosen = [(language, options.pack) for language in _choose(registry, languages, options.pack)]
    source = registry.get(options.via) if options.via else None
    return open_captioners(chosen, options, source)


def check_left_out(languages: str | None, left_out: Mapping[str, str]) -> None:
    """Warn of the languages that were left out of "all".

    Raises:
        PackError: they were asked for by name, or by default.
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
    """Load the captioners of languages, with one encoder between them; what is missing is known before it is loaded.

    Args:
        chosen: languages, each with the folder of a pack other than its own, or None.
        options: all but `pack` and `via`.
        source: the language to translate from, for languages without a decoder.
        decoding: settings of the search. (default: each language's own)
        encoder, runtime: those that are there already. (default: as `options` says)

    Returns and raises: as `load_captioners`.
    """
    translated = [language for language, _ in chosen if source and _is_translated(language, source, options)]
    decoded = [each for each in chosen if each[0] not in translated]
    if source and (own := [language.code for language, _ in decoded if language.code != source.code]):
        logger.info("%s: not translated from %s, for there is a decoder", ", ".join(own), source.code)
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
        captioners |= {x.code: TranslatedCaptioner(x, base, translators[x.code]) for x in translated}
    _require_some(captioners, left_out)
    return [captioners[language.code] for language, _ in chosen if language.code in captioners], left_out


@dataclass
class _Parts:
    """What captioners share; encoder and runtime are opened when the first captioner needs them."""

    options: CaptionerOptions
    decoding: DecodingSettings | None
    encoder: "PhotoEncoder | None"
    runtime: "Runtime | None"

    def pack(self, language: Language, folder: Path | None) -> "Pack":
        from polycap.pack.pack import load_pack

        return load_pack(folder or language.pack_folder)

    def packs(
        self, chosen: Sequence[tuple[Language, Path | None]]
    ) -> "tuple[list[tuple[Language, Pack]], dict[str, str]]":
        """The packs of languages, and by code why one can't be loaded."""
        packs, left_out = [], {}
        for language, folder in chosen:
            try:
                packs.append((language, self.pack(language, folder)))
            except PackError as error:
                left_out[language.code] = str(error)
        return packs, left_out

    def captioner(self, language: Language, pack: "Pack") -> "Captioner":
        from polycap.captioning.captioner import Captioner
        from polycap.runtime.choose import open_runtime

        options = self.options
        self.runtime = self.runtime or open_runtime(
            options.runtime, precision=options.precision, reference=options.reference
        )
        self.encoder = self.encoder or self.runtime.encoder(options.encoder_weights)
        decoding = options.decoding(self.decoding or language.decoding)
        return Captioner(language, pack, self.encoder, decoding, self.runtime)


def _is_translated(language: Language, source: Language, options: CaptionerOptions) -> bool:
    return language.code != source.code and (options.always_via or language.status == "untrained")


def _require_trained(chosen: Sequence[tuple[Language, Path | None]], *, hint: bool) -> None:
    for language, pack in chosen:
        if pack is None and language.status == "untrained":
            code, folder = language.code, language.folder
            other = "; or, if it names a translation engine, give `via`, a language that has one" if hint else ""
            raise PackError(f"{code}: no trained pack yet in {folder}; make one with `polycap build {code}`{other}")


def _require_some(captioners: Mapping[str, object], left_out: Mapping[str, str]) -> None:
    if left_out and not captioners:
        codes, messages = ", ".join(left_out), list(left_out.values())
        several = f"none of {codes} has a usable pack; first " if len(messages) > 1 else ""
        raise PackError(f"{several}{messages[0]}")


def _open_translators(languages: Sequence[Language], source: Language | None) -> "dict[str, Translator]":
    if not languages or source is None:
        return {}
    from polycap.translation.choose import choose_engine

    return {x.code: choose_engine(x, source=x.translation.source or source.code).open() for x in languages}


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
    if pack is not None:
        _require_one(chosen)
    if own not in (None, chosen[0].code):
        logger.warning("%s: captions in %s, by its card, and not in %s", pack, own, chosen[0].code)
    return chosen


def _require_one(languages: Sequence[Language]) -> None:
    """Check that a pack is given for one language alone."""
    if len(languages) != 1:
        names = ", ".join(language.code for language in languages)
        raise LanguageError(f"`pack` is one language's, but `language` names {len(languages)}: {names}")
