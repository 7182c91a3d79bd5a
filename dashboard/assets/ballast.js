// The pages work without this file. It says so when Ballast stops answering, and loads a page anew that an older Ballast
// has made.
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

  // A stream ends when Ballast does, and is made anew at once; that it can't be is what people should know.
  live.addEventListener("htmx:sse:error", fail);
  live.addEventListener("htmx:error", fail);
  live.addEventListener("htmx:response:error", fail);
  live.addEventListener("htmx:sse:after:message", recover);
  live.addEventListener("outdated", () => location.reload());
})();
