"""Tracks of people: estimating, repairing, retargeting and drawing poses."""
