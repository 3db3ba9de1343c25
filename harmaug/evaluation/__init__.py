"""Measuring augmenters, and harmonizers trained with them."""
