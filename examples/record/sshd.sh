#!/bin/bash
# sshd.sh : logins. Ordinary ones from the LAN and the tailnet; guesses and three accepted logins from outside.
set -uo pipefail
cd "$WORK"
options=(-F /dev/null -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o NumberOfPasswordPrompts=1 -o ConnectTimeout=5 -o LogLevel=ERROR)
to() { case $1 in *:*) echo fd00:10::10 ;; *) echo 10.0.40.10 ;; esac; }
key() { # user from [further options]
  ssh "${options[@]}" -o BatchMode=yes -o PreferredAuthentications=publickey -o IdentitiesOnly=yes -i "ssh/$1" -b "$2" "${@:3}" -l "$1" "$(to "$2")" true < /dev/null
}
stranger() { # user from: a key that nobody authorised
  ssh "${options[@]}" -o BatchMode=yes -o PreferredAuthentications=publickey -o IdentitiesOnly=yes -i ssh/ca -b "$2" -l "$1" 10.0.40.10 true < /dev/null
}
password() { # user from secret method
  sshpass -p "$3" ssh "${options[@]}" -o PreferredAuthentications="${4:-password}" -o PubkeyAuthentication=no -b "$2" -l "$1" "$(to "$2")" true < /dev/null
}
own() { cat "ssh/$1.password"; }

key me 10.0.20.10; key backup-bot 10.0.20.50; sleep 2
password dev 10.0.20.31 "$(own dev)"; key me 100.64.3.9; sleep 2
password dev 10.0.20.31 mistyped; password dev 10.0.20.31 "$(own dev)"; sleep 2
su - dev -s /bin/sh -c true; key backup-bot 10.0.20.50; sleep 2
# Guesses from outside: real and invented users, and one whose name is written to look like an accepted login.
for user in root admin ubuntu git me; do password "$user" 203.0.113.9 "guess-$user"; done
password 'Accepted password for me from 10.0.20.10 port 22 ssh2' 203.0.113.9 guess
password 'root from 10.0.20.10 port 51234 ssh2' 203.0.113.9 guess
stranger dev 203.0.113.9; sleep 2
# S1: a password that was guessed, a certificate over IPv6, and keyboard-interactive.
password me 203.0.113.9 "$(own me)"; sleep 1
key me 2001:db8::66 -o CertificateFile=ssh/me-cert.pub; sleep 1
password dev 198.51.100.77 "$(own dev)" keyboard-interactive; sleep 2
key me 10.0.20.10; password dev 10.0.20.31 "$(own dev)" keyboard-interactive; key backup-bot 10.0.20.50
sleep 1
