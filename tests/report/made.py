"""A report's data made of numbers."""

from __future__ import annotations

from vidgan.report.data import (
    Identity,
    Message,
    PoseScores,
    Presence,
    ReportData,
    StageCost,
    Steadiness,
    VideoFacts,
)

HELDOUT = {
    "nearest-pose frame": {"perceptual": 3.1, "ssim": 0.61, "psnr": 17.2, "flicker": 6.0},
    "draft": {"perceptual": 2.5, "ssim": 0.68, "psnr": 19.0, "flicker": 4.9},
    "standard": {"perceptual": 2.2, "ssim": 0.72, "psnr": 20.5, "flicker": 4.5},
}


def video(name):
    return VideoFacts(name=name, width=64, height=128, rate="25", frames=50, seconds=2.0, codec="h264", sound=None)


def report_data(**changes):
    """A good result in every respect, but for the changes."""
    good = ReportData(
        vidgan_version="0",
        source=video("source.mp4"),
        target=video("target.mp4"),
        output=video("output.mp4"),
        encoding={"encoder": "libx264", "audio": "sound copied"},
        device="cpu",
        pose=PoseScores(
            mean_percent=1.5, median_percent=1.0, pck_005=0.98, checked=50, missed=0, backend="mediapipe-full"
        ),
        heldout=HELDOUT,
        feature_network="efficientnet-lite0",
        steadiness=Steadiness(person=1.15, person_in_source=1.1, background=0.1, background_in_source=0.5),
        identity=Identity(method="made", output=0.8, target=0.9, driver=0.4),
        av_sync={"shift": 0.001, "in_sync": True},
        presence=[Presence(video="source", frames=50, filled=2, missing=3, spans=[(0.5, 0.62)])],
        retarget={"scale": 0.9, "limbs.upper_arm": [0.9, 1.1]},
        training={},
        stages=[StageCost(name="render", seconds=61, memory_mb=700.4, device="cpu")],
        warnings=[Message(stage="subject", text="the camera moves")],
        advice=["film more"],
    )
    return good.model_copy(update=changes)
