"""Webhooks: alerts are sent to receivers of the customer's, signed, at least once."""
