#!/bin/bash
# sshd_server.sh : test users, rsyslogd with Debian 12's own file format, sshd on port 22 of the private network.
set -euo pipefail
cd "$WORK"
mkdir ssh home
for list in passwd shadow group; do cp /etc/$list ssh/$list; done
number=2000
for user in me dev backup-bot; do
  number=$((number + 1)); mkdir -p "home/$user/.ssh"
  openssl rand -hex 8 | tr -d '\n' > "ssh/$user.password"
  echo "$user:x:$number:$number::$WORK/home/$user:/bin/sh" >> ssh/passwd
  echo "$user:$(openssl passwd -6 -in "ssh/$user.password"):20000:0:99999:7:::" >> ssh/shadow
  echo "$user:x:$number:" >> ssh/group
  ssh-keygen -q -t ed25519 -N '' -C "$user" -f "ssh/$user"
  cp "ssh/$user.pub" "home/$user/.ssh/authorized_keys"
  chown -R "$number:$number" "home/$user"
done
for list in passwd shadow group; do chmod --reference=/etc/$list ssh/$list; mount --bind ssh/$list /etc/$list; done
chmod 755 "$WORK" "$WORK/home"
ssh-keygen -q -t ed25519 -N '' -C ca -f ssh/ca
ssh-keygen -q -s ssh/ca -I me@example.org -n me -z 7 ssh/me.pub
ssh-keygen -q -t ed25519 -N '' -f ssh/host
cat > ssh/rsyslog.conf <<R
module(load="imuxsock")
auth,authpriv.* action(type="omfile" file="$WORK/auth.log" template="RSYSLOG_FileFormat")
R
rsyslogd -f "$WORK/ssh/rsyslog.conf" -i "$WORK/ssh/rsyslogd.pid"
for _ in $(seq 50); do [ -S /dev/log ] && break; sleep 0.1; done
cat > ssh/sshd_config <<S
Port 22
HostKey $WORK/ssh/host
UsePAM yes
PasswordAuthentication yes
KbdInteractiveAuthentication yes
TrustedUserCAKeys $WORK/ssh/ca.pub
StrictModes no
PermitRootLogin no
S
"$(command -v sshd || echo /usr/sbin/sshd)" -f "$WORK/ssh/sshd_config"
