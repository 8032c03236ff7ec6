"""Folders of short clips as one array: finding, reading, preparing and drawing windows of them."""
