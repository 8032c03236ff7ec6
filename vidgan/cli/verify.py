"""`vidgan verify`: whether a video says that it was made by a machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vidgan.cli.options import FILE, LIMITS_OPTION, print_values

if TYPE_CHECKING:
    from vidgan.trust.verify import Verdict

_STATES = {
    "trusted": "intact, signed by {} (trusted)",
    "valid": "intact, signed by {} (unknown: see --trust)",
    "unproven": "intact, but the certificate of {} does not hold",
    "tampered": "TAMPERED WITH after {} signed",
    "none": "none",
}


@click.command("verify", short_help="Say whether a video carries vidgan's marks, and whether they are intact.")
@click.argument("video", type=FILE)
@click.option("--trust", type=FILE, metavar="ROOT.pem", help="Certificates of signers that you trust.")
@click.option("--watermark-key", type=FILE, metavar="FILE", help="The secret, where the watermark was made with one.")
@LIMITS_OPTION
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def command(video: Path, trust: Path | None, watermark_key: Path | None, limits: tuple[str, ...], as_json: bool) -> int:
    """Look for content credentials and for vidgan's invisible watermark in VIDEO, and say whether it looks made.

    Exit code 0: marked, by credentials that are intact, a watermark, or both; 1: tampered with, or not readable; 3:
    nothing found. How VIDEO looks is an estimate and changes no exit code: docs/trust.md says how often it errs.
    """
    from vidgan.output import check_inputs
    from vidgan.trust.verify import verify
    from vidgan.video.limits import limited, read_limits

    check_inputs({"video": video})
    with limited(read_limits(limits)):
        verdict = verify(video, trust, watermark_key)
    if as_json:
        click.echo(json.dumps(verdict.as_dict()))
    else:
        print_values(_rows(verdict))
        click.echo(f"\n{verdict.sentence}")
    return verdict.code


def _rows(verdict: Verdict) -> dict[str, object]:
    from vidgan.text import printable

    found = verdict.credentials
    rows: dict[str, object] = {"credentials": _STATES[found.state].format(printable(found.signer or "somebody"))}
    if found.state != "none":
        rows["made by"] = printable(f"{found.tool or 'unknown'}, {found.made or 'origin not said'}")
        spoiled = " (changed after it was signed)"
        named = [it + spoiled * (place in found.spoiled) for place, it in enumerate(found.ingredients)]
        rows["from"] = printable(", ".join(named)) or "nothing that is named"
        rows["consent"] = printable(_consent(found.consent))
    for number, problem in enumerate(found.problems, 1):
        rows[f"problem {number}"] = printable(problem)
    mark = verdict.watermark
    if mark.present:
        run = "not readable" if mark.number is None else f"{mark.number:08x}"
        rows["watermark"] = f"found (by chance less than once in 10^{-mark.log10_p:.0f} videos), run {run}"
    else:
        rows["watermark"] = "none found"
    score, says = verdict.forensic.score, verdict.forensic.sentence
    rows["forensic"] = says if score is None else f"{score:.3f}: {says}"
    return rows


def _consent(consent: object) -> str:
    if not isinstance(consent, dict):
        return "none is recorded"
    text = " ".join(str(consent.get("statement") or "").split())[:200]
    return ": ".join(filter(None, (str(consent.get("file") or ""), text))) or "none is recorded"
