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
  document.addEventListener("focusin", remember);
  // Not every browser gives the focus to a button that is touched.
  document.addEventListener("pointerdown", remember);
  new MutationObserver(() => {
    const now = dialogs();
    if (now < open) [0, 300, 800, 1600, 3000].forEach((wait) => window.setTimeout(giveBack, wait, wait > 300));
    open = now;
  }).observe(document.body, { childList: true });
}
