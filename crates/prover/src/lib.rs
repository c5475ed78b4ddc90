//! Powers of tau, keys, proofs and their files.
