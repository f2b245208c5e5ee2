"""The platform changes the whole cluster, so these tests run after all others and have it to themselves."""
