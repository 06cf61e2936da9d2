"""The caption decoder's network and its search; every line of it goes into exported graphs."""
