"""What the report's figures mean, in the words of its page and of its Markdown."""

__all__ = ["FIGURES", "INTERVALS", "PEOPLE"]

INTERVALS = "±: half the width of the 95% interval, from resampling the photos; CIDEr-D's word rarities stay the same."
PEOPLE = (
    "A metric rises with the number of references. Where photos have several, one is taken out in turn and scored "
    "against the others (people), and polycap's captions against these same others, so that the two can be compared."
)
FIGURES = {
    "BLEU-1 to 4": "Runs of one to four words that a reference has, too, as a share of the caption's; 0 to 100.",
    "chrF++": "The same of runs of letters and pairs of words, shares of caption and reference together; 0 to 100.",
    "CIDEr-D": "Likeness to all references of the photo, with runs of words the more weight the rarer they are among "
    "the references of this split: figures of different splits and languages can't be compared. 100 times the "
    "library's; people rarely pass 100.",
    "ROUGE-L": "The longest sequence of words that caption and reference have in the same order; 0 to 100.",
    "Div-1, Div-2": "Different words, and pairs of words, as a share of all; of as many references for comparison.",
}
