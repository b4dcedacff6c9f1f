#!/usr/bin/env bash
# Makes test/fixtures/audio anew: 8 kHz speech as telephony records it. Needs espeak-ng, sox and lame.
set -euo pipefail
cd "$(dirname "$0")/../test/fixtures/audio"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { espeak-ng -v "$1" -s 150 -w "$work/$2.wav" "$3"; }
telephone() { sox -D "$work/$1.wav" -r 8000 -c 1 -b 16 "$work/$1-8k.wav" rate -v; }

say en-us agent 'Thank you for calling. How can I help you today?'
say en-gb caller 'Hello. I would like to move my appointment to Thursday, please.'
telephone agent
telephone caller

# Mono: both voices one after the other. Dual: the agent left, the caller right, as on two legs.
sox -D "$work/agent-8k.wav" "$work/caller-8k.wav" -c 1 mono.wav
sox -D "$work/caller-8k.wav" "$work/caller-late.wav" pad 2.5
sox -D -M "$work/agent-8k.wav" "$work/caller-late.wav" -e u-law -b 8 dual.wav
lame --quiet -m m -b 16 --resample 8 mono.wav mono.mp3
sox -D "$work/agent-8k.wav" "$work/agent-long.wav" pad 0 3
sox -D -M "$work/agent-long.wav" "$work/caller-late.wav" "$work/dual-16.wav"
lame --quiet -m s -b 24 --resample 8 "$work/dual-16.wav" dual.mp3
