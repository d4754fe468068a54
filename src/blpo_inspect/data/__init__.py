"""Where labelled pictures come from: splits, sampling of published benchmarks, a user's own tables, the hub."""
