"""One file for each optimization method, with what only that method needs."""
