from __future__ import annotations

import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def wheel_bundle(tmp_path_factory):
    """A `.task` bundle made of the pose models that MediaPipe's wheel carries."""
    from mediapipe.tasks.python.metadata.metadata_writers.metadata_writer import MetadataWriter

    modules = Path(find_spec("mediapipe").origin).parent / "modules"

    def described(model, mean, deviation):
        writer = MetadataWriter.create(bytearray((modules / model).read_bytes()))
        writer.add_general_info("pose").add_image_input([mean], [deviation])
        return bytes(writer.populate()[0])

    path = tmp_path_factory.mktemp("bundle") / "pose_landmarker_full.task"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as bundle:
        bundle.writestr("pose_detector.tflite", described("pose_detection/pose_detection.tflite", 127.5, 127.5))
        bundle.writestr("pose_landmarks_detector.tflite", described("pose_landmark/pose_landmark_full.tflite", 0, 255))
    return path
