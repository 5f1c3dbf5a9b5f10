// What the page does: text enters it as text only, whoever sent it.
"use strict";
const form = document.getElementById("call");
const said = document.getElementById("said");

function say(what) {
  said.textContent += `${JSON.stringify(what)}\n`;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  said.textContent = "";
  const field = (name) => form.elements[name].value;
  const dispatcher = new Dispatcher(field("server"));
  try {
    const args = JSON.parse(field("arguments"));
    const id = await dispatcher.call(field("host"), field("procedure"), args);
    say({ job: id });
    say(await dispatcher.follow(id, say));
  } catch (error) {
    say(error.message);
  }
});
