"""Proofs: gradients against differences, engine against engine, replay against training."""
