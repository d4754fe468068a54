"""Logs of judges and of optimizations → one report that people can read: ``blpo report``.

`run_data` gathers what `blpo_inspect.logs` reads, `comparison` and `failures` compute, `plots`, `thumbnails` and `page`
draw the HTML file, `export` writes the other formats. Nothing here calls a model or changes a log.
"""
