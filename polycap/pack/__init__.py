"""What training leaves for use: decoder, PCA, tokenizer and card, as a folder and as one file."""
