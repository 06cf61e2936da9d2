"""Examination of the encoder, the packs, the translation engines and the languages."""

from collections.abc import Iterator
from functools import cache

from polycap.doctor.finding import Finding, fault, note, works
from polycap.encoder.artefact import ENCODER_VARIABLE, EncoderArtefact, open_encoder
from polycap.errors import PolycapError, TranslationError
from polycap.language import Language, available_languages
from polycap.language.registry import LanguageEntry
from polycap.language.settings import NO_ENGINES
from polycap.translation.choose import choose_engine
from polycap.translation.engine import available_engines, load_engine

__all__ = ["encoders", "engines", "languages"]

Pairs = tuple[tuple[str, str], ...]


def encoders() -> Iterator[Finding]:
    """Yield whether the encoder's file is whole, by its hash."""
    try:
        artefact = open_encoder()
        yield works("encoder", artefact.identity, f"{artefact.folder}; its hash is right")
    except PolycapError as error:
        yield fault("encoder", "encoder", error, f"install polycap again, or correct {ENCODER_VARIABLE}")


def engines() -> Iterator[Finding]:
    """Yield the translation engines, and the number of pairs of languages of each."""
    for name in available_engines():
        try:
            yield works("engine", name, f"{len(_pairs(name))} pairs of languages")
        except TranslationError as error:
            yield note("engine", name, error, "install it to translate by it")


@cache
def _pairs(engine: str) -> Pairs:
    """Return an engine's pairs of languages.

    Raises:
        TranslationError: the engine is not installed; this is not cached.
    """
    found = load_engine(engine)
    require = getattr(found, "require", None)
    if require is not None:
        require()
    return tuple(found.pairs())


def languages() -> Iterator[Finding]:
    """Yield each language: whether its pack is whole, or what an untrained one can be translated by."""
    _pairs.cache_clear()
    try:
        encoder = open_encoder()
    except PolycapError:  # `encoders` tells
        encoder = None
    for entry in sorted(available_languages(), key=lambda entry: (entry.status != "trained", entry.status)):
        if entry.language is None:
            yield _broken(entry)
        elif entry.status == "trained":
            yield _trained(entry.language, encoder)
        else:
            yield _untrained(entry.language)


def _broken(entry: LanguageEntry) -> Finding:
    faults = " | ".join(map(str, entry.faults))
    return fault(
        "language", entry.code, faults, f"mend or remove {entry.folder}; `polycap check {entry.code}` checks it"
    )


def _trained(language: Language, encoder: EncoderArtefact | None) -> Finding:
    from polycap.pack.pack import load_pack  # with SentencePiece

    if encoder is None:
        return note("language", language.code, "its pack needs the encoder, which is broken")
    try:
        load_pack(language.pack_folder, encoder)
    except (PolycapError, OSError) as error:
        code = language.code
        remove = (
            f"`polycap uninstall {code}`, and install it again" if language.installed_pack else "install polycap again"
        )
        return fault("language", code, error, f"{remove}, or `polycap build {code}`")
    return works("language", language.code, "trained; its hashes are right")


def _untrained(language: Language) -> Finding:
    code, engine = language.code, language.translation.engine
    train = "`polycap build CODE` trains it; `polycap install` takes a pack file"
    if engine in NO_ENGINES:
        return note("language", code, "untrained, and no engine translates into it", train)
    try:
        choice = choose_engine(language)
        missing = [pair for pair in choice.pairs if pair not in _pairs(engine)]
    except PolycapError as error:
        return note("language", code, f"untrained, and not translated ({error})", train)
    if missing:
        return note("language", code, f"untrained; {engine} lacks its package", "`polycap translate CODE --install`")
    return note("language", code, f"untrained; captions are translated by {engine}", train)
