"""Logs of judges and of optimizations → one report that people can read: ``blpo report``.

`run_data` gathers what `blpo_inspect.logs` reads, `comparison` and `failures` compute, `plots`, `thumbnails` and `page`
draw the HTML file, `export` writes the other formats. ``blpo rank`` is `ranking` and `ranking_files`. Nothing here
calls a model or changes a log.
"""
