"""What the pages for phones say: their texts by the name that the script has for them.

Both languages go with the page, so that a driver changes without waiting for a slow line.
"""

from __future__ import annotations

from languages import LANGUAGES, _, pgettext, speaking


def words() -> dict[str, dict[str, str]]:
    """By language, then by name; `other` is what the button to the next language says."""
    return {language: {"other": _after(language)} | _in(language) for language in LANGUAGES}


def _in(language: str) -> dict[str, str]:
    with speaking(language):
        return {
            "title": _("Charge"),
            "connector": _("Connector"),
            "price": _("Price"),
            "free": _("Ready to use"),
            "byMoney": _("By amount"),
            "byEnergy": _("By energy"),
            "amount": _("Amount"),
            "energy": _("Energy (kWh)"),
            "phone": _("Phone number"),
            "phoneHint": _("Such as 0911223344"),
            "pay": _("Pay"),
            "plug": _("Plug the cable into the car first."),
            "unused": _("What is not used is given back."),
            "working": _("One moment…"),
            "pending": _("Waiting for the payment"),
            "paid": _("Paid. Charging begins…"),
            "charging": _("Charging"),
            "expired": _("The payment was not made in time"),
            "failed": _("The payment failed"),
            "mismatched": _("The payment is being checked by people"),
            "settled": _("Finished"),
            "nothing": _("No charge"),
            "goPay": _("Go on to pay"),
            "again": _("Try again"),
            "stop": _("Stop charging"),
            "stopping": _("Stopping…"),
            "bill": _("Bill"),
            "used": _("Energy"),
            "cost": _("Cost so far"),
            "power": _("Power"),
            "time": _("Time"),
            "billed": _("Billed"),
            "paidIn": _("Paid"),
            "left": _("Left"),
            "back": _("Given back"),
            "due": _("Will be given back"),
            "byHand": _("Will be given back by the operator"),
            "receipt": _("Receipt"),
            "file": _("Receipt as a PDF file"),
            "reference": _("Reference"),
            "print": _("Print or save"),
            "from": pgettext("of a charge", "Start"),
            "until": pgettext("of a charge", "End"),
            "trouble": _("This did not work. Please try again."),
            "offline": _("No connection. Trying again…"),
            "starting": _("Starting"),
            "suspended": _("Paused"),
            "later": _("The final bill comes in a moment."),
            "gone": _("This code or payment is not known"),
            "goneHow": _("The code may have been replaced. Scan the one at the connector anew."),
            "noLine": _("No connection. Please try again."),
            "yours": _("Your last payment here"),
            "progress": _("Used of what was paid"),
            "amountHint": _("Such as 200"),
            "range": _("Between {least} and {most} {currency} can be paid."),
            # Why nothing can be sold at a connector, as an attempt to pay is refused.
            "It is in use.": _("It is in use."),
            "It is out of order.": _("It is out of order."),
            "It is out of service.": _("It is out of service."),
            "The station is offline.": _("The station is offline."),
            "It has no price, so nothing can be sold here.": _(
                "It has no price, so nothing can be sold here."
            ),
        }


def _after(language: str) -> str:
    ordered = list(LANGUAGES)
    return LANGUAGES[ordered[(ordered.index(language) + 1) % len(ordered)]]
