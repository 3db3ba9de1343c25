"""Photos and masks in files, atomic writes and contact sheets."""
