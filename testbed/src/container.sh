#!/bin/sh
# Process 1 of a container: sh container.sh SITE NODE VMID
#
# It runs in mount, PID, host-name, IPC and time namespaces of its own (`unshare`), within those of its node. The kernel,
# and so the boot id, is that of the machine beneath; the uptime is its own.
set -eu
d=$1/vms/$3 node=$2
word() { sed -n "s/^$1=//p" "$d/words"; }
is() { grep -q "^$1$" "$d/words"; }

hostname "$(word name)"
# What this machine's own /proc hides.
mount --bind "$1/nodes/$node/boot_id" /proc/sys/kernel/random/boot_id
mkdir -p "$d/home"
mount -t tmpfs run /run
mkdir -p /run/sshd /run/lock
mount -t tmpfs pve /etc/pve
mount -t tmpfs shm /dev/shm
sed "s#^root:\([^:]*\):0:0:\([^:]*\):[^:]*:#root:\1:0:0:\2:$d/home:#" /etc/passwd >/run/passwd
mount --bind /run/passwd /etc/passwd
printf '127.0.0.1 localhost\n%s %s\n' "$(word address)" "$(word name)" >/run/hosts
mount --bind /run/hosts /etc/hosts
install -m 644 "$d/authorized_keys" /run/sshd/keys
install -m 600 "$d/hostkey" /run/sshd/hostkey
cat >/run/sshd/config <<END
ListenAddress $(word address):22
HostKey /run/sshd/hostkey
PidFile /run/sshd.pid
AuthorizedKeysFile /run/sshd/keys
SetEnv HOME=$d/home
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxSessions 200
UseDNS no
PrintMotd no
PrintLastLog no
Subsystem sftp internal-sftp
MaxStartups 1000
END

# The signal by which it is asked to shut down.
late=$(word late)
if is deaf || is noacpi; then
  trap '' PWR
else
  trap 'sleep "${late:-0}"; exit 0' PWR
fi
delay=$(word delay)
sleep "${delay:-0}"
is nossh || is stuck || /usr/sbin/sshd -D -f /run/sshd/config -E "$d/sshd.log" &
echo up
# Whoever lost its parent is waited for here.
sleep infinity &
wait "$!"
