// What HTML cannot do by itself: the theme, copying, and a question before what cannot be undone.
"use strict";
(() => {
  const root = document.documentElement;
  const kept = localStorage.getItem("theme");
  if (kept === "dark" || kept === "light") root.dataset.theme = kept;

  document.addEventListener("click", (event) => {
    const at = event.target.closest("[data-theme-toggle],[data-copy],[data-open],[data-close],[data-menu]");
    if (!at) return;
    if (at.dataset.themeToggle !== undefined) {
      const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
      localStorage.setItem("theme", root.dataset.theme);
    } else if (at.dataset.copy !== undefined) {
      navigator.clipboard.writeText(at.dataset.copy).then(() => {
        at.dataset.copied = "";
        setTimeout(() => delete at.dataset.copied, 1200);
      });
    } else if (at.dataset.open) {
      document.getElementById(at.dataset.open).showModal();
    } else if (at.dataset.close !== undefined) {
      at.closest("dialog").close();
    } else {
      document.body.classList.toggle("menu-open");
    }
  });

  // a form is sent once, however often its button is pressed
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent !== undefined) event.preventDefault();
    form.dataset.sent = "";
  });
  addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent));

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
  });

  // what is still being counted is looked at again
  addEventListener("DOMContentLoaded", () => {
    // but not under the hands of somebody who writes
    const again = () => document.activeElement?.matches("input,textarea,select") ? setTimeout(again, 800) : location.reload();
    if (document.querySelector("[data-again]")) setTimeout(again, 800);
  });

  // what a page does without at first comes from a page of its own, which its link leads to as well
  addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-fill]").forEach(async (place) => {
    const [path, id] = place.dataset.fill.split("#");
    const answer = await fetch(path).catch(() => null);
    if (!answer?.ok) return;
    const found = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(id);
    if (found) place.replaceChildren(...found.childNodes);
  }));

  // a stream that ends is opened again by the browser: no error, which htmx would write to its log each time
  const known = new WeakSet();
  document.addEventListener("htmx:sseOpen", ({ detail: { source } }) => {
    if (known.has(source)) return;
    known.add(source);
    const failed = source.onerror;
    source.onerror = (event) => { if (source.readyState === EventSource.CLOSED) failed(event); };
  });

  // "/" goes to the search, as in many consoles
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.closest("input,textarea,select")) return;
    const search = document.getElementById("search");
    if (search) { event.preventDefault(); search.focus(); }
  });
})();
