// Solves the puzzle of the page "one more step": the number whose SHA-256 with the salt is the challenge.
"use strict";
(async () => {
  const form = document.getElementById("proof-form");
  const { challenge, salt, signature, max } = form.dataset;
  const button = form.querySelector("button");
  const status = document.getElementById("proof-status");
  const encoder = new TextEncoder();
  const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (!crypto.subtle) return;
  button.disabled = true;
  const batch = 500;
  for (let start = 0; start <= Number(max); start += batch) {
    const numbers = Array.from({ length: batch }, (_, index) => start + index);
    const hashes = await Promise.all(numbers.map((n) => crypto.subtle.digest("SHA-256", encoder.encode(salt + n))));
    const found = hashes.findIndex((hash) => hex(hash) === challenge);
    status.textContent = Math.min(99, Math.round((100 * start) / Number(max))) + " %";
    if (found >= 0) {
      const payload = { algorithm: "SHA-256", challenge, number: start + found, salt, signature };
      form.elements.proof.value = btoa(JSON.stringify(payload));
      break;
    }
  }
  status.textContent = status.dataset.done;
  button.disabled = false;
  button.focus();
})();
