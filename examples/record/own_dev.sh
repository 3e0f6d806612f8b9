# own_dev.sh : sourced within namespaces of its own, in a folder of its own. A /dev, /run and user list that are ours, so
# that syslog's socket and the test users never touch the machine's.
mkdir dev && mount -t tmpfs tmpfs dev && mkdir dev/pts dev/shm
for node in null zero full random urandom tty; do : > "dev/$node"; mount --bind "/dev/$node" "dev/$node"; done
mount --bind /dev/pts dev/pts && ln -s pts/ptmx dev/ptmx && ln -s /proc/self/fd dev/fd && mount --rbind dev /dev
mount -t tmpfs tmpfs /run && mkdir /run/sshd
