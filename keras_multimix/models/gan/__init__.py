"""Training a GAN whose discriminator sees mixtures."""
