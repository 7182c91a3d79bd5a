// The waiting page: follows what is being started, and opens what was asked for when it is there.
"use strict";
(() => {
  const path = "{{.Events}}";
  const state = document.getElementById("state");
  const bar = document.querySelector("progress");
  let total = 0; // Seconds, the most that was ever said.
  let reloading = false;

  const reload = (after) => {
    if (reloading) return;
    reloading = true;
    setTimeout(() => location.reload(), after);
  };

  const show = (s) => {
    const parts = [];
    if (s.reason) parts.push(/[.!?]$/.test(s.reason) ? s.reason : s.reason + ".");
    const seconds = Math.ceil(s.seconds);
    if (seconds > 0) parts.push(`About ${seconds} s to go.`);
    if (s.waiting > 1) parts.push(`${s.waiting} are waiting.`);
    state.textContent = parts.join(" ");
    total = Math.max(total, seconds);
    if (seconds > 0) bar.value = 1 - seconds / (total + 1);
    else bar.removeAttribute("value");
  };

  const events = new EventSource(`${path}?path=${encodeURIComponent(location.pathname)}`);
  events.onmessage = (event) => {
    const s = JSON.parse(event.data);
    if (!s.ready) {
      show(s);
      return;
    }
    events.close();
    state.textContent = "Ready.";
    bar.value = 1;
    reload(Math.random() * Math.min(2000, 10 * s.waiting)); // Not all in the same moment.
  };
  events.onerror = () => {
    // Broken off it comes back by itself. Refused it does not: asking for the page again tells more.
    if (events.readyState === EventSource.CLOSED) reload(3000 + Math.random() * 2000);
  };
})();
