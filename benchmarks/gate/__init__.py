"""`make bench-gate`: the gate against its neighbours, in one run on one machine."""
