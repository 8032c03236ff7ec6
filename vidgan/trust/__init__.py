"""What says that a video was made by vidgan: an invisible watermark, signed content credentials, and reading both."""
