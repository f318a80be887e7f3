// Streamlit closes the drawer after a choice only where the browser calls itself a phone's: this does it in
// every window in which the drawer lies over the page.
if (!window.mmClosesDrawer) {
  window.mmClosesDrawer = true;
  document.addEventListener("click", (event) => {
    const chose = event.target.closest('[data-testid="stSidebarNavLink"]');
    if (!chose || window.innerWidth > 768) return;
    const close = () => document.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click();
    window.setTimeout(close, 0);
  });
}
// After a dialog the focus is where it was before: Streamlit loses it where the rerun that closes the dialog draws
// the page anew. Where the control is gone, its row has the focus, or what is around that.
if (!window.mmKeepsFocus) {
  window.mmKeepsFocus = true;
  // A table drawn on a canvas chooses a row when it has the focus, which would open the dialog again.
  const takes = ':is(button, input):enabled, a[href], summary, [tabindex="0"]:not(canvas)';
  const dialogs = () => document.querySelectorAll('[role="dialog"]').length;
  let before = null, around = [], open = 0;
  const remember = (event) => {
    const control = event.target.closest?.(`${takes}, canvas`);
    if (!control || dialogs() || event.target.closest('[role="dialog"]')) return;
    const keys = (element) => [...element.classList].filter((name) => name.startsWith("st-key-"));
    before = control;
    around = [];
    for (let each = control; each; each = each.parentElement) around.push(...keys(each).map(CSS.escape));
  };
  const inside = (key) => [...document.querySelectorAll(`.${key} :is(${takes})`)].find((each) => each.checkVisibility());
  const heading = () => {
    const title = document.querySelector(".mm-title h1");
    title?.setAttribute("tabindex", "-1");
    return title;
  };
  const giveBack = (isLate) => {
    if (dialogs() || !before || (document.activeElement ?? document.body) !== document.body) return;
    const is = before.isConnected && before.matches(takes) && before.checkVisibility();
    const found = is ? before : isLate && (around.map(inside).find(Boolean) ?? heading());
    if (found) found.focus({ preventScroll: true });
  };
  // The rerun may take long on a slow line, and draw the control anew at its end.
  const giveBackUntilDrawn = (closed, drawn = closed) => {
    const now = performance.now();
    const state = document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState;
    if (state !== "notRunning") drawn = now;
    giveBack(now - closed > 500);
    if (now - drawn < 3000 && now - closed < 60000) window.setTimeout(giveBackUntilDrawn, 250, closed, drawn);
  };
  document.addEventListener("focusin", remember);
  // Not every browser gives the focus to a button that is touched.
  document.addEventListener("pointerdown", remember);
  new MutationObserver(() => {
    const now = dialogs();
    if (now < open) giveBackUntilDrawn(performance.now());
    open = now;
  }).observe(document.body, { childList: true });
}
// Which language the page is in, and in it what Streamlit says of its own: names of controls and a few texts. Ours
// are in that language already, and those that people gave are left alone.
if (!window.mmSpeak) {
  const labels = ["aria-label", "title", "alt"];
  const texts = [
    '[data-testid="stSkipToContent"]', '[data-testid="InputInstructions"]', '[data-testid="stDateInputCalendar"]',
    '[data-testid="stMultiSelectDropdown"]', '[data-testid="stSelectboxDropdown"]', '[data-testid="stTooltipContent"]',
    'body > [id^="react-aria-description"]',
  ].join();
  let patterns = [];
  // What was said in English, to say it again after another choice of language.
  const english = new WeakMap();
  const told = (said) => {
    for (const [pattern, words] of patterns) {
      const found = pattern.exec(said);
      if (found) return words.replace("{what}", () => told(found[1]));
    }
    return said;
  };
  const tell = (node, name, said, write) => {
    const known = english.get(node) ?? {};
    const original = known[name]?.told === said ? known[name].said : said;
    const words = told(original);
    if (words !== original) english.set(node, { ...known, [name]: { said: original, told: words } });
    if (words !== said) write(words);
  };
  const ofElement = (element) => {
    if (element.closest(".stHtml")) return;
    for (const name of labels) {
      const said = element.getAttribute(name);
      if (said) tell(element, name, said, (words) => element.setAttribute(name, words));
    }
  };
  const ofText = (node) => tell(node, "text", node.data, (words) => { node.data = words; });
  const textsIn = (element) => {
    const found = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    while (found.nextNode()) ofText(found.currentNode);
  };
  const ofAll = (root) => {
    if (root.matches(labels.map((name) => `[${name}]`).join())) ofElement(root);
    root.querySelectorAll(labels.map((name) => `[${name}]`).join()).forEach(ofElement);
    if (root.closest(texts)) textsIn(root);
    else root.querySelectorAll(texts).forEach(textsIn);
  };
  const changed = new MutationObserver((changes) => {
    for (const { type, target, addedNodes } of changes) {
      if (type === "attributes") ofElement(target);
      else if (type === "characterData") { if (target.parentElement?.closest(texts)) ofText(target); }
      else addedNodes.forEach((node) => {
        if (node.nodeType === Node.ELEMENT_NODE) ofAll(node);
        else if (node.nodeType === Node.TEXT_NODE && target.closest(texts)) ofText(node);
      });
    }
  });
  window.mmSpeak = (language, phrases) => {
    document.documentElement.lang = language;
    const plain = (text) => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
    patterns = phrases.map(([said, words]) => [
      new RegExp(`^${said.split("{what}").map(plain).join("(.+)")}$`, "s"), words,
    ]);
    changed.disconnect();
    ofAll(document.body);
    if (phrases.length) {
      const wanted = { childList: true, subtree: true, characterData: true };
      changed.observe(document.body, { ...wanted, attributes: true, attributeFilter: labels });
    }
  };
}
