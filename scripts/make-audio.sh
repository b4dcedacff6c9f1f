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

# Calls of the demo: a voice a channel, one line after the other. A line is `a:` or `b:` and what is said, or a pause in seconds.
segment=0
call() {
  local name=$1 parts=()
  shift
  for line in "$@"; do
    segment=$((segment + 1))
    case $line in
      a:*) say en-us "s$segment" "${line#a:}"; telephone "s$segment"; sox -D "$work/s$segment-8k.wav" "$work/p$segment.wav" remix 1 0 pad 0 0.5 ;;
      b:*) say en-gb "s$segment" "${line#b:}"; telephone "s$segment"; sox -D "$work/s$segment-8k.wav" "$work/p$segment.wav" remix 0 1 pad 0 0.5 ;;
      *) sox -D -n -r 8000 -c 2 -b 16 "$work/p$segment.wav" trim 0 "$line" ;;
    esac
    parts+=("$work/p$segment.wav")
  done
  sox -D "${parts[@]}" "$work/$name.wav"
}

call delivery \
  'a:Good morning, this is the order desk. What can I do for you?' \
  'b:Good morning. My order was due last Friday, and nothing has come.' \
  'a:I am sorry to hear that. Can you give me the number of the order, please?' \
  'b:Yes. It is one one eight, three zero seven.' \
  'a:Thank you. One moment, I will look for it.' 7 \
  'a:I have it here. The parcel was sent back to us, because the house number was missing.' \
  'b:That is strange. The number is twenty six.' \
  'a:I will correct it now, and send it again today. You will have it on Thursday, before noon. That is a promise.' \
  'b:Thursday, before noon. Thank you, I will take you at your word.' \
  'a:You are welcome. Good bye.'
sox -D "$work/delivery.wav" -e u-law -b 8 delivery.wav

call invoice \
  'b:Hello, I have a question about an invoice.' \
  'a:Of course. Which one is it?' \
  'b:The one of the third of March. It was paid twice.' \
  'a:Let me see. Please hold the line.' 12 \
  'a:You are right. It was paid on the tenth, and once more on the eleventh.' \
  'b:So what happens now?' \
  'a:You can have the money back, or we keep it for the next invoice. Which do you prefer?' \
  'b:I would rather have it back, to the same account.' \
  'a:Then I need the last four digits of the account, to be sure that it is the right one.' \
  'b:They are five, zero, nine, two.' \
  'a:Thank you. It will be there within five working days, and you get a letter about it.' 3 \
  'b:Good. Will there be a fee?' \
  'a:No. The mistake was ours, so there is no fee.' \
  'b:Then that is all. Thank you for your help.' \
  'a:Thank you for calling. Have a nice day.'
lame --quiet -m s -b 24 --resample 8 "$work/invoice.wav" invoice.mp3

say en-gb message 'Hello, this is the workshop. Your car is ready, and you can fetch it until six this evening. The bill is lower than we thought: only the battery had to be changed. If you cannot come today, we are here again tomorrow from eight. Good bye.'
telephone message
lame --quiet -m m -b 16 --resample 8 "$work/message-8k.wav" message.mp3
