"""Past one machine: a store that a team shares, trials on engines that exist, sweeps."""
