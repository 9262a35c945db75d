"""The devices of this machine: what is here, how it is, and which stage each of them serves."""
