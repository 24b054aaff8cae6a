"""From a policy directory to a bundle: graphs without weights, linked to the merged checkpoint."""
