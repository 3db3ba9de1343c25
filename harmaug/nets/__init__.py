"""Networks that predict mixing weights over a LUT basis."""
