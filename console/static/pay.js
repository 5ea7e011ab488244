// What the page of a payment link does by itself: it looks whether the outcome is known, and sends a form once.
"use strict";
(() => {
  const { state, waits } = document.body.dataset;

  async function look(pause) {
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (answer.ok && page.body.dataset.state !== state) return location.reload();
    } catch { /* away for a moment: looked for again */ }
    setTimeout(look, pause, Math.min(pause * 1.3, 20000));
  }
  if (waits !== undefined) setTimeout(look, 1500, 2000);

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent !== undefined) event.preventDefault();
    form.dataset.sent = "";
  });
  // who comes by the back button sees how it stands now, not how it stood
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
})();
