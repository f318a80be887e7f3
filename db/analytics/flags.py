"""Every flag that a session can bear: a code for programs, which stays, and a sentence for people."""

from __future__ import annotations

# How its end and its energy became known.
REPORTED = {
    "estimated_stop": "The charge point reported no end, so it was estimated from the last meter value.",
    "stuck": "Nothing was heard of it for long while its connector was free or gone, so it was closed.",
    "clock_ahead": "The charge point's clock was ahead; the time of arrival was used instead.",
    "ambiguous_time": "Its start or stop lies in an hour that the clock showed twice; which is not known.",
    "meter_reset": "The meter's register was reset during the session; both parts were added up.",
    "registers_disagree": "The registers contradict the meter values between start and stop; these count.",
    "register_fell": "The register was lower at the stop than at the start; meter values count instead.",
    "price_differs": "The OCPP backend reported another cost than this bill, which is what is paid.",
    "changed_since_decision": "What was reported of it changed after an administrator had decided about it.",
}

# Odd, and counted: somebody should look at it.
DOUBTS = {
    "short_duration": "It, or its charging, took less than a minute.",
    "long_session": "It was plugged in for more than two days.",
    "long_charging": "It charged for more than a day.",
    "charging_longer_than_session": "It charged for longer than it was plugged in.",
    "ends_before_start": "It ended before it began.",
    "no_energy": "No energy was delivered.",
    "low_energy": "It took less than 0.5 kWh.",
    "high_energy": "It took more than 250 kWh.",
    "power_above_rating": "It charged with more than 1.1 times the power that the connector is rated for.",
    "unusual_rating": "The connector's rated power is unusual for its type.",
    "unknown_stop_reason": "Its stop reason is none of OCPP's, so it does not count as a valid stop.",
}

# These cannot be: the session is held back.
IMPOSSIBILITIES = {
    "negative_energy": "Its register was lower at the stop than at the start; nothing else tells its energy.",
    "energy_in_no_time": "It delivered energy, but there was no time in which that could have flowed.",
    "energy_beyond_connector": "It delivered more than twice the energy that the connector can in its time.",
    "energy_beyond_vehicle": "It delivered more energy than any vehicle takes from so slow a connector.",
    "zero_baseline": "Its register is said to have begun at zero, and stood higher before.",
}

FLAGS = {**REPORTED, **DOUBTS, **IMPOSSIBILITIES}


def sentence(code: str) -> str:
    """What the flag says; one that an earlier version or a later one set is shown as its code."""
    return FLAGS.get(code, code.replace("_", " ").capitalize() + ".")
