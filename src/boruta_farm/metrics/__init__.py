"""What the farm counts, for Prometheus: noted as it happens, written when somebody asks."""
