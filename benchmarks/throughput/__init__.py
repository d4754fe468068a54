"""The parts of `judge_throughput.py`."""
