"""Scores of captions, each with the signature that lets others repeat it.

BLEU-1 to 4 and chrF++ are sacreBLEU's; CIDEr-D and ROUGE-L are pycocoevalcap's, of the same words. A caption is scored
against all references of its photo at once. Texts come already normalised by the language's own rules; nothing here
changes them, except that white space is collapsed: a text is one line of a file.
"""

from polycap.metrics.agreement import Agreement
from polycap.metrics.diversity import Diversity, Lengths
from polycap.metrics.figures import METRICS, by_people, photo_scores
from polycap.metrics.sacre import bleu, bleu_metric, known_tokenizers, words_of
from polycap.metrics.score_files import write_score_files
from polycap.metrics.scores import Scores, score_captions
from polycap.metrics.summary import summary_lines

__all__ = [
    "METRICS",
    "Agreement",
    "Diversity",
    "Lengths",
    "Scores",
    "bleu",
    "bleu_metric",
    "by_people",
    "known_tokenizers",
    "photo_scores",
    "score_captions",
    "summary_lines",
    "words_of",
    "write_score_files",
]
