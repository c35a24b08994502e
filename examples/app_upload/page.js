// The page: a session from the backend, the upload, and the decision.
import { upload } from './upload.js';

const SESSION = 'liveness-session';
const page = (id) => document.getElementById(id);

async function ask(path, method) {
  const reply = await fetch(path, { method });
  if (reply.status === 404) sessionStorage.removeItem(SESSION); // it has ended: begin a new one
  if (!reply.ok) throw new Error(`the backend answered ${reply.status}`);
  return reply.json();
}

/** Return the session that an earlier load of the page did not finish, or a new one. */
async function openSession() {
  const earlier = JSON.parse(sessionStorage.getItem(SESSION));
  if (earlier) return earlier;
  const { credentials, ...session } = await ask('/sessions', 'POST');
  sessionStorage.setItem(SESSION, JSON.stringify(session)); // where, but not with which keys
  return { ...session, credentials };
}

async function check(file) {
  const session = await openSession();
  const keys = async () => {
    const first = session.credentials;
    session.credentials = null;
    return first ?? ask(`/sessions/${session.pair_id}/keys`, 'POST');
  };
  page('status').textContent = 'Uploading …';
  await upload(session, file, keys, (fraction) => {
    page('progress').value = fraction;
  });
  page('status').textContent = 'Checking …';
  const { decision, hint } = await ask(`/sessions/${session.pair_id}/verdict`, 'GET');
  sessionStorage.removeItem(SESSION); // a new try is a new pair id
  page('status').textContent = hint;
  page('status').dataset.decision = decision;
}

page('form').addEventListener('submit', async (event) => {
  event.preventDefault();
  page('send').disabled = true;
  delete page('status').dataset.decision;
  try {
    await check(page('file').files[0]);
  } catch (error) {
    console.error(error.statusCode ?? '', error.code ?? error.message);
    page('status').textContent = 'The connection was lost. Press the button to go on.';
    page('status').dataset.decision = 'interrupted';
  }
  page('send').disabled = false;
});
