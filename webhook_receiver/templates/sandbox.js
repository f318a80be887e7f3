"use strict";
const page = document.getElementById("page");
document.title = "Sandbox";
page.innerHTML = `<h1>Sandbox</h1>
<div class="card"><p>Play money only. Nothing is charged to anybody.</p>
<p class="quiet">የሙከራ ክፍያ ብቻ ነው፤ እውነተኛ ገንዘብ አይከፈልም።</p></div>
<button id="pays">Pay · ክፈል</button><button id="declines" class="second">Do not pay · አትክፈል</button>
<p id="trouble" class="bad" role="alert"></p>`;
async function decide(pays) {
  const answer = await fetch(location.pathname, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ pays }),
  });
  const told = await answer.json();
  if (answer.ok) location.href = told.return_url;
  else document.getElementById("trouble").textContent = told.error || answer.status;
}
document.getElementById("pays").onclick = () => decide(true);
document.getElementById("declines").onclick = () => decide(false);
