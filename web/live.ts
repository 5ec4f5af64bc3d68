// The script of the live view: fills in fields, asks again for what has changed, and sends what a button says. The
// browser connects again by itself and says where it stopped.

interface LiveState {
  readonly state: string;
  readonly done: number;
  readonly fields: Readonly<Record<string, string>>;
}

const source = new EventSource(document.body.dataset.events ?? "/events");
let state = "";
let isAsking = false;
let isStale = false;

source.addEventListener("line", refresh);
source.addEventListener("reset", refresh);
source.addEventListener("now", ({ data }: MessageEvent<string>) => {
  const now = JSON.parse(data) as LiveState | unknown[];
  if (Array.isArray(now)) return refresh();
  // Another state has other buttons, and a report in the end.
  if (state !== "" && now.state !== state) return location.reload();
  state = now.state;
  fill(now);
});
source.addEventListener("open", () => note(""));
source.addEventListener("error", () => {
  const isOver = source.readyState === EventSource.CLOSED;
  note(
    isOver
      ? "Not connected: open the address that deepobf watch printed"
      : "Not connected; trying again",
  );
});

document.addEventListener("click", async ({ target }) => {
  if (!(target instanceof HTMLButtonElement) || target.dataset.post === undefined) return;
  target.disabled = true;
  try {
    const headers = { "content-type": "application/json" };
    const response = await fetch(target.dataset.post, { method: "POST", headers, body: "{}" });
    note(await response.text());
    target.disabled = response.ok;
  } catch {
    note("Not done: deepobf watch does not answer");
    target.disabled = false;
  }
});

document.addEventListener("focusout", () => {
  if (isStale) refresh();
});

function fill({ done, fields }: LiveState): void {
  for (const element of document.querySelectorAll<HTMLElement>("[data-field]")) {
    const text = fields[element.dataset.field ?? ""];
    if (text !== undefined && element.textContent !== text) element.textContent = text;
  }
  for (const bar of document.querySelectorAll<HTMLProgressElement>("progress[data-done]")) {
    bar.value = done;
  }
}

function note(text: string): void {
  const place = document.querySelector("[data-field=note]");
  if (place) place.textContent = text;
}

/**
 * Asks for the fragment of the page again; once more after that, where something has changed meanwhile. What somebody is
 * about to press stays until they leave it.
 */
async function refresh(): Promise<void> {
  isStale = true;
  if (isAsking) return;
  isAsking = true;
  try {
    while (isStale) {
      isStale = false;
      const place = document.querySelector<HTMLElement>("[data-fragment]");
      const response = place && (await fetch(place.dataset.fragment ?? ""));
      const text = response?.ok ? await response.text() : undefined;
      if (document.activeElement?.matches("[data-fragment] :is(a, button)")) {
        isStale = true;
        return;
      }
      if (place && text !== undefined) place.innerHTML = text;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  } catch {
    // The server is away; the events tell when it is back.
  } finally {
    isAsking = false;
  }
}
