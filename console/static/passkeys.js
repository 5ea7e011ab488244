// Passkeys: the browser is asked before the form is sent, and the form carries what it says.
"use strict";
(() => {
  const can = window.PublicKeyCredential?.parseRequestOptionsFromJSON !== undefined;
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    // a passkey belongs to a name, and where scripts or the browser cannot there is no button
    form.hidden = !can || location.hostname !== form.dataset.host;
  }

  const ask = async (form) => {
    const begun = await fetch(`${form.getAttribute("action")}/begin`, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    const said = await begun.json();
    if (said.error) throw new Error(said.error);
    const made = form.dataset.passkey === "register"
      ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(said.options) })
      : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(said.options) });
    form.elements.token.value = said.token;
    form.elements.credential.value = JSON.stringify(made.toJSON());
    if (form.elements.password) form.elements.password.value = "";
  };

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.passkey === undefined || form.elements.credential.value) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const wrong = form.querySelector("[role=alert]");
    wrong.hidden = true;
    ask(form).then(() => form.submit()).catch((error) => {
      wrong.textContent = error.name === "NotAllowedError" ? "Nothing was done: your device gave no passkey." : error.message;
      wrong.hidden = false;
    });
  }, true);
})();
