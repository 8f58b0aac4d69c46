"""How settings are declared once, and read, told and checked from that."""
