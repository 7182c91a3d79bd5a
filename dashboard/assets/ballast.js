// The page works without this file. It says so when Ballast stops answering, and asks nothing
// while nobody looks.
(() => {
  "use strict";
  const live = document.getElementById("live");
  const lost = document.getElementById("lost");

  const fail = () => {
    if (lost.textContent) return; // keep the time of the first failure
    const time = new Date().toLocaleTimeString();
    lost.textContent = lost.dataset.lost.replace("{time}", time);
    document.body.classList.add("is-lost");
  };
  const recover = () => {
    if (!lost.textContent) return;
    lost.textContent = "";
    document.body.classList.remove("is-lost");
  };

  live.addEventListener("htmx:before:request", (event) => {
    if (document.hidden) event.preventDefault();
  });
  live.addEventListener("htmx:error", fail);
  live.addEventListener("htmx:response:error", fail);
  // Not htmx:after:swap, which comes after an error too, though nothing is swapped then.
  live.addEventListener("htmx:after:request", (event) => {
    if (event.detail.ctx.response.status < 400) recover();
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) htmx.trigger(live, "every");
  });
})();
