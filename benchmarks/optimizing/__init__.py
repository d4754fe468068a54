"""What `optimize_cost.py` is made of."""
