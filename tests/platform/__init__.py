"""The platform goes to a cluster and away from it, so these tests have the cluster to themselves: they run after the others."""
