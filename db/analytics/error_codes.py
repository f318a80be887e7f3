"""What error codes mean: those of OCPP 1.6, and the minimum required error codes (MREC) of ChargeX.

A charge point sends an MREC as its vendor error code, `CX001` to `CX026`. The names are those of INL's list
(inl.gov/chargex).
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple


class Mrec(NamedTuple):
    name: str
    words: str


MRECS = {
    "CX001": Mrec("ConnectorLockFailure", "the connector did not lock or unlock"),
    "CX002": Mrec("GroundFailure", "a ground fault, or no protective earth"),
    "CX003": Mrec("HighTemperature", "too hot inside"),
    "CX004": Mrec("OverCurrentFailure", "too much current"),
    "CX005": Mrec("OverVoltage", "the supply's voltage is too high"),
    "CX006": Mrec("UnderVoltage", "the supply's voltage is too low"),
    "CX007": Mrec("WeakSignal", "a weak radio signal"),
    "CX008": Mrec("EmergencyStop", "the emergency stop was pressed"),
    "CX009": Mrec("AuthorizationTimeout", "plugged in, but nobody was authorised in time"),
    "CX010": Mrec("InvalidVehicleMode", "the vehicle is in no state to charge"),
    "CX011": Mrec("CableCheckFault", "the cable check failed"),
    "CX012": Mrec("PreChargeFault", "the voltage before charging was not reached"),
    "CX013": Mrec("NoInternet", "no connection to the internet"),
    "CX014": Mrec("PilotFault", "a fault on the control pilot"),
    "CX015": Mrec("PowerLoss", "the supply failed"),
    "CX016": Mrec("EVContactorFault", "the vehicle's contactor failed"),
    "CX017": Mrec("EVSEContactorFault", "the charge point's contactor failed"),
    "CX018": Mrec("CableOverTempDerate", "a hot cable: charging more slowly"),
    "CX019": Mrec("CableOverTempStop", "a hot cable: charging was stopped"),
    "CX020": Mrec("PartialInsertion", "the plug is not all the way in"),
    "CX021": Mrec("CapacitanceFault", "too much capacitance in the vehicle"),
    "CX022": Mrec("ResistanceFault", "too little insulation"),
    "CX023": Mrec("ProximityFault", "a fault on the proximity pilot"),
    "CX024": Mrec("ConnectorVoltageHigh", "voltage on the connector before charging"),
    "CX025": Mrec("BrokenLatch", "the connector's latch is broken"),
    "CX026": Mrec("CutCable", "the cable was cut"),
}

OCPP_16 = {
    "ConnectorLockFailure": "the connector did not lock or unlock",
    "EVCommunicationError": "the vehicle and the charge point do not understand each other",
    "GroundFailure": "the ground fault breaker tripped",
    "HighTemperature": "too hot inside",
    "InternalError": "a fault in the charge point's own hardware or software",
    "LocalListConflict": "the local list of id tags contradicts the central one",
    "OtherError": "another error; the vendor's code says which",
    "OverCurrentFailure": "too much current",
    "OverVoltage": "the supply's voltage is too high",
    "PowerMeterFailure": "the meter cannot be read",
    "PowerSwitchFailure": "the contactor did not switch",
    "ReaderFailure": "the card reader failed",
    "ResetFailure": "a restart failed",
    "UnderVoltage": "the supply's voltage is too low",
    "WeakSignal": "a weak radio signal",
}

# It is always a warning: the vehicle may be at fault, and the next one charges (OCPP 1.6, section 4.9).
ALWAYS_A_WARNING = frozenset({"EVCommunicationError"})


@lru_cache(maxsize=1024)
def in_words(error_code: str, vendor_error_code: str = "") -> str:
    """The most that is known of an error, in words; the codes themselves where they are foreign."""
    if (mrec := MRECS.get(vendor_error_code.strip().upper())) is not None:
        return mrec.words
    if error_code == "OtherError" and vendor_error_code:
        return f"vendor error {vendor_error_code}"
    return OCPP_16.get(error_code) or error_code or vendor_error_code


def name_of(error_code: str, vendor_error_code: str = "") -> str:
    """What an error is called: an MREC by its code and name, as `CX008 EmergencyStop`."""
    vendor_code = vendor_error_code.strip()
    if (mrec := MRECS.get(vendor_code.upper())) is not None:
        return f"{vendor_code.upper()} {mrec.name}"
    if error_code in ("", "NoError", "OtherError") and vendor_code:
        return vendor_code
    return error_code
