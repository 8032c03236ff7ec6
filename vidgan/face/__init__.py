"""Tracks of faces: the landmark mesh over time, head pose, expression and gaze."""
