"""Logs of judges and of optimizations → one report that people can read: ``blpo report``.

`logs` finds and reads, `gathered` says what was read, `comparing` and `failures` compute, `plots`, `thumbnails` and
`page` draw the HTML file, `export` writes the other formats. Nothing here calls a model or changes a log.
"""
