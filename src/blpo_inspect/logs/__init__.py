"""What an Inspect log says: what was judged, by which judge, with what answers.

`reader` makes a log a `JudgedRun`, or an `OptimizeRun` for each of its optimizations; `prompt_pairs` takes prompt pairs
out of logs, `run_record` says how to repeat a run, and `log_files` finds the logs that a command line names. Logs are
opened and streamed one room below, in `cache.logs`. Nothing here compares runs or changes a log.
"""
