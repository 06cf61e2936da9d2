"""Text: normalisation, scripts, tokenizer."""
