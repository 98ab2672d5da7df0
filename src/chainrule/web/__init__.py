"""What servers on this machine share: who may ask, refusals, connections that are cut when they are slow."""
