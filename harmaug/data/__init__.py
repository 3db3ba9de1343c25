"""Readers of photos, masks and composites in folders."""
