#!/bin/sh
# A machine of the test bed with systemd as its process 1: sh systemd.sh BED NAME CGROUP
#
# `node.sh` calls it in PID and mount namespaces below the machine's own, so that all of it ends with `node.sh`. What it
# gives systemd is what CONTAINER_INTERFACE (systemd.io) asks for: /sys and /proc/sys that can not be written, a /dev
# with nothing of the real machine's in it, and a cgroup that is the root of all that there is to see.
#
# Of the units of the real machine only those are there that it needs. A unit like systemd-tmpfiles-setup would reach
# through to the disk of the real machine, of which the bed's machines see more than they own.
#
# What a test adds below /etc/systemd/system is on the machine's disk: it is there after a reboot.
set -eu
bed=$1
name=$2
d=${0%/*}/nodes/$name

if [ $# = 3 ]; then
  # 0 is the process that writes.
  echo 0 >"$3/cgroup.procs"
  exec unshare --cgroup sh "$0" "$bed" "$name"
fi

mount --bind /sys /sys
mount -o remount,bind,ro /sys
mount -t cgroup2 cgroup /sys/fs/cgroup
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
mount --bind "$d/boot_id" /proc/sys/kernel/random/boot_id

mount -t tmpfs -o mode=755 dev /dev
while read -r node major minor; do
  mknod -m 666 "/dev/$node" c "$major" "$minor"
done <<EOF
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
EOF
mkdir /dev/pts /dev/shm
mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts /dev/pts
mount -t tmpfs -o mode=1777 bed /dev/shm
ln -s pts/ptmx /dev/ptmx
ln -s /proc/self/fd /dev/fd
for f in /var/log /var/cache /var/spool; do
  mount -t tmpfs -o mode=755 bed "$f"
done

units=$d/over/units
mkdir -p "$units" "$d/over/none" "$d/units"
for unit in /usr/lib/systemd/system/*.target /usr/lib/systemd/system/*.slice \
  /usr/lib/systemd/system/dbus.socket /usr/lib/systemd/system/dbus.service \
  /usr/lib/systemd/system/systemd-reboot.service \
  /usr/lib/systemd/system/user@.service /usr/lib/systemd/system/user-runtime-dir@.service; do
  cp -L "$unit" "$units"
done
cat >"$units/ssh.service" <<EOF
[Service]
ExecStart=/usr/sbin/sshd -D -f /etc/ssh/sshd_config -E $d/sshd.log
KillMode=process
EOF
# Without the walls around Debian's, for which a container may lack the rights.
cat >"$units/systemd-logind.service" <<EOF
[Unit]
Requires=dbus.socket
After=dbus.socket user.slice

[Service]
ExecStart=/lib/systemd/systemd-logind
Type=notify
BusName=org.freedesktop.login1
FileDescriptorStoreMax=512
EOF
ln -sf systemd-logind.service "$units/dbus-org.freedesktop.login1.service"
# Guests are started as a Proxmox host does it: by a unit, and in scopes of their own (see `qm`).
cat >"$units/pve-guests.service" <<EOF
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'for vm in \$(cat $d/autostart 2>/dev/null); do qm start "\$vm"; done'
EOF
ln -sf multi-user.target "$units/default.target"
mkdir -p "$units/multi-user.target.wants"
for unit in ssh systemd-logind pve-guests; do
  ln -sf "../$unit.service" "$units/multi-user.target.wants"
done
mount --bind "$units" /usr/lib/systemd/system
for f in /usr/lib/systemd/system-generators /usr/lib/systemd/system-environment-generators \
  /usr/lib/systemd/user-generators; do
  [ ! -d "$f" ] || mount --bind "$d/over/none" "$f"
done
rm -rf /etc/systemd/user /etc/systemd/*.d
mkdir -p /etc/systemd/system
mount --bind "$d/units" /etc/systemd/system
# Who logs in gets a session, and what is left of a session ends with it, root's too.
printf '[Login]\nKillUserProcesses=yes\nKillExcludeUsers=\nReserveVT=0\nNAutoVTs=0\n' >/etc/systemd/logind.conf
printf '[Manager]\nDefaultTimeoutStopSec=10s\nDefaultStandardOutput=null\n' >/etc/systemd/system.conf
for service in sshd systemd-user; do
  printf '%s required pam_permit.so\n' auth account session >"/etc/pam.d/$service"
  printf 'session required pam_systemd.so\n' >>"/etc/pam.d/$service"
done
: >/etc/machine-id

export container=bed
exec /lib/systemd/systemd --log-target=console --show-status=no
