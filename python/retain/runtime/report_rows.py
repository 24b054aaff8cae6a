"""A run's report for a person: what, and its value, in reading order."""

from retain.runtime.report import Latency, RecordingCounts, RunReport


def report_rows(report: RunReport) -> list[tuple[str, str]]:
    """(what, value) in reading order, for a person."""
    limiter = ", ".join(f"{channel.name} {channel.limiter}" for channel in report.channels if channel.limiter)
    admission = sum(channel.admission_position + channel.admission_velocity for channel in report.channels)
    rejected = (
        report.rejected_not_finite
        + report.rejected_out_of_bounds
        + report.rejected_too_fast
        + report.rejected_seam
        + report.rejected_too_jerky
    )
    refused = "; ".join(f"{grant.what} REFUSED: {grant.reason}" for grant in report.realtime if not grant.granted)
    granted = ", ".join(grant.what for grant in report.realtime if grant.granted)
    rates = (
        f"{report.inference_rate_hz:.2f} inferences/s, {report.action_rate_hz:.1f} actions/s,"
        f" {report.command_rate_hz:.1f} commands/s"
    )
    rows = [
        ("ended in", f"{report.state} ({report.cause.replace('_', ' ')}) after {report.duration_s:.1f} s"),
        ("success", _success(report)),
        ("rates", rates),
        ("tick lateness", _milliseconds(report.lateness)),
        ("tick body", _microseconds(report.body) + " without the robot's read and write"),
        ("overruns", f"{report.overruns} late ticks, {report.skipped} periods skipped of {report.ticks}"),
        ("inference", _milliseconds(report.inference) + f" in {report.engine}"),
        ("frame to command", _milliseconds(report.frame_age)),
        ("strategy", f"{report.strategy}, waited {report.holds} times at a chunk's end"),
        (
            "admission",
            f"{report.chunks} chunks, {rejected} rejected, {report.expired} too late, {admission} values clamped",
        ),
        ("limiter (ticks)", limiter or "changed nothing"),
        ("stale frames", f"{report.stale_episodes} times"),
        ("real time", "; ".join(part for part in (granted, refused) if part) or "nothing asked for"),
    ]
    if report.spliced:
        rows.append(
            ("real-time chunking", f"{report.spliced} chunks spliced, {report.beyond_splice} later than reckoned with")
        )
    if frozen := ", ".join(f"{one.role} {one.frozen}" for one in report.cameras if one.frozen):
        rows.append(("frozen frames", frozen))
    if losses := ", ".join(f"{one.role} {one.losses} times" for one in report.cameras if one.losses):
        rows.append(("cameras lost", losses))
    if trouble := ", ".join(f"{what} {count}" for what, count in report.robot.items() if count):
        rows.append(("robot", trouble))
    if report.heat != "normal":
        rows.append(("the computer", f"became {report.heat}"))
    if report.rearmed:
        rows.append(("re-armed", f"{report.rearmed} times"))
    if report.engine_message:
        rows.append(("engine", report.engine_message))
    if report.device_message:
        rows.append(("device", report.device_message))
    if report.records_lost:
        rows.append(("flight record", f"{report.records_lost} ticks lost"))
    if report.recording.path or report.recording.error:
        rows.append(("recording", _recorded(report.recording)))
    if report.infer_thread_left_behind:
        rows.append(("inference thread", "did not come back from the engine"))
    return rows


def _recorded(recording: RecordingCounts) -> str:
    text = f"{recording.messages} messages, {recording.bytes / 1e6:.1f} MB in {recording.path or 'no file'}"
    if recording.error:
        text += f"; BROKEN OFF: {recording.error}, {recording.lost_messages} messages lost"
    if behind := recording.lost_observations + recording.lost_frames:
        text += f"; {behind} observations and frames lost to a slow disk"
    if recording.crowded_out:
        text += f"; {recording.crowded_out} messages left the black box early for want of memory"
    return text


def _success(report: RunReport) -> str:
    if report.success is None:
        return "not judged"
    return f"yes, after {report.success_s:.1f} s" if report.success and report.success_s is not None else "no"


def _milliseconds(latency: Latency) -> str:
    p50, p99, worst = (1e3 * value for value in (latency.p50_s, latency.p99_s, latency.max_s))
    return f"p50 {p50:.3g} ms, p99 {p99:.3g} ms, max {worst:.3g} ms"


def _microseconds(latency: Latency) -> str:
    p50, p999, worst = (1e6 * value for value in (latency.p50_s, latency.p999_s, latency.max_s))
    return f"p50 {p50:.3g} µs, p99.9 {p999:.3g} µs, max {worst:.3g} µs"
