"""Training of a decoder on the features of photos and their captions."""
