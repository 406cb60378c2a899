"""Studies: arms, replicates, what is kept, and the figures."""
