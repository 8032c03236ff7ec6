"""Speech as numbers: sound decoded, its spectrum, where a voice is, and the features that a mouth can follow."""
