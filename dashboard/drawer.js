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
