"""Packs: a trained decoder with tokenizer and card, as a folder and as one file."""
