# host.sh VERB WORD… : what vedette does on a host. It is sent over ssh, or stands on the host (vedette action rights host).
# In: words, none of which is ever a part of a command. Out: lines of ours, and after each what was read, every line
# of it with a | before it, so that nobody's text is taken for ours; at the end a dot alone: all of it was run.
# VEDETTE is this text, for the part that runs as another user; VEDETTE_PART is set there.
# Needs: a POSIX shell with local files' tools of Linux (readlink -f, mktemp, sha256sum, head -c, ps of procps).
set -f
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C TZ=UTC
export PATH LC_ALL TZ
umask 077
most_lines=200 most_bytes=1048576

theirs() { cut -c 1-2000 | sed 's/^/|/'; }
digest() { sha256sum <"$1" 2>/dev/null | cut -c 1-64; }
fail() { printf 'failed\n%s\n' "$*" | sed '2,$s/^/|/'; return 1; }
owner_and_mode() { ls -ldn -- "$1" | { read -r mode _ uid gid _; echo "$mode $uid $gid"; }; }
passwd_of() { getent passwd "$1" 2>/dev/null || awk -F : -v user="$1" '$1 == user' /etc/passwd; }

account() { # USER: who that is, who we are, and where sshd looks for keys
  echo passwd; passwd_of "$1" | theirs
  echo "me ${SUDO_USER:-$(id -un)} $(id -u)"
  # -T reads the configuration as sshd would, for this user; it wants root, since it reads the host keys.
  sshd=$(command -v sshd || echo /usr/sbin/sshd)
  if said=$("$sshd" -T -C "user=$1,host=localhost,addr=127.0.0.1,laddr=127.0.0.1,lport=22" 2>&1); then
    echo sshd
  else
    echo sshd-failed
  fi
  printf '%s\n' "$said" | theirs
  echo by-address
  grep -hiE '^[[:space:]]*match[[:space:]].*(address|host|localport)' /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf \
    2>/dev/null | theirs
  echo started-with
  ps -A -o uid= -o args= 2>/dev/null | awk '$1 == 0 && $2 ~ /(^|\/)sshd:?$/ && / -f/' | theirs
}

# What a user can move about is touched with that user's rights alone, as sshd reads it: no link of theirs leads root anywhere.
roots_alone() { # FOLDER: it and all above it are root's, and nobody else may write in them
  at=$1
  while :; do
    case $(owner_and_mode "$at") in
    ?????w* | ????????w*) return 1 ;;
    *' 0 '*) ;;
    *) return 1 ;;
    esac
    [ "$at" = / ] && return 0
    at=$(dirname -- "$at")
  done
}
as_whom() { # USER FILE VERB WORD…
  user=$1 file=$2
  shift 2
  if [ "$(id -u)" != 0 ] || [ "$(id -u "$user")" = 0 ]; then
    "$@"
  elif roots_alone "$(dirname -- "$file")" && roots_alone "$(dirname -- "$(readlink -f -- "$file")")"; then
    "$@"
  elif ! command -v runuser >/dev/null; then
    fail "runuser is not on this host, and root does not touch what $user can move about"
  else
    VEDETTE_PART=1 runuser -u "$user" -- \
      sh -c 'cd /; exec sh -c "$VEDETTE" vedette "$@"' vedette "$@" ||
      fail "runuser -u $user: exit code $?"
  fi
}

read_keys() { # USER FILE…
  user=$1
  shift
  for file; do
    echo file
    printf '%s\n' "$file" | theirs
    as_whom "$user" "$file" show "$file"
  done
}
show() { # FILE
  real=$(readlink -f -- "$1") || real=$1
  why=$(ls -dL -- "$1" 2>&1 >/dev/null) && why=
  if [ ! -e "$real" ]; then
    case $why in *'No such file'* | *'Not a directory'* | '') echo absent ;; *) fail "$why" ;; esac
  elif [ ! -f "$real" ]; then
    fail "$1 is no file"
  elif [ ! -r "$real" ]; then
    fail "$1: Permission denied"
  elif [ "$(head -c $((most_bytes + 1)) -- "$real" | wc -c)" -gt $most_bytes ]; then
    fail "$1 is larger than 1 MB"
  else
    echo content
    od -An -v -tx1 -- "$real" | tr -d ' ' | sed 's/^/|/'
  fi
}

splice() { # cut_out|put_back FILE OLD NEW PIECE…: from pieces of the file, `START:COUNT`, and, to put back, `+\ooo\ooo`
  adds=$1 file=$2 old=$3 new=$4
  shift 4
  real=$(readlink -f -- "$file") || real=$file
  folder=$(dirname -- "$real")
  [ "$(digest "$real")" = "$old" ] || { echo changed; return; }
  # Of a file that chattr +i holds, access(2) says no to root too.
  [ -w "$real" ] || { fail "$file: it may not be written"; return; }
  temporary=$(mktemp -- "$folder/.vedette.XXXXXXXX" 2>&1) || { fail "$temporary"; return; }
  trap 'rm -f -- "$temporary"' EXIT
  trap 'exit 1' HUP INT TERM
  why=$(cp -p -- "$real" "$temporary" 2>&1) || { fail "$why"; return; }
  why=$(pieces "$real" "$@" 2>&1 >"$temporary") || { fail "$why"; return; }
  [ "$(digest "$temporary")" = "$new" ] || { fail "what was written is not what was to be written: is the disk full?"; return; }
  [ "$(owner_and_mode "$temporary")" = "$(owner_and_mode "$real")" ] || { fail "$file: its owner or mode cannot be kept"; return; }
  sync -- "$temporary" 2>/dev/null
  [ "$(digest "$real")" = "$old" ] || { echo changed; return; }
  why=$(mv -f -- "$temporary" "$real" 2>&1) || { fail "$why"; return; }
  echo done
}
pieces() { # FILE PIECE…
  from=$1
  shift
  for piece; do
    case $piece in
    +*[!0-7\\]*) return 1 ;;
    +*) [ "$adds" = put_back ] && printf "${piece#+}" ;;
    *) tail -c "+$((${piece%:*} + 1))" -- "$from" | head -c "${piece#*:}" ;;
    esac || return 1
  done
}

# A session is a process of sshd's: one with the user's rights whose parent is root's `sshd: NAME [priv]`. What a process
# calls itself is its user's to write, so only root's names count; root's sessions have no such parent, and are told by theirs.
tree() { # USER UID PID: `session PID`, `inside PID` for what runs in one, `own PID` for the one that PID runs in, `other PID`
  ps -A -o pid= -o ppid= -o uid= -o stat= -o args= | awk -v user="$1" -v uid="$2" -v me="$3" '
    { pid[NR] = $1; parent[$1] = $2; of[$1] = $3; dead[$1] = $4 ~ /^Z/; first[$1] = $5; name[$1] = $6; last[$1] = $7 }
    function sshd(p) { return of[p] == 0 && first[p] ~ /^(.*\/)?sshd(-session|-auth)?:?$/ }
    function session(p) {
      if (dead[p]) return 0
      if (uid != 0) return of[p] == uid && sshd(parent[p]) && last[parent[p]] == "[priv]"
      return sshd(p) && sshd(parent[p]) && (index(name[p], user "@") == 1 || name[p] == user && last[p] == "[priv]")
    }
    END {
      # Another ps, or a /proc that hides what others run (hidepid): what is not seen is not none.
      if (!(me in parent) || !(1 in parent)) { print "blind"; exit }
      for (p = me; p > 1; p = parent[p]) if (session(p)) own[p] = 1
      for (i = 1; i <= NR; i++) {
        p = pid[i]
        if (dead[p]) continue
        if (session(p)) { print (p in own ? "own" : "session"), p; continue }
        for (q = parent[p]; q > 1; q = parent[q]) if (session(q)) break
        if (q > 1) { if (!(q in own)) print "inside", p } else if (of[p] == uid && uid != 0) print "other", p
      }
    }'
}
uid_of() { passwd_of "$1" | head -n 1 | cut -d : -f 3; }
sessions() { # USER
  tree "$1" "$(uid_of "$1")" $$ | while read -r kind pid; do
    echo "$kind $pid"
    [ "$kind" = blind ] || ps -o lstart= -o tty= -o args= -p "$pid" | theirs
  done
  echo peers
  ss -Htnp state established 2>&1 | grep sshd | head -n 1000 | theirs
}
end_sessions() { # USER [all]: all: whatever else runs as the user too
  ended='' why='' too=inside
  [ "$2" != all ] || too=other
  for signal in TERM - - - - KILL KILL KILL KILL KILL; do
    all=$(tree "$1" "$(uid_of "$1")" $$)
    open=$(printf '%s\n' "$all" | awk '$1 == "session" { print $2 }')
    inside=$(printf '%s\n' "$all" | awk -v too=$too '$1 == "inside" || $1 == too { print $2 }')
    [ -n "$open$inside" ] || break
    ended="$ended $open"
    # Stopped, it starts nothing more, and what it started stays beneath it until it is gone. The words are numbers.
    [ -z "$open" ] || why=$(kill -s STOP $open 2>&1)
    [ $signal = - ] || [ -z "$inside" ] || why=$(kill -s $signal $inside 2>&1)
    if [ -n "$open" ] && { [ -z "$inside" ] || [ $signal = KILL ]; }; then why=$(kill -s KILL $open 2>&1); fi
    sleep 0.2 2>/dev/null || sleep 1
  done
  if tree "$1" "$(uid_of "$1")" $$ | grep -q -e '^session' -e '^inside' -e "^$too" -e '^blind'; then
    fail "${why:-the processes of this host cannot be seen}"
  else echo "ended $(printf '%s\n' $ended | sort -u | grep -c .)"; fi
}

look() { # NAME COMMAND WORD…: what it says, the last lines of it, and its exit code
  name=$1
  shift
  if ! command -v "$1" >/dev/null; then
    echo "$name missing"; return
  fi
  said=$(timeout 30 "$@" 2>&1 </dev/null)
  echo "$name $?"
  printf '%s\n' "$said" | head -n $most_lines | theirs
}
collect() { # SINCE, or nothing
  look last last -F -w -i -n $most_lines ${1:+-s "$1"}
  look lastb lastb -F -w -i -n $most_lines ${1:+-s "$1"}
  # Without that file `who` says nothing, and that all is well.
  if [ -r /run/utmp ]; then look who who -u; else echo 'who 1'; echo /run/utmp is not there | theirs; fi
  look journal journalctl --no-pager -o short-iso -n $most_lines ${1:+--since="$1"} _COMM=sudo
  for file in /var/log/auth.log /var/log/secure; do
    [ ! -e "$file" ] || look "$file" sh -c \
      'tail -n 20000 -- "$1" | grep -aE " sudo(\[[0-9]+\])?: " | tail -n "$2"; [ -r "$1" ]' sh "$file" $most_lines
  done
  echo accounts
  { getent passwd || cat /etc/passwd; } | theirs
}
hashes() { # FILE…
  for file in /etc/ssh/sshd_config "$@"; do
    echo file; printf '%s\n' "$file" | theirs
    if [ -f "$file" ]; then sha256sum -- "$file" 2>&1 | cut -c 1-2000 | theirs
    else ls -dL -- "$file" 2>&1 >/dev/null | theirs; fi
  done
}

verb=$1
shift
# What a login shell's own files say comes before this.
[ -n "$VEDETTE_PART" ] || echo vedette
case $verb in
account | read_keys | sessions | end_sessions | cut_out | put_back)
  case $1 in -* | '' | *[!A-Za-z0-9._@\\-]*) fail "$1 is no name of a user"; exit 1 ;; esac ;;
esac
case $verb in
account | read_keys | sessions | end_sessions | collect | hashes) "$verb" "$@" ;;
cut_out | put_back) # USER FILE OLD NEW PIECE…
  user=$1
  shift
  as_whom "$user" "$1" splice "$verb" "$@" ;;
show | splice) [ -n "$VEDETTE_PART" ] && "$verb" "$@" ;;
*) fail "$verb: no such verb" ;;
esac
[ -n "$VEDETTE_PART" ] || echo .
