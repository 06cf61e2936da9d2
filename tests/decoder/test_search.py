"""Search, held against a plain one that is written out here, and against decoders that want to break its rules."""

import itertools
from typing import Any

import numpy as np
import pytest

from polycap.decoder.base import Decoder
from polycap.decoder.results import LOG_ZERO, SearchResult
from polycap.decoder.search import Search
from polycap.decoder.settings import DecoderSettings
from polycap.language.settings import DecodingSettings
from polycap.machine.backend import keras
from polycap.text.tokenizer import BOS, EOS, PAD, UNK
from tiny import KINDS, make_decoder, make_features

Caption = tuple[tuple[int, ...], float, float]
"""Token ids without `</s>`, log-probability, score."""


class Chain(Decoder):
    """A decoder that looks at nothing but the last token: `table[last, next]` are its logits."""

    def __init__(self, table: Any) -> None:
        super().__init__(DecoderSettings(kind="merge", vocab_size=len(table), cells=1, channels=1, units=1))
        self.table = self.add_weight(shape=table.shape, initializer="zeros", name="table")
        self.built = True
        self.table.assign(table)

    def prepare(self, features: Any, training: bool = False) -> Any:  # noqa: ARG002
        blank = keras.ops.zeros((1, 1, self.settings.vocab_size))
        return (), (keras.ops.zeros_like(features[:, :1, :1]) * blank,)

    def embed(self, token_ids: Any, training: bool = False) -> Any:  # noqa: ARG002
        return keras.ops.take(self.table, token_ids, axis=0)

    def advance(self, inputs: Any, state: Any, memory: Any) -> Any:  # noqa: ARG002
        return (inputs,)

    def read(self, outputs: Any, memory: Any, packing: Any = None) -> Any:  # noqa: ARG002
        return outputs

    def logits(self, outputs: Any, training: bool = False, types: Any = None) -> Any:  # noqa: ARG002
        return outputs


def settings(**values: Any) -> DecodingSettings:
    return DecodingSettings(**{"max_length": 8, "no_repeat_token": False, **values})


def chain(size: int = 10, **wishes: float) -> Chain:
    """A chain of weak random wishes; `wishes` names strong ones, `t5_6=9.0` for 6 after 5, `t6=9.0` for 6 always."""
    table = np.random.default_rng(size).normal(scale=0.1, size=(size, size)).astype(np.float32)
    for name, value in wishes.items():
        *last, token = map(int, name[1:].split("_"))
        table[last or slice(None), token] = value
    return Chain(table)


def search(decoder: Decoder, features: Any = None, **values: Any) -> SearchResult:
    return Search(decoder, settings(**values)).find(np.zeros((1, 1, 1)) if features is None else features)


def captions(found: SearchResult, photo: int = 0) -> list[Caption]:
    """Return the hypotheses of a photo, without empty places."""
    rows = zip(found.token_ids[photo], found.log_probs[photo], found.scores[photo], strict=True)
    return [(tuple(i for i in ids.tolist() if i != PAD), float(p), float(s)) for ids, p, s in rows if s > LOG_ZERO / 2]


def repeats(tokens: tuple[int, ...], size: int) -> bool:
    grams = [tokens[k : k + size] for k in range(len(tokens) - size + 1)]
    return len(set(grams)) < len(grams)


def plain_search(decoder: Decoder, features: Any, rules: DecodingSettings) -> list[Caption]:
    """Beam search for one photo: lists and loops, to the full length, no shortcut; only a step takes all beams."""
    memory, state = decoder.prepare(features[None].astype(np.float32))
    live: list[tuple[tuple[int, ...], float, int]] = [((), 0.0, 0)]
    done: list[Caption] = []
    for position in range(rules.max_length):
        last = np.array([[tokens[-1] if tokens else BOS for tokens, _, _ in live]], dtype=np.int32)
        state = tuple(np.asarray(tensor)[:, [parent for _, _, parent in live]] for tensor in state)
        steps, state = decoder.step(last, state, memory)
        grown: list[tuple[tuple[int, ...], float, int]] = []
        for beam, (tokens, total, _) in enumerate(live):
            row = np.asarray(steps)[0, beam].astype(float)
            row[[PAD, UNK, BOS]] = -np.inf
            if position < rules.min_length:
                row[EOS] = -np.inf
            # a beam may end only if that is among its better choices
            for token in np.argsort(-row)[: rules.beam_width + 2 + rules.max_length].tolist():
                value = total + row[token]
                if value == -np.inf:
                    continue
                if token == EOS:
                    done.append((tokens, value, value / (position + 1) ** rules.length_penalty))
                elif rules.no_repeat_token and tokens[-1:] == (token,):
                    continue
                elif not (rules.no_repeat_ngram and repeats((*tokens, token), rules.no_repeat_ngram)):
                    grown.append(((*tokens, token), value, beam))
        live = sorted(grown, key=lambda beam: -beam[1])[: rules.beam_width]
    if not done:
        done = [(tokens, value, value / rules.max_length**rules.length_penalty) for tokens, value, _ in live]
    return sorted(done, key=lambda caption: -caption[2])[: rules.beam_width]


def assert_same(found: list[Caption], expected: list[Caption]) -> None:
    assert [tokens for tokens, _, _ in found] == [tokens for tokens, _, _ in expected]
    for one, other in zip(found, expected, strict=True):
        assert one[1:] == pytest.approx(other[1:], rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "rules",
    [
        settings(beam_width=1, length_penalty=0.0, min_length=0, no_repeat_ngram=0),
        settings(beam_width=3, length_penalty=0.7, min_length=2, no_repeat_ngram=3),
        settings(beam_width=3, length_penalty=0.7, min_length=2, no_repeat_ngram=3, no_repeat_token=True),
        settings(beam_width=4, length_penalty=1.5, min_length=4, no_repeat_ngram=2, max_length=10),
    ],
    ids=["greedy", "beam 3", "beam 3, no token twice", "beam 4"],
)
def test_finds_what_a_plain_search_finds(kind: str, rules: DecodingSettings) -> None:
    lengths = set()
    decoder, features = make_decoder(kind, seed=1), make_features(6)
    found = Search(decoder, rules).find(features)
    for photo in range(6):
        expected = plain_search(decoder, features[photo], rules)
        assert_same(captions(found, photo), expected)
        lengths |= {len(tokens) for tokens, _, _ in expected}
    assert len(lengths) > 1  # else the decoders were too dull to tell anything


def test_a_wide_beam_finds_the_best_of_all_captions() -> None:
    decoder = chain(7, t4_5=1.0, t5_6=1.5, t6_3=1.0)
    table = np.asarray(keras.ops.log_softmax(np.asarray(decoder.table)))
    every = []
    for length in range(1, 4):
        for tokens in itertools.product(range(4, 7), repeat=length):
            steps = zip((BOS, *tokens), (*tokens, EOS), strict=True)
            value = float(sum(table[step] for step in steps))
            every.append((tokens, value, value / (length + 1) ** 0.7))
    every.sort(key=lambda caption: -caption[2])
    found = search(decoder, beam_width=60, max_length=4, min_length=1, length_penalty=0.7, no_repeat_ngram=0)
    assert_same(captions(found), [caption for caption in every if len(caption[0]) < 4][:60])


@pytest.mark.parametrize("width", [1, 4])
def test_special_tokens_are_never_emitted(width: int) -> None:
    found = search(chain(t0=9.0, t1=9.0, t2=9.0, t3=LOG_ZERO), beam_width=width)
    for tokens, _, _ in captions(found):
        assert len(tokens) == 8
        assert not {PAD, UNK, BOS, EOS} & set(tokens)


@pytest.mark.parametrize("least", [0, 3, 8])
def test_min_length(least: int) -> None:
    found = captions(search(chain(t3=9.0), min_length=least, beam_width=2))
    assert len(found[0][0]) == least
    assert all(len(tokens) >= least for tokens, _, _ in found)


@pytest.mark.parametrize("most", [1, 5])
def test_max_length(most: int) -> None:
    """A caption that would never end is cut, and scored as it is."""
    decoder = chain(t3=LOG_ZERO)
    found = search(decoder, max_length=most, min_length=0, no_repeat_ngram=0)
    assert found.token_ids.shape == (1, 4, most)
    for tokens, log_prob, score in captions(found):
        assert len(tokens) == most
        assert score == pytest.approx(log_prob / most**0.7)
        table = np.asarray(keras.ops.log_softmax(np.asarray(decoder.table)))
        steps = zip((BOS, *tokens), tokens, strict=False)
        assert log_prob == pytest.approx(sum(table[step] for step in steps), rel=1e-5)


def test_a_finished_caption_goes_before_those_that_were_cut() -> None:
    """Only one beam can end, at a price; the others are better but no captions."""
    table = np.full((8, 8), -9.0, dtype=np.float32)
    table[:, 4], table[:, 5], table[5, EOS] = 5.0, 3.0, 2.0
    [best, *_] = captions(search(Chain(table), min_length=0, max_length=3, no_repeat_ngram=0, beam_width=2))
    assert len(best[0]) < 3
    assert best[0][-1] == 5


@pytest.mark.parametrize("size", [1, 3])
def test_no_ngram_is_repeated(size: int) -> None:
    decoder = chain(24, t2_5=9.0, t5_6=9.0, t6_5=9.0, t3=LOG_ZERO)  # 5 6 5 6 …
    free = captions(search(decoder, no_repeat_ngram=0, max_length=12))
    assert free[0][0] == (5, 6) * 6
    for width in (1, 3):
        found = captions(search(decoder, no_repeat_ngram=size, max_length=12, beam_width=width))
        assert len(found) == width
        for tokens, _, _ in found:
            assert len(tokens) == 12
            assert not repeats(tokens, size)
        if size > 1:
            assert repeats(found[0][0], size - 1)  # no more is forbidden than must be


def test_an_ngram_longer_than_a_caption_forbids_nothing() -> None:
    decoder = chain(t4=9.0, t3=LOG_ZERO)
    assert captions(search(decoder, no_repeat_ngram=9))[0][0] == (4,) * 8


def test_no_token_follows_itself() -> None:
    decoder = chain(t6=6.0, t7=5.0)
    for width in (1, 4):
        free, kept = (
            captions(search(decoder, no_repeat_ngram=0, no_repeat_token=kept, beam_width=width))
            for kept in (False, True)
        )
        assert set(free[0][0]) == {6}
        assert kept[0][0][:6] == (6, 7) * 3
        assert all(one != other for tokens, _, _ in kept for one, other in itertools.pairwise(tokens))


def test_length_penalty_decides_between_short_and_long() -> None:
    table = np.full((10, 10), -9.0, dtype=np.float32)
    # after <s>: 4 ends at once; 5 6 7 8 ends later; each way has a probability of its own
    table[BOS, 4], table[BOS, 5] = 0.3, 0.0
    table[4, EOS] = table[8, EOS] = table[5, 6] = table[6, 7] = table[7, 8] = 5.0
    best = {p: captions(search(Chain(table), length_penalty=p, min_length=0))[0][0] for p in (0.0, 0.7, 2.0)}
    assert best == {0.0: (4,), 0.7: (5, 6, 7, 8), 2.0: (5, 6, 7, 8)}


@pytest.mark.parametrize("kind", KINDS)
def test_candidates_are_sorted_and_differ(kind: str) -> None:
    found = search(make_decoder(kind), make_features(3), beam_width=6, length_penalty=0.7)
    for photo in range(3):
        rows = captions(found, photo)
        assert len({tokens for tokens, _, _ in rows}) == len(rows) == 6
        assert [score for _, _, score in rows] == sorted((score for _, _, score in rows), reverse=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_photo_alone_gets_what_it_gets_in_a_batch(kind: str) -> None:
    decoder, features = make_decoder(kind, seed=4), make_features(6, seed=3)
    finder = Search(decoder, settings(beam_width=4, min_length=1, max_length=12))
    together = finder.find(features)
    ends = {len(captions(together, photo)[0][0]) for photo in range(6)}
    assert len(ends) > 1  # photos that are done wait for those that are not
    for photo in range(6):
        assert_same(captions(finder.find(features[photo : photo + 1])), captions(together, photo))


@pytest.mark.parametrize("kind", KINDS)
def test_log_probabilities_are_those_of_teacher_forcing(kind: str) -> None:
    decoder, features = make_decoder(kind, seed=4), make_features(3, seed=4)
    found = search(decoder, features, beam_width=4, min_length=1)
    for photo in range(3):
        for tokens, log_prob, score in captions(found, photo):
            ended = len(tokens) < 8
            targets = [*tokens, EOS] if ended else [*tokens]
            inputs = np.array([[[BOS, *tokens][: len(targets)]]], dtype=np.int32)
            logits = decoder((features[photo : photo + 1], inputs))
            steps = np.asarray(keras.ops.log_softmax(logits))[0, 0]
            assert log_prob == pytest.approx(sum(steps[k, t] for k, t in enumerate(targets)), rel=1e-4)
            assert score == pytest.approx(log_prob / len(targets) ** 0.7, rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_features_of_half_precision(kind: str) -> None:
    decoder, features = make_decoder(kind), make_features(2).astype(np.float16)
    finder = Search(decoder, settings())
    assert_same(captions(finder.find(features)), captions(finder.find(features.astype(np.float32))))


def test_the_graph_follows_the_weights() -> None:
    """Training searches again after each epoch with the same object."""
    decoder = chain(t4=9.0, t3=LOG_ZERO)
    finder = Search(decoder, settings(no_repeat_ngram=0))
    assert captions(finder.find(np.zeros((1, 1, 1))))[0][0] == (4,) * 8
    decoder.table.assign(np.asarray(chain(t5=9.0, t3=LOG_ZERO).table))
    assert captions(finder.find(np.zeros((1, 1, 1))))[0][0] == (5,) * 8


def test_a_vocabulary_smaller_than_the_beam() -> None:
    found = captions(search(chain(6), beam_width=8, max_length=3, min_length=0, no_repeat_ngram=0))
    assert len(found) == 7  # all there are: (), 4, 5, 44, 45, 54, 55
    assert {tokens for tokens, _, _ in found} == {(), (4,), (5,), (4, 4), (4, 5), (5, 4), (5, 5)}
