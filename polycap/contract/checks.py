"""Checks of a language folder: script, samples, normalisation, tokenizer, metric, hook."""

import unicodedata
from collections.abc import Iterator

from polycap.errors import EvaluationError, TokenizerError
from polycap.language import Language, LanguageFault
from polycap.language.hooks import load_hook
from polycap.metrics import corpus_bleu, known_tokenizers
from polycap.text.normalize import EMOJI_MARKS, normalize_text
from polycap.text.script import direction_of, is_letter, is_script, letters_of, outsiders, share_in_script
from polycap.text.tokenizer import UNK, Tokenizer

__all__ = [
    "Skip",
    "check_hook",
    "check_metric",
    "check_normalization",
    "check_samples",
    "check_script",
    "check_tokenizer",
    "letters_in",
]

MIN_SAMPLES = 5
IN_SCRIPT = 0.8  # minimum share of a sample's letters: it may contain a name in another script


class Skip(Exception):  # noqa: N818  # no error
    """Reason why a check can't be run."""


def _toml(language: Language, key: str) -> str:
    return f"{language.folder / 'language.toml'}:{key}"


def _sample(language: Language, index: int) -> str:
    return f"{language.folder / 'samples.toml'}:samples[{index}]"


def _normal_samples(language: Language) -> list[str]:
    if len(language.samples) < MIN_SAMPLES:
        raise Skip("needs the samples")
    return [language.normalize(sample) for sample in language.samples]


def check_script(language: Language) -> Iterator[LanguageFault]:
    import langcodes

    where, declared = _toml(language, "script"), langcodes.get(language.code).script
    if declared not in (None, language.script):
        received = f"{language.script!r} for {language.code}"
        yield LanguageFault(where, received, repr(declared), f'write script = "{declared}"')
    elif not is_script(language.script):
        yield LanguageFault(where, repr(language.script), "a script that Unicode has letters of", "change script")
    elif language.direction != direction_of(language.script):
        right = direction_of(language.script)
        received = f"{language.direction!r} for {language.script}"
        yield LanguageFault(_toml(language, "direction"), received, repr(right), f'write direction = "{right}"')


def check_samples(language: Language) -> Iterator[LanguageFault]:
    count = len(language.samples)
    if count < MIN_SAMPLES:
        where = f"{language.folder / 'samples.toml'}:samples"
        fix = f"write {MIN_SAMPLES - count} more captions as {language.native_name} writes them"
        yield LanguageFault(where, f"{count} captions", f"at least {MIN_SAMPLES}", fix)
    plain = [normalize_text(sample, language.text) for sample in language.samples]
    for index, sample in enumerate(language.samples):
        if plain[index] in plain[:index]:
            yield LanguageFault(_sample(language, index), repr(sample), "another caption each", "write another one")
        if is_script(language.script) and share_in_script(sample, language.script) < IN_SCRIPT:
            others = outsiders(sample, language.script)[:20]
            received = f"{sample!r}, with {others!r}" if others else f"{sample!r}, without a letter"
            fix = "write it in that script, or correct script in language.toml"
            yield LanguageFault(_sample(language, index), received, f"letters of {language.script}", fix)


def check_normalization(language: Language) -> Iterator[LanguageFault]:
    """Check that normalisation is idempotent and loses no letters, neither of the samples nor of the script."""
    fix = "change the [text] table or hooks.py"
    for index, sample in enumerate(language.samples):
        once = language.normalize(sample)
        if language.normalize(once) != once:
            received = f"{once!r}, which becomes {language.normalize(once)!r}"
            yield LanguageFault(_sample(language, index), received, "a text that does not change", fix)
        if language.text.casing == "default" and "İ" in unicodedata.normalize("NFC", sample):
            received, fix_casing = f"{once!r}, of a text with İ", 'write casing = "turkic"'
            yield LanguageFault(_toml(language, "text.casing"), received, "i for İ, and ı for I", fix_casing)
        expected = letters_in(_without_stripping(language, sample))
        if letters_in(once) != expected:
            yield LanguageFault(_sample(language, index), repr(once), f"these letters: {expected!r}", fix)
    lost = _lost_letters(language) if is_script(language.script) else ""
    if lost:
        shown = lost[:20] + ("…" if len(lost) > 20 else "")
        yield LanguageFault(_toml(language, "text"), f"{len(lost)} letters vanish: {shown}", "none to vanish", fix)


def _without_stripping(language: Language, text: str) -> str:
    """Normalise `text` by the settings that change letters on purpose: Unicode form, case, digits."""
    return normalize_text(text, language.text.model_copy(update={"strip_punctuation": False}))


def letters_in(text: str) -> str:
    """Return the letters and digits of `text`."""
    return "".join(
        character
        for character in text
        if (is_letter(character) or character.isdecimal()) and character not in EMOJI_MARKS
    )


def _lost_letters(language: Language) -> str:
    """Return the letters and marks of the script that normalisation removes, each tried within a word."""
    alphabet = list(letters_of(language.script))
    base = next((letter for letter in alphabet if unicodedata.category(letter)[0] == "L"), "")
    words = [base + letter + base for letter in alphabet]

    def lost(normal: str, plain: str) -> bool:
        return normal != plain and len(letters_in(normal)) < len(letters_in(plain))

    # All in one text, since some scripts have ten thousands of letters.
    text = " ".join(words)
    normals, plains = language.normalize(text).split(), _without_stripping(language, text).split()
    if len(normals) != len(words):  # a hook splits words differently
        normals = [language.normalize(word) for word in words]
    return "".join(
        letter for letter, normal, plain in zip(alphabet, normals, plains, strict=True) if lost(normal, plain)
    )


def check_tokenizer(language: Language) -> Iterator[LanguageFault]:
    texts, where = _normal_samples(language), _toml(language, "tokenizer")
    fix = "raise vocab_size or character_coverage"
    try:
        tokenizer = Tokenizer.train(texts, language.tokenizer)
    except TokenizerError as error:
        yield LanguageFault(where, str(error), "settings that the samples can be learned with", fix)
        return
    for index, text in enumerate(texts):
        ids = tokenizer.encode(text)
        if UNK in ids or tokenizer.decode(ids) != text:
            received = f"{tokenizer.decode(ids)!r} for {text!r}"
            yield LanguageFault(_sample(language, index), received, "the same text again, without <unk>", fix)


def check_metric(language: Language) -> Iterator[LanguageFault]:
    name, where = language.evaluation.sacrebleu_tokenizer, _toml(language, "evaluation.sacrebleu_tokenizer")
    if name not in known_tokenizers():
        yield LanguageFault(where, repr(name), ", ".join(known_tokenizers()), "change sacrebleu_tokenizer")
        return
    texts = _normal_samples(language)
    try:
        score = corpus_bleu(texts, [[text] for text in texts], tokenizer=name)
    except EvaluationError as error:
        raise Skip(str(error)) from error
    if abs(score - 100) > 1e-6:  # as without a sample of four words
        received = f"{score:.2f} BLEU for the samples against themselves"
        fix = f"change it, if {name!r} sees no words in {language.native_name}; else write longer samples"
        yield LanguageFault(where, received, "100", fix)


def check_hook(language: Language) -> Iterator[LanguageFault]:
    """Call the hook twice for each sample, and compare what it returns."""
    hook = load_hook(language.folder)
    if hook is None:
        raise Skip("there is no hooks.py")
    where, fix = f"{language.folder / 'hooks.py'}:normalize", "let it depend on the text alone"
    texts = [normalize_text(sample, language.text) for sample in language.samples]
    first, second = [hook(text) for text in texts], [hook(text) for text in texts]
    for text, one, other in zip(texts, first, second, strict=True):
        if one != other:
            yield LanguageFault(where, f"{one!r} and then {other!r} for {text!r}", "the same each time", fix)
