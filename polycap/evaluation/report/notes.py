"""Explanations of the report's figures, for its page and its Markdown."""

__all__ = ["CONCORDANCE", "FIGURES", "INTERVALS", "PEOPLE", "STEADINESS"]

INTERVALS = (
    "±: half the width of the 95% interval, by resampling the photos; CIDEr-D's n-gram weights are those of all photos."
)
PEOPLE = (
    "A score rises with the number of references. Where photos have several references, each in turn is scored against "
    "the others (people), and polycap's captions are scored against the same others, so that the two are comparable."
)
CONCORDANCE = (
    "Share of the photos whose captions in two languages agree: both have the concept, or neither has it; in counts "
    "and colours, both have the same words. People: each reference of one language with each of the other, if people "
    "wrote both."
)
STEADINESS = "Share of the photos whose caption is the same, word for word, when the photo is stored in this way."
FIGURES = {
    "BLEU-1 to 4": "Precision of the caption's word n-grams up to this length, with a brevity penalty; 0 to 100.",
    "chrF++": "F-score of character n-grams up to 6 and word n-grams up to 2, recall weighted twice; 0 to 100.",
    "CIDEr-D": "Similarity to the photo's references by word n-grams, weighted by their rarity among the references of "
    "this split: scores of different splits and languages are not comparable. 100 times the library's value; "
    "people's captions rarely exceed 100.",
    "ROUGE-L": "F-score of the longest common subsequence of words of caption and reference; 0 to 100.",
    "Div-1, Div-2": "Distinct words and word pairs as a share of all, beside those of the first references.",
}
