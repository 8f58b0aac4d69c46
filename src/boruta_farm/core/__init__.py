"""The pure core: world, command and now go in, a plan comes out.

No await, clock, random number, input, output or log line lives here.
"""
