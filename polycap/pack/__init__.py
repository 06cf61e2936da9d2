"""Packs: a trained decoder with PCA, tokenizer and card, as a folder and as one file."""
