"""The shared photo encoder: its network, its weights, its identity, its PCA."""
