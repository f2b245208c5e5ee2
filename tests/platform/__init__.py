"""The platform has the cluster to itself: these tests run after the others."""
