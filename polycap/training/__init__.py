"""Training a decoder on the features of photos and their captions."""
