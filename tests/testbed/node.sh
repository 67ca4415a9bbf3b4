#!/bin/sh
# Process 1 of a machine of the test bed: sh node.sh BED NAME
#
# It runs in mount, PID and host-name namespaces of its own (`unshare`), so that everything below is this machine's
# alone: its /etc with its users and its sshd, its /run, /root, /home, /tmp, /dev/shm, /var/lib, its boot id. It lives in
# BED/nodes/NAME; the test reads and writes there from outside.
#
# Files there that say what the machine is like (one value each, absent is the default):
#   address, port    where its sshd listens
#   sh               what /bin/sh is: `dash`, `busybox`, `bash`, or `none`
#   sshd_config      more lines for its sshd
#   users            more users, NAME:UID:SHELL a line
#   sudoers          its /etc/sudoers.d/bed
#   nosudo           it has no sudo
#   hypervisor       it has a stand-in `qm`
#   autostart        the guests that a hypervisor starts when it boots
#   systemd          systemd is its process 1, in the cgroup that the file names; see `systemd.sh`
set -eu
bed=$1
name=$2

# Machines have a /root, /home and /tmp of their own, and the bed may lie in one of these: it is kept within reach. A
# guest finds it there already, with its hypervisor's mounts.
at=/mnt
if [ ! -e "$at/node.sh" ]; then
  mkdir -p "$at"
  mount --rbind "$bed" "$at"
fi
d=$at/nodes/$name

hostname "$name"
mkdir -p "$d/over" "$d/root" "$d/home" "$d/run" "$d/lib"
mount -t tmpfs -o mode=755 over "$d/over"
# A guest begins from the same folders as its hypervisor: overlays on overlays have a limit.
for f in etc usr/bin usr/sbin; do
  if [ ! -d "$at/base/$f" ] || ! mountpoint -q "$at/base/$f"; then
    mkdir -p "$at/base/$f"
    mount --bind "/$f" "$at/base/$f"
  fi
  mkdir -p "$d/over/$f/upper" "$d/over/$f/work"
  mount -t overlay -o "lowerdir=$at/base/$f,upperdir=$d/over/$f/upper,workdir=$d/over/$f/work" overlay "/$f"
done
mount --bind "$d/root" /root
mount --bind "$d/home" /home
mount --bind "$d/run" /run
mount --bind "$d/lib" /var/lib
for f in /tmp /dev/shm /var/tmp; do
  mount -t tmpfs -o mode=1777 bed "$f"
done
if [ ! -e "$bed/node.sh" ]; then
  mkdir -p "$bed"
  mount --rbind "$at" "$bed"
fi
[ -s "$d/boot_id" ] || cat /proc/sys/kernel/random/uuid >"$d/boot_id"
mount --bind "$d/boot_id" /proc/sys/kernel/random/boot_id

case $(cat "$d/sh" 2>/dev/null || true) in
dash | busybox | bash)
  rm -f /usr/bin/sh
  ln -s "$(cat "$d/sh")" /usr/bin/sh
  ;;
none) rm -f /usr/bin/sh ;;
esac

rm -rf /etc/ssh/ssh_host_* /etc/ssh/sshd_config.d
fresh_run() {
  rm -rf /run/*
  mkdir -p /run/sshd /run/lock /run/user
  chmod 1777 /run/lock
  [ ! -f "$d/hypervisor" ] || mkdir -p /run/qemu-server /run/lock/qemu-server
}
fresh_run
echo "127.0.0.1 localhost $name" >/etc/hosts
for user in $(cat "$d/users" 2>/dev/null || true); do
  uid=${user#*:}
  shell=${uid#*:}
  uid=${uid%%:*}
  user=${user%%:*}
  echo "$user:x:$uid:$uid::/home/$user:$shell" >>/etc/passwd
  echo "$user:x:$uid:" >>/etc/group
  echo "$user:*:19000:0:99999:7:::" >>/etc/shadow
  mkdir -p "/home/$user"
  chown "$uid:$uid" "/home/$user"
done
mkdir -p /etc/sudoers.d
rm -f /etc/sudoers.d/*
[ ! -f "$d/sudoers" ] || install -m 440 "$d/sudoers" /etc/sudoers.d/bed
[ ! -f "$d/nosudo" ] || rm -f /usr/bin/sudo
install -m 644 "$bed/id.pub" /etc/ssh/bed_keys
install -m 600 "$d/hostkey" /etc/ssh/bed_hostkey
# The first value counts, but of MaxStartups the last.
cat >/etc/ssh/sshd_config <<EOF
MaxStartups 1000
$([ ! -f "$d/systemd" ] || echo UsePAM yes)
$(cat "$d/sshd_config" 2>/dev/null || true)
ListenAddress $(cat "$d/address"):$(cat "$d/port")
HostKey /etc/ssh/bed_hostkey
PidFile /run/sshd.pid
AuthorizedKeysFile /etc/ssh/bed_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UseDNS no
PrintMotd no
PrintLastLog no
EOF

if [ -f "$d/hypervisor" ]; then
  mkdir -p "$d/pve/nodes/$name/qemu-server" "$d/vms" "$d/log/pve/tasks" /etc/pve
  mount --bind "$d/pve" /etc/pve
  mount --bind "$d/log" /var/log
  [ -L /etc/pve/qemu-server ] || ln -s "nodes/$name/qemu-server" /etc/pve/qemu-server
  # As the cluster file system shows it on a host that is in no cluster.
  [ -e /etc/pve/.members ] || printf '{\n"nodename": "%s",\n"version": 0\n}\n' "$name" >/etc/pve/.members
  install -m 755 "$bed/qm" /usr/sbin/qm
  echo "BED=$bed NODE=$name" >/etc/bed
fi

# Its life hangs on standard input: a pipe whose other end the test holds, however it ends.
exec 3<&0 </dev/null
if [ -f "$d/systemd" ]; then
  # A machine that restarts itself is ended by SIGHUP (reboot(2), in a PID namespace), and is started again.
  (
    code=129
    while [ "$code" = 129 ]; do
      code=0
      unshare --pid --mount --fork --kill-child --mount-proc sh "$at/systemd.sh" "$bed" "$name" "$(cat "$d/systemd")" || code=$?
      cat /proc/sys/kernel/random/uuid >"$d/boot_id"
      fresh_run
    done
  ) 3<&- &
else
  /usr/sbin/sshd -D -f /etc/ssh/sshd_config -E "$d/sshd.log" &
  for vm in $(cat "$d/autostart" 2>/dev/null || true); do
    qm start "$vm"
  done
fi
cat <&3 >/dev/null &
wait "$!"
