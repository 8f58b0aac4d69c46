"""People told in time: signed webhooks for what happens to their requests."""
