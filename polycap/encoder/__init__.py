"""Photo encoder, shared by all languages: network, weights, identity, PCA."""
