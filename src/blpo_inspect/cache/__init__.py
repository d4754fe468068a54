"""Every model call memoized on disk, so that a run replays byte for byte without weights, keys or network."""
