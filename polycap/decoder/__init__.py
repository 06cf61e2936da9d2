"""Caption decoders and beam search. The code here decides the exported graphs."""
