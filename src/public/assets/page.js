// Conveniences alone: every view is read, and every form sent, without this file.
import { startPlayer } from './player.js';
import { $, $$, copy, icon, make, say } from './tools.js';
import { fill, words } from './words.js';

/** The player of the page or the panel, and that of the dock, which goes on while one browses. */
let paged;
let docked;

/** The one that keys go to. */
let current;

/** The address of what is shown. A link into the same page changes what stands after the #, and nothing else. */
let shown;
const placeOf = ({ pathname, search }) => `${pathname}${search}`;

/** Of what is shown without a panel: where its closing leads back to. */
let listHref;
let listTitle;

/** The place where a panel opens: on narrower screens a recording is a page. */
const wide = matchMedia('(width >= 76rem)');

/** Begins anew after each change of what is shown. */
function startPage() {
  const section = $('main .player[data-seconds]');
  paged?.end();
  paged = section ? startPlayer(section, changed) : undefined;
  current = docked && !docked.audio.paused ? docked : (paged ?? docked);
  shown = placeOf(location);
  if (!$('.panel')) [listHref, listTitle] = [shown, document.title];
  showSelected();
  showPlaying();
}

/** One plays at a time. */
function changed() {
  const playing = [paged, docked].find((one) => one && one !== current && !one.audio.paused);
  if (playing) {
    current?.audio.pause();
    current = playing;
  }
  showPlaying();
}

/** Marks the row whose recording is heard. */
function showPlaying() {
  const heard = [paged, docked].find((one) => one && !one.audio.paused);
  for (const link of $$('.play[data-audio]')) {
    const isOn = isSame(heard, new URL(link.dataset.audio, location.href).href);
    link.closest('tr').classList.toggle('is-playing', isOn);
    $('use', link).setAttribute('href', `/assets/icons.svg#${isOn ? 'pause' : 'play'}`);
  }
}

const isSame = (one, audio) => one !== undefined && one.audio.src.split('#')[0] === audio;

/** Plays the recording of a row below the list, or in the panel where it is open. */
function playRow(link) {
  const audio = new URL(link.dataset.audio, location.href).href;
  const known = [paged, docked].find((one) => isSame(one, audio));
  if (known) known.toggle();
  else dockRow(link, 0);
}

/** Plays the recording of a row below the list, from a second on. */
function dockRow(link, from) {
  closeDock();
  const dock = $('#dock').content.firstElementChild.cloneNode(true);
  const section = $('.player', dock);
  const row = link.closest('tr');
  Object.assign(section.dataset, { seconds: link.dataset.seconds, lanes: link.dataset.lanes });
  if (link.dataset.wave) $('.wave', section).dataset.wave = link.dataset.wave;
  if (link.dataset.lanes !== '2') $('.seg', section).remove();
  section.append(make('audio', { preload: 'none', src: link.dataset.audio }));
  const name = $('.playing a', section);
  name.href = link.href;
  name.replaceChildren(...$('.c-who a', row).cloneNode(true).childNodes);
  $('.playing .dim', section).textContent = $('time', row).textContent;
  $('main').after(dock);
  docked = startPlayer(section, changed);
  docked.goUnseen(from);
  void docked.play();
}

function closeDock() {
  docked?.end();
  docked = undefined;
  $('.dock')?.remove();
  if (current !== paged) current = paged;
  showPlaying();
}

/** What is shown was asked for last: an answer that comes late is left. */
let visits = 0;

async function read(href) {
  const visit = ++visits;
  const response = await fetch(href).catch(() => undefined);
  const html = await response?.text().catch(() => undefined);
  if (visit !== visits) return undefined;
  if (html === undefined) {
    say(words.sendFailed);
    return undefined;
  }
  const isPage = response.headers.get('Content-Type')?.startsWith('text/html');
  const page = isPage && new DOMParser().parseFromString(html, 'text/html');
  if (page && $('header.top', page)) return { page, url: response.url };
  location.assign(href); // Such as the sign-in, where a session has ended.
  return undefined;
}

/** A screen reader is told where it is, and goes on from there. */
function focusOn(place) {
  const heading = $('h1', place);
  heading?.setAttribute('tabindex', '-1');
  heading?.focus({ preventScroll: true });
}

/** Goes to another view without a new page, so that the dock goes on. */
async function visit(href, isNew = true) {
  const found = await read(href);
  if (!found) return;
  const { page, url } = found;
  const { hash } = new URL(href);
  if (isNew) history.pushState({}, '', `${url.split('#')[0]}${hash}`);
  document.title = page.title;
  document.body.className = page.body.className;
  for (const part of ['header.top', 'main']) $(part).replaceWith($(part, page));
  scrollTo(0, 0);
  startPage();
  moveDock();
  openAsked();
  if (hash === '') focusOn($('main'));
  else document.getElementById(hash.slice(1))?.scrollIntoView();
}

/** What needs a person leads to where an erasure is asked for. */
function openAsked() {
  if (location.hash === '#erase') for (const ask of $$('.ask')) ask.open = true;
}

/** Opens a recording beside the list. */
async function openPanel(href, isNew = true) {
  const found = await read(href);
  if (!found) return;
  const { page, url } = found;
  const article = $('article.rec', page);
  const list = $('.list-body');
  if (!article || !list) return location.assign(href);
  if (isNew) history.pushState({ panel: true }, '', url);
  document.title = page.title;
  const before = heardInPanel();
  if (paged && !paged.audio.paused) paged.audio.pause();
  $('.panel')?.remove();
  const close = make(
    'a',
    { class: 'btn quiet close-panel', href: listHref },
    icon('close'),
    words.panel.close,
  );
  const full = make('a', { class: 'btn quiet full-page', href: url }, icon('full'), words.panel.full);
  const bar = make('p', { class: 'panel-bar' }, close, full);
  list.append(make('aside', { class: 'panel', 'aria-label': words.panel.label }, bar, article));
  list.classList.add('split');
  document.body.classList.add('has-panel');
  for (const row of $$('.recordings tbody tr'))
    row.classList.toggle('is-open', $('.c-who a', row)?.href === href);
  startPage();
  moveDock();
  dockHeard(before);
  focusOn($('.panel'));
}

/** What the dock has goes on in the panel, or on the page, that has opened for it. */
function moveDock() {
  if (!docked || !isSame(paged, docked.audio.src.split('#')[0])) return;
  const { currentTime, paused } = docked.audio;
  closeDock();
  paged.goUnseen(currentTime);
  if (!paused) void paged.play();
}

/** What is heard in a panel, its row, and where it is: it goes on below when another takes the panel's place. */
function heardInPanel() {
  const play = paged && !paged.audio.paused && $('.panel') && $('.is-open .play[data-audio]');
  return play ? { play, at: paged.audio.currentTime, source: paged.audio.src.split('#')[0] } : undefined;
}

function dockHeard(heard) {
  if (heard && !isSame(paged, heard.source)) dockRow(heard.play, heard.at);
}

function closePanel(isNew = true) {
  visits++; // One that is still on its way comes too late.
  const heard = heardInPanel();
  paged?.audio.pause();
  $('.panel')?.remove();
  $('.list-body')?.classList.remove('split');
  document.body.classList.remove('has-panel');
  const row = $('.is-open');
  row?.classList.remove('is-open');
  if (isNew) history.pushState({}, '', listHref);
  document.title = listTitle;
  startPage();
  dockHeard(heard);
  $('.c-who a', row ?? document)?.focus();
}

addEventListener('popstate', ({ state }) => {
  const place = placeOf(location);
  if (place === shown) return;
  visits++;
  const isList = $('.list-body') && place === listHref;
  if (isList && $('.panel')) return closePanel(false);
  if (state?.panel && $('.list-body') && wide.matches) return void openPanel(location.href, false);
  void visit(location.href, false);
});

/** A link to another view of the vault, opened as usual. */
function viewOf(link, event) {
  const isPlain = !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey && event.button === 0;
  const isHere = link.origin === location.origin && !/^\/(api|assets|s)\//.test(link.pathname);
  return isPlain && isHere && !link.hasAttribute('download') && !link.getAttribute('href').startsWith('#');
}

document.addEventListener('click', (event) => {
  const { target } = event;
  // What floats closes when one clicks elsewhere.
  for (const open of $$('.chip details[open], .menu[open]')) if (!open.contains(target)) open.open = false;
  const button = target.closest('[data-copy]');
  if (button) return void copy(button.dataset.copy, button);
  if (target.closest('.close-dock')) return closeDock();
  const proof = target.closest('[data-prove]');
  if (proof) return void import('./proof-view.js').then(({ check }) => check(proof));
  const link = target.closest('a');
  if (link) return follow(link, event);
  // A row opens where it is clicked, unless text is being selected.
  const row = target.closest('.recordings tbody tr');
  if (row && !target.closest('input, button, label') && !String(getSelection())) $('.c-who a', row)?.click();
});

/** Goes to the whole page of a panel, where what is heard goes on. */
async function visitFrom(href, panel) {
  const url = new URL(href);
  url.searchParams.delete('done');
  url.searchParams.set('t', String(Math.floor(panel.audio.currentTime)));
  const isHeard = !panel.audio.paused;
  await visit(url.href);
  if (!isSame(paged, panel.audio.src.split('#')[0])) return;
  paged.goUnseen(panel.audio.currentTime);
  if (isHeard) void paged.play();
}

function follow(link, event) {
  if (!viewOf(link, event)) return;
  const take = (act) => {
    event.preventDefault();
    void act();
  };
  if (link.dataset.go && paged) return take(() => paged.go(Number(link.dataset.go)));
  if (link.matches('.play[data-audio]')) return take(() => playRow(link));
  if (link.matches('.close-panel')) return take(closePanel);
  if (link.matches('.full-page') && paged) return take(() => visitFrom(link.href, paged));
  if (link.closest('.c-who') && wide.matches) return take(() => openPanel(link.href));
  if (docked) take(() => visit(link.href));
}

// A search or a filter leaves what is heard in the dock.
document.addEventListener('submit', (event) => {
  const form = event.target;
  if (!docked || form.method !== 'get' || new URL(form.action).pathname.startsWith('/api/')) return;
  event.preventDefault();
  const url = new URL(form.action);
  url.search = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== '')).toString();
  void visit(url.href);
});

/** What is done to a recording shows in its place: the list, its filters and what is heard stay. */
document.addEventListener('submit', (event) => {
  const form = event.target;
  // An erasure leads to a page of its own, and a bundle is a file.
  const leads = /\/(erase|bundle)$/.test(new URL(form.action).pathname);
  if (form.method !== 'post' || !form.closest('.rec') || leads) return;
  event.preventDefault();
  void send(form, event.submitter);
});

async function send(form, submitter) {
  const article = form.closest('.rec');
  const body = new URLSearchParams([...new FormData(form, submitter)]);
  const response = await fetch(form.action, { method: 'POST', body }).catch(() => undefined);
  const html = await response?.text().catch(() => '');
  const page = new DOMParser().parseFromString(html ?? '', 'text/html');
  const fresh = $('article.rec', page);
  if (fresh) replaceAround(article, fresh);
  else
    $('.rec-head', article).after(
      make('p', { class: 'notice bad' }, icon('dead'), failureOf(page, response)),
    );
  const notice = $('.notice', article);
  notice?.setAttribute('tabindex', '-1');
  notice?.focus();
  if (fresh) await refreshRow(article);
}

let refreshes = 0;

/** The list beside a panel shows what was done as well. */
async function refreshRow(article) {
  const row = article.closest('.panel') && $('.is-open');
  if (!row) return;
  const refresh = ++refreshes;
  const response = await fetch(listHref).catch(() => undefined);
  const html = response?.ok ? await response.text().catch(() => undefined) : undefined;
  if (refresh !== refreshes || html === undefined) return;
  const page = new DOMParser().parseFromString(html, 'text/html');
  const href = $('.c-who a', row).getAttribute('href');
  const fresh = $$('.c-who a', page).find((link) => link.getAttribute('href') === href);
  // One that its list does not have any more has no flag that it was found by.
  if (fresh) $('.c-flags', row).replaceWith($('.c-flags', fresh.closest('tr')));
  else $('.c-flags', row).replaceChildren();
}

/** What a page says that failed; another answer is none of this vault's pages. */
function failureOf(page, response) {
  const isEnded = response?.redirected && new URL(response.url).pathname === '/sign-in';
  const unsaid = isEnded ? words.ended : response ? words.unknown : words.sendFailed;
  const [title, text] = ['h1', 'h1 + p'].map((selector) => $(`.nothing ${selector}`, page)?.textContent);
  return make('span', {}, make('b', {}, title ?? unsaid), ` ${text ?? ''}`);
}

/** The player stays where it is: an element that is moved stops playing. */
function replaceAround(article, fresh) {
  const [kept, next] = [article, fresh].map((one) => $('.player', one));
  if (!kept || !next) {
    article.replaceChildren(...fresh.children);
    return startPage();
  }
  for (const node of [...article.children]) if (node !== kept) node.remove();
  const nodes = [...fresh.children];
  const at = nodes.indexOf(next);
  kept.before(...nodes.slice(0, at));
  kept.after(...nodes.slice(at + 1));
  paged?.redraw();
}

const boxes = () => $$('.recordings tbody [type=checkbox]');

function showSelected() {
  const chosen = $('.chosen');
  const count = boxes().filter(({ checked }) => checked).length;
  if (chosen) chosen.textContent = fill(words.selected, { count });
  const all = $('.c-pick .all');
  if (!all) return;
  all.checked = count > 0 && count === boxes().length;
  all.indeterminate = count > 0 && !all.checked;
}

document.addEventListener('change', ({ target }) => {
  if (target.matches('.c-pick .all')) for (const box of boxes()) box.checked = target.checked;
  if (target.closest('.c-pick')) showSelected();
});
document.addEventListener('reset', () => setTimeout(showSelected));

/** The list of keys, which only this module acts on. */
function makeKeys() {
  const { title, list, close } = words.keys;
  const rows = list.map(([keys, what]) => {
    const names = keys.flatMap((key) => [make('kbd', {}, key), ' ']);
    return make('div', {}, make('dt', {}, ...names), make('dd', {}, what));
  });
  const button = make(
    'button',
    { class: 'btn', type: 'button', popovertarget: 'keys', popovertargetaction: 'hide' },
    close,
  );
  const heading = make('h2', { id: 'keys-title' }, title);
  const attributes = {
    id: 'keys',
    class: 'dialog',
    role: 'dialog',
    popover: 'auto',
    'aria-labelledby': 'keys-title',
  };
  return make('div', attributes, heading, make('dl', { class: 'keys' }, ...rows), button);
}

document.body.append(makeKeys());

const TEXT = 'input:not([type=checkbox], [type=range], [type=radio]), select, textarea';

document.addEventListener('keydown', (event) => {
  const { key, target } = event;
  if (key === 'Escape') return closeTop();
  if (event.ctrlKey || event.metaKey || event.altKey || target.closest(TEXT)) return;
  // What floats has the keys, and a group of radio buttons its arrows.
  if (($(':popover-open') && key !== '?') || (key.startsWith('Arrow') && target.matches('[type=radio]')))
    return;
  if (key === ' ' && target.closest('button, summary, [type=checkbox], [type=radio]')) return;
  const links = $$('.recordings .c-who a');
  const at = links.indexOf(document.activeElement);
  const act = { ...listKeys(links, at), ...current?.keys, ...rowKeys(links[at]) }[key];
  if (!act) return;
  event.preventDefault();
  act();
});

function listKeys(links, at) {
  return {
    '/': () => $('#q')?.focus(),
    j: () => links[Math.min(at + 1, links.length - 1)]?.focus(),
    k: () => links[Math.max(at - 1, 0)]?.focus(),
    '?': () => $('#keys').togglePopover(),
  };
}

/** Of the row that has the focus. */
function rowKeys(link) {
  const [box, play] = ['[type=checkbox]', '.play'].map((name) => link && $(name, link.closest('tr')));
  return { ...(box && { x: () => box.click() }), ...(play && { ' ': () => play.click() }) };
}

function closeTop() {
  const open = $('.chip details[open], .menu[open]');
  if (open) {
    open.open = false;
    return $('summary', open).focus();
  }
  if ($('.panel') && !$(':popover-open')) closePanel();
}

/** `npm start` names an address with the token of its vault after the #, which no server is sent. */
function fillToken() {
  const [, token] = /^#token=([\w-]+)$/.exec(location.hash) ?? [];
  const field = $('#token');
  if (token === undefined || !field) return;
  field.value = token;
  history.replaceState(null, '', location.pathname + location.search);
}

fillToken();
document.documentElement.classList.add('has-module');
// A browser that goes back restores what was ticked, after this.
addEventListener('pageshow', showSelected);
startPage();
openAsked();
