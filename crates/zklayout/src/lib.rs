//! Zero-knowledge proofs of neural-network inference.
