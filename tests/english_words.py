"""What a page in Amharic still says in English."""

from __future__ import annotations

import re

from browser import await_all
from playwright.sync_api import Page

# Units; what programs and protocols are called; what is typed or read elsewhere; the names that the stores of
# tests have.
_STAYS = (
    r"[kM]?Wh?|kg|km|CO[₂2]?e|ETB|EAT|UTC|v?h?ms",
    r"MengedMate|OCPP|OCPI|NEVI|UK|CFR|SI|ChargeX|EV-ChART|Atlas|kwwhat|Chapa|ISO",
    r"CCS ?[12]|CHAdeMO|Type [12]",
    r"REST|API|HTTP|JSON|SQL|SQLAlchemy|PostgreSQL|CSV|PDF|Excel|URL|ID|id|cron|X-Forwarded-For",
    r"locator|bearer token|Standard Webhooks|whsec|security profile|any|none|sandbox|chapa|refuse|quarantine",
    r"python -m jobs|make up|manage\.py [\w-]+|env|/metrics|[A-Z]+(?:_[A-Z]+)+|BootNotification|Charging",
    r"Africa/Addis_Ababa|Addis Charge|Rift Energy|Bole Road|Adama|Addis Ababa|[Ss]elam|[Aa]dmin|TAG1",
    r"OpenID Connect|public client|docs/payments\.md",
    r"English",
)
_KEPT = re.compile(rf"(?<![A-Za-z])(?:{'|'.join(_STAYS)})(?![A-Za-z])")
_ENGLISH = re.compile("[A-Za-z]{2,}")

# Its texts, also those of pictures, what is told on hover, and what fields say while they are empty. Code and
# the values of settings are no texts.
_SAID = """() => {
    const found = [];
    const quiet = 'script, style, noscript, code, pre, canvas, .mm-settings b';
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const text = walker.currentNode.textContent.trim();
        const within = walker.currentNode.parentElement;
        if (!text || within.closest(quiet)) continue;
        if (!getComputedStyle(within).fontFamily.includes('Material')) found.push(text);
    }
    const names = ['title', 'aria-label', 'placeholder'];
    for (const element of document.querySelectorAll('[title], [aria-label], [placeholder]')) {
        for (const name of names) found.push(element.getAttribute(name) || '');
    }
    return found;
}"""


def english_on(page: Page) -> list[str]:
    """Each text with an English word in it, once the page has said all."""
    await_all(page)
    return sorted({text for text in page.evaluate(_SAID) if _ENGLISH.search(_KEPT.sub("", text))})
