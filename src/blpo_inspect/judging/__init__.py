"""One judge on one picture: labels, the reading of answers, prompts, samples and the two solvers."""
