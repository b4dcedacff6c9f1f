/** Every string of the modules, and of the page in a bundle; those of the server are in src/http/pages/words.ts. */
export const words = {
  copied: 'Copied',
  copyFailed: 'Copying is not allowed here. Select the text instead.',
  play: 'Play',
  pause: 'Pause',
  playFailed: 'The audio cannot be read now. Try again.',
  of: 'of',
  selected: (count) => `${count} selected`,
  ended: 'The session has ended. Load the page again to sign in.',
  unknown: 'It was sent, and what came of it is not known. Load the page again.',
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
    checked: (time) =>
      `Checked in this browser on ${time}. Nothing was sent anywhere; the trail says that the audio was read.`,
    noManifest: 'The manifest cannot be read. Nothing was checked.',
    broken: 'The check has failed. Nothing was proven.',
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
      `The Ed25519 signature over the delivery fits ${key}, which this vault has as the key of ${provider}${time ? `. It was signed on ${time}` : ''}.`,
    ],
    signedBy: (provider, key, time) => [
      `${provider} signed the delivery.`,
      `Its Ed25519 signature fits ${key}, which this vault has as the key of ${provider}${time ? `. It was signed on ${time}` : ''}.`,
    ],
    signed: (key, time) => [
      'The delivery is as it was signed.',
      `Its Ed25519 signature fits the public key ${key}${time ? `. It was signed on ${time}` : ''}.`,
    ],
    whoseKey: (provider) => [
      `That the key is that of ${provider}.`,
      `It comes from the manifest: compare it with the one that ${provider} publishes.`,
    ],
    notAnnounced: (provider) => [
      `The signature of ${provider} does not fit the delivery.`,
      'The delivery, its signature or the key has changed since it came.',
    ],
    cannotVerify: [
      'The signature was not checked.',
      'This browser has no Ed25519. Use another one, or the commands of docs/proof.md.',
    ],
    about: [
      'The signed delivery is about this call.',
      'It has the recording id and the call id of the manifest.',
    ],
    notAbout: [
      'That the delivery is about this call.',
      'The event in it has another recording id or call id than the manifest.',
    ],
    toOthers: (provider, setting) => [
      `That ${provider} sent the delivery.`,
      `The manifest states that callvault checked an HMAC when it came. An HMAC has the same secret on both sides, so this browser cannot repeat that, and to others it proves nothing. With ${setting} you can repeat it.`,
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
  },
  verify: {
    none: 'Nothing was chosen yet.',
    noManifest: 'None of the chosen files is a manifest of callvault.',
    manyManifests: 'Several manifests were chosen. Choose the files of one recording.',
    failed: 'These files cannot be checked.',
    notChosen: (format) => [`The ${format} was not chosen.`, 'Choose its file as well.'],
    otherAudio: (name) => `${name} is none of this recording’s files, or one of them was chosen twice.`,
  },
};
