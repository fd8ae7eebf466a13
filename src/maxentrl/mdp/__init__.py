"""Decision processes: transitions, terminal states, kinds of time, and the worlds that give them."""
