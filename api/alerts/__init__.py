"""Alerts: rules over tagged comments, and the queue of those that somebody has to look after."""
