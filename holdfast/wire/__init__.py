"""bytes <-> values, pure: no sockets, clock, randomness, database."""
