"""Scores of captions, each with a signature that makes it reproducible.

BLEU-1 to 4 and chrF++ are sacreBLEU's; CIDEr-D and ROUGE-L are pycocoevalcap's, with the same words. A caption is
scored against all references of its photo together. Texts are normalised beforehand by the language's rules; metrics
only collapse white space, since a text is one line of a file."""

from polycap.metrics.agreement import Agreement
from polycap.metrics.bleu import bleu_metric, corpus_bleu, known_tokenizers, words_of
from polycap.metrics.diversity import Diversity, Lengths
from polycap.metrics.measure import METRICS, scores_per_photo
from polycap.metrics.score_files import write_score_files
from polycap.metrics.scores import ScoreRow, Scores, score_captions

__all__ = [
    "METRICS",
    "Agreement",
    "Diversity",
    "Lengths",
    "ScoreRow",
    "Scores",
    "bleu_metric",
    "corpus_bleu",
    "known_tokenizers",
    "score_captions",
    "scores_per_photo",
    "words_of",
    "write_score_files",
]
