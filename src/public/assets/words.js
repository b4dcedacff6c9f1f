/** Every string of the modules, and of the page in a bundle; those of the server are in src/http/pages/words.ts. */
export const words = {
  copied: 'Copied',
  copyFailed: 'Copying is not allowed here. Select the text instead.',
  play: 'Play',
  pause: 'Pause',
  playFailed: 'The audio cannot be played.',
  of: 'of',
  selected: (count) => `${count} selected`,
  sendFailed: 'That could not be sent. Check the connection, and try again.',
  panel: { label: 'Recording', close: 'Close', full: 'Full page' },
  keys: {
    title: 'Keys',
    close: 'Close',
    list: [
      [['/'], 'Search'],
      [['j', 'k'], 'Next and previous row'],
      [['Enter'], 'Open the recording'],
      [['x'], 'Select the row'],
      [['Space'], 'Play or pause'],
      [['←', '→'], 'Back and forward 10 seconds'],
      [['[', ']'], 'Slower and faster'],
      [['n'], 'Next speech'],
      [['a'], 'Set A, then B, then clear'],
      [['Esc'], 'Close what is open'],
    ],
  },
  proof: {
    running: (format, done, whole) => `Checking the ${format}: ${done} of ${whole}`,
    checked: (time) => `Checked in this browser on ${time}. Nothing was sent anywhere.`,
    proven: 'Proven',
    unproven: 'Not proven',
    failed: 'Failed',
    again: 'Check again',
    inManifest: 'In the manifest',
    computed: 'Computed here',
    unchanged: [
      'The audio is unchanged.',
      (formats) => `The SHA-256 of the ${formats}, computed here, equals the one in the manifest.`,
    ],
    changed: (format) => [
      `The ${format} has changed since it was archived.`,
      'Do not rely on it. A checksum tells that bytes differ, not where: compare it with the provider’s copy or a backup.',
    ],
    missing: (format) => [
      `The ${format} is missing, or is not the one that was archived.`,
      'Do not rely on it. If the connection broke, check again.',
    ],
    announced: (provider, key, time) => [
      `${provider} announced this recording.`,
      `The Ed25519 signature over the delivery is valid for the public key ${key}, which you compare with the provider’s own${time ? `. It was signed on ${time}` : ''}.`,
    ],
    notAnnounced: (provider) => [
      `The signature of ${provider} does not fit the delivery.`,
      'The delivery, its signature or the key has changed since it came.',
    ],
    cannotVerify: [
      'The signature was not checked.',
      'This browser has no Ed25519. Use another one, or the commands of docs/proof.md.',
    ],
    about: ['The announcement is about this call.', (names) => `${names} stand in the signed delivery.`],
    notAbout: [
      'That the announcement is about this call.',
      (names) => `The delivery does not contain: ${names}.`,
    ],
    genuine: (provider) => [
      'The delivery was genuine when it came.',
      `callvault checked ${provider}’s HMAC on arrival, and kept the delivery as it came.`,
    ],
    toOthers: (provider, setting) => [
      `To others, that ${provider} sent it.`,
      `An HMAC has the same secret on both sides: who can check it could also have made it. You can repeat the check with ${setting}; a third party has to take your word.`,
    ],
    byAudit: (provider) => [
      'That the recording was announced.',
      `No delivery came: callvault found it in the list of ${provider}’s API.`,
    ],
    sharedSecret: (provider) => [
      `That ${provider} sent it.`,
      'The delivery was authenticated by a shared secret, which is not stored: there is nothing to verify later.',
    ],
    together: [
      'That audio and manifest were not replaced together.',
      'Who may write to the bucket could do that. Compare the SHA-256 with an earlier bundle, or keep the bucket under a lock.',
    ],
    audio: (provider) => [
      `That ${provider} signed the audio itself.`,
      'No provider does. The link between the announcement and these bytes is callvault’s own download.',
    ],
    numbers: (provider) => ['The two numbers.', `They came from ${provider}’s API, not from the delivery.`],
    speaker: ['Who speaks, and what was not recorded.', ''],
    names: { recordingId: 'Recording id', callId: 'call id' },
    and: 'and',
  },
  verify: {
    none: 'Nothing was chosen yet.',
    noManifest: 'None of the chosen files is a manifest of callvault.',
    notChosen: (format) => [`The ${format} was not chosen.`, 'Choose its file as well.'],
    otherAudio: (name) => `${name} is not in the manifest.`,
  },
};
