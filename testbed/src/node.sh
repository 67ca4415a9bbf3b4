#!/bin/sh
# Process 1 of a hypervisor node: sh node.sh SITE NAME ADDRESS QM NODES
#
# It runs in mount, PID, host-name and IPC namespaces of its own (`unshare`), so that what is set up here is this node's
# alone: its /etc with its users and its sshd, its /run, /dev/shm, /var/lib, /var/log and its boot id.
# What outlives a restart of the node is in SITE/nodes/NAME; /etc/pve/nodes is the same on every node, as in a cluster.
set -eu
site=$1 name=$2 address=$3 qm=$4 nodes=$5
d=$site/nodes/$name

hostname "$name"
mkdir -p "$d/over" "$d/home" "$d/lib" "$d/log/pve/tasks"
mount -t tmpfs -o mode=755 over "$d/over"
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

mkdir -p /etc/pve/nodes /etc/pve/ha "$site/pve/nodes/$name/qemu-server" "$site/pve/nodes/$name/lxc" "$site/pve/ha"
mount --bind "$site/pve/nodes" /etc/pve/nodes
mount --bind "$site/pve/ha" /etc/pve/ha
ln -s "nodes/$name" /etc/pve/local
ln -s "nodes/$name/qemu-server" /etc/pve/qemu-server
ln -s "nodes/$name/lxc" /etc/pve/lxc
if [ "$nodes" = 1 ]; then
  printf '{\n"nodename": "%s",\n"version": 0\n}\n' "$name"
else
  printf '{\n"nodename": "%s",\n"version": 4,\n' "$name"
  printf '"cluster": { "name": "testbed", "version": %s, "nodes": %s, "quorate": 1 }\n}\n' "$nodes" "$nodes"
fi >/etc/pve/.members
printf '%s\n%s\n' "$site" "$name" >/etc/testbed
for program in qm pveversion; do : >"/usr/sbin/$program"; done
mount --bind "$qm" /usr/sbin/qm
cat >/usr/sbin/pveversion <<'EOF'
#!/bin/sh
echo "pve-manager/8.4.21/testbed (running kernel: $(uname -r))"
EOF
chmod 755 /usr/sbin/pveversion

/usr/sbin/sshd -D -f /etc/ssh/sshd_config -E "$d/sshd.log" &
# What is to run when the hypervisor boots (`onboot`).
for conf in /etc/pve/qemu-server/*.conf; do
  if grep -qs '^onboot: 1' "$conf" && [ -e "$d/booted" ]; then
    vmid=${conf##*/}
    qm start "${vmid%.conf}" || true
  fi
done
touch "$d/booted"
# It outlives its sshd: a test may end that. Whoever lost its parent is waited for here.
sleep infinity &
wait "$!"
