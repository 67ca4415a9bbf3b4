#!/bin/sh
# Process 1 of a hypervisor node: sh node.sh SITE NAME ADDRESS KIND QM NODES PACKAGES
#
# It runs in mount, PID, host-name and IPC namespaces of its own (`unshare`), so that what is set up here is this node's
# alone: its /etc with its users and its sshd, its /run, /dev/shm, /var/lib, /var/log and its boot id.
# What outlives a restart of the node is in SITE/nodes/NAME; /etc/pve/nodes is the same on every node, as in a cluster.
set -eu
site=$1 name=$2 address=$3 kind=$4 qm=$5 nodes=$6 packages=$7
d=$site/nodes/$name

hostname "$name"
mkdir -p "$d/over" "$d/home" "$d/lib" "$d/log/pve/tasks"
mount -t tmpfs -o mode=755 over "$d/over"
# The packages lie over the machine's own files where the node is made of them.
if [ "$kind" = libvirt ]; then
  mount -t overlay -o "lowerdir=$packages/usr:/usr" overlay /usr
fi
for f in etc usr/sbin; do
  mkdir -p "$d/over/$f/upper" "$d/over/$f/work"
  mount -t overlay -o "lowerdir=/$f,upperdir=$d/over/$f/upper,workdir=$d/over/$f/work" overlay "/$f"
done
mount -t tmpfs -o mode=755 run /run
mkdir -p /run/sshd /run/lock/qemu-server /run/qemu-server
chmod 1777 /run/lock
mount -t tmpfs -o mode=1777 shm /dev/shm
mount --bind "$d/lib" /var/lib
mount --bind "$d/log" /var/log
cat /proc/sys/kernel/random/uuid >"$d/boot_id"
mount --bind "$d/boot_id" /proc/sys/kernel/random/boot_id

# A .bashrc of root on the machine below has no say here.
sed -i "s#^root:\([^:]*\):0:0:\([^:]*\):[^:]*:#root:\1:0:0:\2:$d/home:#" /etc/passwd
grep -q '^sshd:' /etc/passwd || echo 'sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin' >>/etc/passwd
echo "127.0.0.1 localhost
$address $name" >/etc/hosts
rm -rf /etc/ssh/ssh_host_* /etc/ssh/sshd_config.d
install -m 644 "$site/id.pub" /etc/ssh/testbed_keys
install -m 600 "$d/hostkey" /etc/ssh/testbed_hostkey
# The first value counts, but of MaxStartups the last.
cat >/etc/ssh/sshd_config <<EOF
$(cat "$d/sshd_config" 2>/dev/null || true)
ListenAddress $address:22
HostKey /etc/ssh/testbed_hostkey
PidFile /run/sshd.pid
AuthorizedKeysFile /etc/ssh/testbed_keys
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
EOF

# A node can be restarted from itself: what runs on it is told, and process 1 says how it ended.
cat >/usr/sbin/systemctl <<'EOF'
#!/bin/sh
case "${0##*/} $*" in
  'systemctl reboot' | 'reboot ') kill -TERM 1 ;;
  *)
    echo "System has not been booted with systemd as init system (PID 1). Can't operate." >&2
    exit 1
    ;;
esac
EOF
chmod 755 /usr/sbin/systemctl
rm -f /usr/sbin/reboot
ln -s systemctl /usr/sbin/reboot
trap 'stop_guests; exit 42' TERM

. "$site/$kind.sh"

/usr/sbin/sshd -D -f /etc/ssh/sshd_config -E "$d/sshd.log" &
start_guests
touch "$d/booted"
# It outlives its sshd: a test may end that. Whoever lost its parent is waited for here.
sleep infinity &
wait "$!"
