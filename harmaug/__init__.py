"""Learnable augmentation for image harmonization."""
